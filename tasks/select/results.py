"""The files in which earlier stages left what they know of the contestants."""

from pathlib import Path
from typing import Any

from tasks.contestants import Contestant
from tasks.errors import BadInput
from tasks.files import read_json

AGAIN = "Run `regraft run` (it makes what is missing), then select again."
"""What to do where a file is missing, or not of this run."""


def present(root: Path, file: str) -> Path:
    """The path of a file of results.

    Raises:
        BadInput: if it is missing.
    """
    path = root / file
    if not path.is_file():
        raise BadInput(file, "the file of a declared candidate", "no such file", AGAIN)
    return path


def costs(root: Path, contestant: Contestant) -> dict[str, Any]:
    """What it costs to fit a contestant and to predict with it, by name.

    Raises:
        BadInput: if a file is missing.
    """
    predicting: dict[str, Any] = read_json(present(root, f"costs/predict/{contestant.name}.json"))
    return _fit_costs(root, contestant) | predicting


def _fit_costs(root: Path, contestant: Contestant) -> dict[str, Any]:
    """What it took to fit: what all that it is made of takes, and the time to combine or to quantize that."""
    own: dict[str, Any] = read_json(present(root, f"costs/fit/{contestant.name}.json"))
    if not contestant.made_of:
        return own
    parts = [read_json(present(root, f"costs/fit/{part}.json")) for part in contestant.made_of]
    times = ("fit_seconds", "cross_validation_seconds", "search_seconds")
    spent = {time: round(sum(part.get(time, 0.0) for part in parts), 3) for time in times}
    peak = max(part["peak_memory_mb"] for part in [own, *parts])
    made = own["quantize_seconds" if contestant.is_quantized else "combine_seconds"]
    return own | spent | {"fit_seconds": round(spent["fit_seconds"] + made, 3), "peak_memory_mb": peak}
