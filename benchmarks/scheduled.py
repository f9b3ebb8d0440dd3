"""`python -m benchmarks scheduled [--runs 50] [--seconds 15]`: many scheduled retrains in a row, as users serve them.

A Prefect server, `regraft serve`, and a few hundred rows; every tenth run finds new rows and retrains, the others skip.
Promised: from the tenth run to the last, `regraft serve` does not grow in memory, open files or processes; a run that
finds nothing new ends within seconds.
"""

import argparse
import csv
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.workspace import Workspace, sample_rows

MEMORY = 1.05
"""What the last sample may have of the memory of the tenth run, at most."""
FILES = 2
"""Open files that it may have more; connections to the server come and go."""
SECONDS = 10.0
"""What a run that skips may take from its start to its end: the median of them."""

_EVERY = 10  # runs from one arrival of rows to the next
_FIRST_ROWS, _MORE_ROWS = 300, 60
_SETTLED = 10  # runs after which all that is to be loaded is loaded
_WAIT_SECONDS = 600.0
_FEATURES = {"tfidf": {"kind": "tfidf", "encoder": "none"}}
_CANDIDATES = {"naive_bayes": {"features": "tfidf", "model": "naive_bayes"}}
_COLUMNS = {"text": "text", "label": "queue", "id": "id", "time": "created"}


@dataclass(frozen=True)
class Sample:
    """What there was after so many runs.

    Attributes:
        runs: that have ended.
        memory: of `regraft serve`, in MiB (resident).
        files: that it has open.
        threads: of it.
        processes: below it, and others that work in the workspace.
        server: memory of the Prefect server, in MiB.
    """

    runs: int
    memory: float
    files: int
    threads: int
    processes: int
    server: float

    def __str__(self) -> str:
        return (
            f"after {self.runs:3} runs: {self.memory:6.1f} MiB, {self.files} open files, {self.threads} threads, "
            f"{self.processes} processes beside it; the Prefect server {self.server:.0f} MiB"
        )


def main(arguments: list[str]) -> None:
    """Prints a line for the first and every fifth run, what the runs decided, and the growth.

    Raises:
        SystemExit: if something grows, a run fails, or runs do not come.
    """
    parser = argparse.ArgumentParser("python -m benchmarks scheduled")
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=15.0, help="from one run to the next")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        workspace = made(Path(folder) / "helpdesk", asked.seconds)
        with _server(Path(folder)) as (server, address), _serving(workspace, address) as process:
            samples = list(watched(workspace, process, server, address, asked.runs))
            decisions = _decisions(workspace)
            skips = _seconds(address, [run for run, word in decisions.items() if word == "SKIP"])
    counts = Counter(decisions.values())
    print(f"decisions: {', '.join(f'{word} {count}' for word, count in sorted(counts.items()))}")
    short = grown(samples) + slow(skips)
    retrained = len(decisions) - counts["SKIP"]
    if retrained < asked.runs // _EVERY:
        short.append(f"{retrained} runs retrained, fewer than the {asked.runs // _EVERY} times that rows came")
    if short:
        sys.exit("; ".join(short))


