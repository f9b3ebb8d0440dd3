"""`python -m benchmarks ladder`: the ladder of the sample data from nothing, again, and with one strategy changed.

Promised: at most ten minutes from nothing; nothing runs the second time; and a changed strategy has the items run that
it makes anew, and no others.
"""

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.workspace import Workspace
from tasks import block

SECONDS = 600.0
"""What a ladder from nothing may take, at most."""

CHANGE = {"ladder.strategies.generalisation.candidate.mixup": 0.3}
"""Another value of the last strategy, which the lower rungs do without."""

_FOLDER = Path(".regraft/ladder")
_RECORDS = _FOLDER / "costs/records"  # one a stage item, written each time that it runs
_STAGES = {"encoders": ("adapt",), "features": ("embed",), "candidates": ("finetune", "evaluate")}
_SHOWN = 5  # names in a message


@dataclass(frozen=True)
class Climb:
    """One run of `regraft ladder`.

    Attributes:
        seconds: by the clock.
        ran: names of the items that ran.
        planned: names of the items that its parameters declare, those of the project's own encoders included.
    """

    seconds: float
    ran: frozenset[str]
    planned: frozenset[str]


def main(arguments: list[str]) -> None:
    """Prints wall-clock seconds, and how many items ran, each time.

    Raises:
        SystemExit: if the first takes longer than promised, the second runs anything, or the third other items than
            those that the change adds to the plan.
    """
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "helpdesk", {})
        first = climb(workspace, "from nothing")
        second = climb(workspace, "again")
        workspace.set(CHANGE)
        third = climb(workspace, "one strategy changed")
    short = []
    if first.seconds > SECONDS:
        short.append(f"{first.seconds:.0f} s from nothing, promised at most {SECONDS:.0f}")
    if second.ran:
        short.append(f"the second ran {_some(second.ran)}, promised none")
    new = third.planned - second.planned
    if not new:
        short.append("the changed strategy has no item of its own")
    if third.ran - new:
        short.append(f"one changed strategy ran {_some(third.ran - new)}, which it does not change")
    if new - third.ran:
        short.append(f"one changed strategy did not run {_some(new - third.ran)}")
    if short:
        sys.exit("; ".join(short))


def _some(names: frozenset[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(sorted(names)[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def climb(workspace: Workspace, what: str) -> Climb:
    """Runs `regraft ladder`; prints its seconds and how many items ran."""
    before = ran(workspace.folder)
    started = time.perf_counter()
    workspace.regraft("ladder")
    seconds = time.perf_counter() - started
    after = ran(workspace.folder)
    items = frozenset(name for name, at in after.items() if before.get(name) != at)
    print(f"regraft ladder, {what:22} {seconds:7.1f} s, {len(items)} items ran", flush=True)
    return Climb(seconds, items, planned(workspace.folder))


def planned(root: Path) -> frozenset[str]:
    """The items of all encoders, feature sets and candidates that the ladder's workspace declares."""
    tree = block.load(root / _FOLDER / block.PARAMS)
    return frozenset(f"{stage}@{name}" for kind, stages in _STAGES.items() for name in tree[kind] for stage in stages)


def ran(root: Path) -> dict[str, int]:
    """When each item of the ladder last ran, in nanoseconds."""
    return {file.name.removesuffix(".json"): file.stat().st_mtime_ns for file in (root / _RECORDS).glob("*.json")}
