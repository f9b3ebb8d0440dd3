"""A small record of each stage's run: how many rows, how long, how much memory, on what device.

Records are measurements, not results: they are no output of the graph and differ from run to run.
"""

import os
import resource
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tasks.files import write_json

FOLDER = Path("costs/records")


class Record:
    """Times the body of a `with` block and writes `costs/records/<name>.json`, also when it fails.

    Attributes:
        rows_in: rows that the stage read, None where it counts none.
        rows_out: rows that it kept.
        device: the device that it chose.
        notes: anything else worth keeping, such as the precision that `auto` meant.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = root, name
        self.rows_in: int | None = None
        self.rows_out: int | None = None
        self.device = "cpu"
        self.notes: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._started = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if os.environ.get("RANK", "0") != "0":  # of processes that train together, the first one records
            return
        record = {
            "stage": self.name,
            "outcome": "completed" if kind is None else "failed",
            "error": None if kind is None else f"{kind.__name__}: {error}",
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "seconds": round(time.perf_counter() - self._started, 3),
            "peak_memory_mb": round(peak_memory_mb(), 1),
            "device": self.device,
            "notes": self.notes,
        }
        try:
            write_json(self.root / FOLDER / f"{self.name}.json", record)
        except OSError as failure:
            # The record must not hide why the stage failed (a full disk fails both).
            print(f"warning: no record of {self.name} could be written: {failure}", file=sys.stderr)


def peak_memory_mb() -> float:
    """The largest resident memory of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