def made(folder: Path, seconds: float) -> Workspace:
    """A repository of its own, which retrains every so many seconds."""
    schedule = {"retrain": {"interval_hours": seconds / 3600}, "score": None}
    ingest = {"sources": ["data/source/rows.csv"], "columns": _COLUMNS}
    retrain = {"policy": "auto", "new_rows": 30, "max_age_days": None}
    changes = {"features": _FEATURES, "candidates": _CANDIDATES, "schedule": schedule, "retrain": retrain}
    workspace = Workspace(folder, changes | {"ingest": ingest})
    for path in (folder / "data/source").iterdir():
        path.unlink()
    for words in (["config", "user.name", "Benchmark"], ["config", "user.email", "benchmark@example.org"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    _arrive(workspace, _FIRST_ROWS)
    return workspace


def watched(
    workspace: Workspace, process: psutil.Process, server: psutil.Process, address: str, runs: int
) -> Iterator[Sample]:
    """Yields a sample after the first and every fifth run, when the run's own process has ended; prints each.

    Raises:
        SystemExit: if a run fails, or none ends for ten minutes.
    """
    ended = 0
    while ended < runs:
        now = _ended(workspace, address, ended, process)
        if now // _EVERY > ended // _EVERY:
            _arrive(workspace, _MORE_ROWS)
        if now // 5 > ended // 5 or ended == 0 or now >= runs:
            sample = _sample(now, workspace, process, server)
            print(sample, flush=True)
            yield sample
        ended = now


def grown(samples: list[Sample]) -> list[str]:
    """What is more at the end than when all was loaded."""
    last = samples[-1]
    first = next(one for one in samples if one.runs >= min(_SETTLED, last.runs))
    print(f"growth from run {first.runs} to run {last.runs}: memory {last.memory / first.memory - 1:+.1%}, "
          f"open files {last.files - first.files:+}, processes {last.processes - first.processes:+}")  # fmt: skip
    kept = {
        f"memory grew from {first.memory:.0f} to {last.memory:.0f} MiB": last.memory <= MEMORY * first.memory,
        f"open files grew from {first.files} to {last.files}": last.files <= first.files + FILES,
        f"{last.processes} processes are left over": last.processes <= first.processes,
    }
    return [words for words, good in kept.items() if not good]


def slow(seconds: list[float]) -> list[str]:
    """What is told of runs that skip and take too long."""
    if not seconds:
        return ["no run has skipped"]
    middle = statistics.median(seconds)
    print(f"a run that skips: {middle:.1f} s in the median, {max(seconds):.1f} s at most, from its start to its end")
    return [] if middle <= SECONDS else [f"a run that skips takes {middle:.1f} s in the median, promised {SECONDS:.0f}"]


def _arrive(workspace: Workspace, count: int) -> None:
    """Appends so many rows of the sample data, which are not yet there, to the source, and commits them."""
    path = workspace.folder / "data/source/rows.csv"
    there = 0
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            there = sum(1 for _ in csv.DictReader(file))
    rows = sample_rows()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        if not there:
            writer.writeheader()
        writer.writerows(rows[there : there + count])
    for words in (["add", "--all"], ["commit", "--quiet", "--message", f"{count} rows more"]):  # else none is promoted
        subprocess.run(["git", *words], cwd=workspace.folder, check=True)


@contextmanager
def _server(folder: Path) -> Iterator[tuple[psutil.Popen, str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}/api"
    command = [sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"]
    (folder / "server").mkdir()
    own = {"PREFECT_HOME": str(folder / "prefect"), "PREFECT_UI_ENABLED": "0", "PREFECT_API_URL": address}
    with _started([*command, "--port", str(port), "--log-level", "error"], folder / "server", own) as process:
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{address}/health", timeout=5).is_success:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("the Prefect server does not start")
            time.sleep(1)
        yield process, address


@contextmanager
def _serving(workspace: Workspace, address: str) -> Iterator[psutil.Popen]:
    home = str(workspace.folder.parent / "prefect-client")
    own = {"PREFECT_API_URL": address, "PREFECT_HOME": home, "PREFECT_RUNNER_POLL_FREQUENCY": "2"}
    with _started([sys.executable, "-m", "flows", "serve"], workspace.folder, own) as process:
        yield process


@contextmanager
def _started(command: list[str], folder: Path, own: dict[str, str]) -> Iterator[psutil.Popen]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"} | own
    with (folder.parent / f"{command[2]}.log").open("w") as log:  # not in the workspace, which would be dirty
        process = psutil.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        except psutil.TimeoutExpired:
            process.kill()


def _ended(workspace: Workspace, address: str, before: int, process: psutil.Process) -> int:
    """How many runs have ended, when it is more than before and no run is at work."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        counts = {kind: _count(address, kind) for kind in ("COMPLETED", "FAILED", "CRASHED")}
        if counts["FAILED"] or counts["CRASHED"]:
            log = (workspace.folder.parent / "flows.log").read_text(encoding="utf-8")
            sys.exit(f"a run failed: {counts}\n{log[-3000:]}")
        if counts["COMPLETED"] > before and not process.children(recursive=True):
            return counts["COMPLETED"]
        time.sleep(0.5)
    left = ", ".join(" ".join(one.cmdline()[:4]) for one in process.children(recursive=True)) or "none"
    sys.exit(f"no run has ended for {_WAIT_SECONDS:.0f} s after {before}; processes at work: {left}")


def _count(address: str, kind: str) -> int:
    question = {"flow_runs": {"state": {"type": {"any_": [kind]}}}}
    answer = httpx.post(f"{address}/flow_runs/count", json=question, timeout=60)
    return int(answer.json()) if answer.is_success else 0


def _sample(runs: int, workspace: Workspace, process: psutil.Process, server: psutil.Process) -> Sample:
    below = {one.pid for one in process.children(recursive=True)}
    for one in psutil.process_iter():
        with suppress(psutil.Error):
            if Path(one.cwd()) == workspace.folder and one.pid != process.pid:
                below.add(one.pid)
    sizes = [one.memory_info().rss / 2**20 for one in (process, server)]
    return Sample(runs, sizes[0], process.num_fds(), process.num_threads(), len(below), sizes[1])


def _decisions(workspace: Workspace) -> dict[str, str]:
    """What each run decided, by the id of the run."""
    lines = (workspace.folder / "reports/decisions.jsonl").read_text(encoding="utf-8").splitlines()
    return {one["run"]: one["decision"] for one in map(json.loads, lines)}


def _seconds(address: str, runs: list[str]) -> list[float]:
    """How long those of these runs took that have ended, by Prefect's clock."""
    found = []
    for run in runs:
        question = {"flow_runs": {"id": {"any_": [run]}, "state": {"type": {"any_": ["COMPLETED"]}}}}
        answer = httpx.post(f"{address}/flow_runs/filter", json=question, timeout=60)
        answer.raise_for_status()
        found += [float(one["total_run_time"]) for one in answer.json()]
    return found
