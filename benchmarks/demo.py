"""`python -m benchmarks demo [--times 2]`: what `make demo-retrain` does, several times at once, each in a copy.

Promised: each prints the same table, to the byte, and its months, rows, decisions and champions are those of the table
in docs/retraining.md. Beside one another, as a race between stages shows there if anywhere.
"""

import argparse
import difflib
import io
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console

from benchmarks.workspace import ROOT
from flows import server
from flows.demo import Demo, Told, story, table

_TUTORIAL = ROOT / "docs" / "retraining.md"
_ROW = re.compile(r"\| (2026-\d\d[^|]*) \| ([\d,]+) \| (\d+) \| ([A-Z]+) \| ([^|]+) \|")


def main(arguments: list[str]) -> None:
    """Prints the table, and seconds.

    Raises:
        SystemExit: if tables differ from one another, or from the documented one.
    """
    parser = argparse.ArgumentParser("python -m benchmarks demo")
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("--months", type=int, help="that arrive, at most; all if not given")
    asked = parser.parse_args(arguments)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(asked.times) as pool:
        (Path(folder) / "server").mkdir()
        with server.available(Path(folder) / "server"):
            from prefect.settings import PREFECT_API_URL

            environment = {"PREFECT_API_URL": str(PREFECT_API_URL.value())}
            folders = [Path(folder) / f"demo-{number}" for number in range(asked.times)]
            all_told = list(pool.map(lambda one: told(one, asked.months, environment), folders))
    tables = [rendered(one) for one in all_told]
    print(tables[0])
    print(f"{asked.times} at once took {time.perf_counter() - started:.0f} s")
    short = [f"run {number} has another table" for number, other in enumerate(tables, 1) if other != tables[0]]
    expected = documented(_TUTORIAL.read_text(encoding="utf-8"))
    short += unlike(facts(all_told[0]), expected if asked.months is None else expected[: len(all_told[0])])
    if short:
        sys.exit("\n".join(short))


def told(folder: Path, months: int | None, environment: dict[str, str]) -> list[Told]:
    """What the months came to."""
    demo = Demo(ROOT, folder)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        return story(demo, demo.months()[:months], environment, Console(file=nowhere))


def rendered(told: Sequence[Told]) -> str:
    """The table as people see it."""
    shown = io.StringIO()
    Console(file=shown, width=120).print(table(told))
    return shown.getvalue()


def facts(told: Sequence[Told]) -> list[str]:
    """A line for each decision."""
    return [f"{one.when} | {one.rows:,} | {one.new} | {one.decision} | {one.champion}" for one in told]


def documented(text: str) -> list[str]:
    """The same lines of the tutorial."""
    return [" | ".join(found) for found in _ROW.findall(text)]


def unlike(found: list[str], expected: list[str]) -> list[str]:
    """How what was found differs from what is documented."""
    changed = difflib.unified_diff(expected, found, "docs/retraining.md", "this run", lineterm="", n=0)
    return list(changed)
