"""A placeholder: the artifacts of a flow run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def publish(root: Path, decision: Mapping[str, Any] | None) -> None:
    """Shows what is in `reports/`."""
