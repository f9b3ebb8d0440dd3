"""A placeholder: the events of models."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

Kind = Literal["promoted", "held", "rejected", "skipped", "failed"]


def emit(kind: Kind, root: Path, decision: Mapping[str, Any]) -> None:
    """Tells Prefect of a decision."""
