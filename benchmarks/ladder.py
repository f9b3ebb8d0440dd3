"""`python -m benchmarks ladder`: the ladder of the sample data from nothing, again, and with one strategy changed.

Promised: at most ten minutes from nothing; nothing runs the second time; and a changed strategy has only those rungs
run again that it is on.
"""

import sys
import tempfile
import time
from pathlib import Path

from benchmarks.workspace import Workspace

SECONDS = 600.0
"""What a ladder from nothing may take, at most."""

CHANGE = {"ladder.strategies.generalisation.candidate.mixup": 0.3}
"""Another value of the last strategy, which the lower rungs do without."""

_RECORDS = ".regraft/ladder/costs/records"  # one a stage item, written each time that it runs


def main(arguments: list[str]) -> None:
    """Prints wall-clock seconds, and how many items ran, each time.

    Raises:
        SystemExit: if the first takes longer than promised, the second runs anything, or the third runs all or nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "helpdesk", {})
        first = climb(workspace, "from nothing")
        second = climb(workspace, "again")
        workspace.set(CHANGE)
        third = climb(workspace, "one strategy changed")
    short = []
    if first[0] > SECONDS:
        short.append(f"{first[0]:.0f} s from nothing, promised at most {SECONDS:.0f}")
    if second[1]:
        short.append(f"the second ran {second[1]} items, promised none")
    if not 0 < third[1] < first[1]:
        short.append(f"one changed strategy ran {third[1]} items of {first[1]}, promised some but not all")
    if short:
        sys.exit("; ".join(short))


def climb(workspace: Workspace, what: str) -> tuple[float, int]:
    """Runs `regraft ladder` and prints and returns its seconds and how many items ran."""
    before = ran(workspace.folder)
    started = time.perf_counter()
    workspace.regraft("ladder")
    seconds = time.perf_counter() - started
    after = ran(workspace.folder)
    items = sum(before.get(name) != at for name, at in after.items())
    print(f"regraft ladder, {what:22} {seconds:7.1f} s, {items} items ran", flush=True)
    return seconds, items


def ran(root: Path) -> dict[str, int]:
    """When each item of the ladder last ran, in nanoseconds."""
    return {file.name: file.stat().st_mtime_ns for file in (root / _RECORDS).glob("*.json")}
