"""`python -m benchmarks batch [--rows 2000 20000 200000]`: scoring of new files on a schedule, as they get larger.

Each file is scored by the flow `score` in a process of its own, by naive Bayes; then once more, with nothing new in it.
Promised: the most memory that the process ever has does not grow with the file; of a file that has not changed, no row
is scored again.
"""

import argparse
import csv
import itertools
import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.alone import alone
from benchmarks.workspace import Workspace, sample_rows

MEMORY = 1.10
"""What the largest file may take of the memory that the second one takes, at most.

The smallest one is not compared with: what libraries and the allocator keep for reuse is full after some thousand rows.
"""

_FEATURES = {"tfidf": {"kind": "tfidf", "encoder": "none"}}
_CANDIDATE = {"naive_bayes": {"features": "tfidf", "model": "naive_bayes"}}


@dataclass(frozen=True)
class Scored:
    """One run of the flow.

    Attributes:
        rows: that were scored.
        seconds: from the flow's start to its end.
        memory: the most that the process had, in MiB (resident).
    """

    rows: int
    seconds: float
    memory: float


def main(arguments: list[str]) -> None:
    """Prints rows a second and memory for each size of file, and the seconds of a run that finds nothing new.

    Raises:
        SystemExit: if memory grows, or rows are scored twice or not at all.
    """
    parser = argparse.ArgumentParser("python -m benchmarks batch")
    parser.add_argument("--rows", type=int, nargs="+", default=[2_000, 20_000, 200_000], help="ascending")
    asked = parser.parse_args(arguments)
    timing = {"inputs": ["inbox/*.csv"], "output": "scored", "cron": "0 0 1 1 *", "settle_seconds": 0}
    schedule = {"retrain": None, "score": timing}
    os.environ["PREFECT_LOGGING_LEVEL"] = "ERROR"  # its lines would come between those of the table
    found, short = [], []
    with tempfile.TemporaryDirectory() as folder:
        changes = {"features": _FEATURES, "candidates": _CANDIDATE, "schedule": schedule}
        workspace = Workspace(Path(folder) / "helpdesk", changes)
        workspace.regraft("run")
        for count in asked.rows:
            write(workspace.folder / f"inbox/{count}.csv", count)
            found.append(alone(scored, workspace.folder))
            again = alone(scored, workspace.folder)
            print(
                f"{count:9,} rows: {found[-1].memory:6.1f} MiB, {found[-1].seconds:7.1f} s, "
                f"{count / found[-1].seconds:7,.0f} rows a second; nothing new: {again.seconds:.1f} s",
                flush=True,
            )
            if (found[-1].rows, again.rows) != (count, 0):
                short.append(f"{found[-1].rows} of {count} rows were scored, and then {again.rows}")
    short += grown(found)
    if short:
        sys.exit("; ".join(short))


def grown(found: list[Scored]) -> list[str]:
    """What takes more memory than promised."""
    if len(found) < 2:
        return []
    before, after = found[min(1, len(found) - 2)], found[-1]
    if after.memory <= MEMORY * before.memory:
        return []
    return [f"memory grew from {before.memory:.0f} MiB ({before.rows:,} rows) to {after.memory:.0f} ({after.rows:,})"]


def write(path: Path, count: int) -> None:
    """So many rows of the sample data, over and over, each with an id of its own."""
    path.parent.mkdir(exist_ok=True)
    texts = [row["text"] for row in sample_rows()]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows(enumerate(itertools.islice(itertools.cycle(texts), count)))


def scored(folder: Path) -> Scored:
    """Runs the flow in this process, which should be a new one."""
    from flows import server
    from flows.scoring import score

    os.chdir(folder)
    with server.available(folder):
        started = time.perf_counter()
        summary = score()
        seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB
    return Scored(summary["rows"], seconds, memory)
