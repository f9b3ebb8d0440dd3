"""`make demo-retrain`: the months of the sample data arrive one by one, and `regraft retrain` decides each time.

It works in a copy of the project, `.regraft/demo/`, with three quick candidates and the policy `auto`; it leaves the
project's own models, data and git history alone. The copy stays, to be looked at: its `regraft history`, its tags, its
`reports/`. Another demo begins with a new copy. Its table is the same in every run: it holds no times.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from ruamel.yaml import YAML

from flows import server
from flows.workspace import find
from tasks import block
from tasks.errors import RegraftError
from tasks.files import read_json, remove

FOLDER = Path(".regraft/demo")
CANDIDATES = ("naive_bayes", "linear_svm", "frozen")
"""Those of the project's own that are made: they take seconds a month."""

_SOURCE = Path("data/source")
_MONTHS = "helpdesk-*-*.csv"
_CODE = ("flows", "tasks", "models/encoders/none")
_FILES = ("dvc.yaml", ".dvcignore", ".gitignore", ".dvc/.gitignore")
_REPORT_ONLY = ("ensembles", "students", "quantized")
_FLIPS = 0.1
_WHO = {"user.name": "Demo", "user.email": "demo@localhost"}


class DemoFailed(RegraftError):
    """A command of the demo failed; its output is told."""


@dataclass(frozen=True)
class Told:
    """What one retrain came to.

    Attributes:
        when: the month that had arrived, or what else had happened.
        rows: there were, those that were new among them.
        champion: in service afterwards.
    """

    when: str
    rows: int
    new: int
    decision: str
    champion: str | None
    reasons: tuple[str, ...]


class Demo:
    """A copy of a project, into which the months come.

    Args:
        project: the project; its sample data and its parameters are taken.
        folder: where the copy goes; what is there is removed.
        candidates: of the project's own parameters, those that are made.
    """

    def __init__(self, project: Path, folder: Path, candidates: Sequence[str] = CANDIDATES) -> None:
        self._project, self.folder = project, folder
        remove(folder)
        for name in _CODE:
            shutil.copytree(project / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        kept = [str(path.relative_to(project)) for path in project.glob("models/*/README.md")]
        for name in (*_FILES, *(name for name in kept if not name.startswith("models/selected"))):
            (folder / name).parent.mkdir(exist_ok=True, parents=True)
            shutil.copyfile(project / name, folder / name)
        with (folder / block.PARAMS).open("w", encoding="utf-8") as file:
            YAML().dump(_params(block.load(project / block.PARAMS), candidates), file)
        # The project's own settings may name a remote, or a cache that others share.
        (folder / ".dvc/config").write_text("[core]\n    analytics = false\n", encoding="utf-8")
        (folder / _SOURCE).mkdir(parents=True)
        self._git("init", "--quiet")
        for key, value in _WHO.items():
            self._git("config", key, value)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", "The project, without data")

    def months(self) -> list[Path]:
        """The files of the project's sample data, in the order in which they arrive."""
        return sorted((self._project / _SOURCE).glob(_MONTHS))

    def arrive(self, month: Path) -> None:
        """Puts a month's file where ingest reads it, and commits it."""
        shutil.copyfile(month, self.folder / _SOURCE / month.name)
        self._git("add", "--force", str(_SOURCE / month.name))
        self._git("commit", "--quiet", "--message", f"Data: {month.stem}")

    def retrain(self, when: str, environment: Mapping[str, str]) -> Told:
        """Runs `regraft retrain` in the copy.

        Raises:
            DemoFailed: if that fails.
        """
        self._call([sys.executable, "-m", "flows", "retrain"], environment)
        made: dict[str, Any] = read_json(self.folder / "reports/decision.json")
        rows = made["rows"] or {"total": 0, "new": 0}
        after = made["champion"]["after"]
        return Told(when, rows["total"], rows["new"], made["decision"], after, tuple(made["reasons"]))

    def _git(self, *arguments: str) -> None:
        self._call(["git", *arguments], {})

    def _call(self, command: list[str], environment: Mapping[str, str]) -> None:
        done = subprocess.run(
            command, cwd=self.folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            tail = "\n".join([*done.stdout.splitlines()[-15:], *done.stderr.splitlines()[-15:]])
            raise DemoFailed(f"`{' '.join(command[1:])}` failed in {self.folder}:\n{tail}")


def story(demo: Demo, months: Sequence[Path], environment: Mapping[str, str], console: Console) -> list[Told]:
    """Lets the months arrive; after the second one it looks once more, although nothing has come."""
    told = []
    for number, month in enumerate(months):
        demo.arrive(month)
        when = month.stem.partition("-")[2]
        events = [when, f"{when}, again"] if number == 1 else [when]
        for event in events:
            console.print(f"{event}: retraining, if there is reason to", highlight=False)
            told.append(demo.retrain(event, environment))
            console.print(f"{event}: {told[-1].decision}", highlight=False)
    return told


def table(told: Sequence[Told]) -> Table:
    """The decisions, one a row."""
    made = Table(title="What was decided, and why", title_justify="left", show_lines=True)
    for heading in ("month", "rows", "new", "decision", "champion", "reasons"):
        made.add_column(heading, justify="right" if heading in ("rows", "new") else "left", overflow="fold")
    for one in told:
        cells = (one.when, f"{one.rows:,}", f"{one.new:,}", one.decision, one.champion or "none", " ".join(one.reasons))
        made.add_row(*map(escape, cells))
    return made


def _params(own: Mapping[str, Any], candidates: Sequence[str]) -> dict[str, Any]:
    """The project's parameters with these candidates alone, and what they need."""
    made: dict[str, Any] = {**own, **{key: {} for key in _REPORT_ONLY}}
    made["candidates"] = {name: own["candidates"][name] for name in candidates}
    # Nothing of the demo leaves its folder: neither models nor messages.
    alone = {"policy": "auto", "pull": False, "push": False, "commit": False, "notify": None}
    made["retrain"] = {**(own.get("retrain") or {}), **alone}
    # The first champion knows a single month and is often wrong: of what it happens to have right, more may be lost.
    made["verdict"] = {**(own.get("verdict") or {}), "negative_flips": _FLIPS}
    read = {candidate["features"] for candidate in made["candidates"].values()}
    read.add((made["retrain"].get("drift") or {}).get("features"))
    made["features"] = {name: own["features"][name] for name in own["features"] if name in read}
    return made


def main(months: int = typer.Option(99, min=1, help="Months that arrive, at most.")) -> None:
    """Lets the months of the sample data arrive one by one, and shows what retraining decides each time."""
    from prefect.settings import PREFECT_API_URL

    console = Console(width=None if sys.stdout.isatty() else 120)
    try:
        root = find(Path.cwd())
        demo = Demo(root, root / FOLDER)
        with server.available(root):
            told = story(demo, demo.months()[:months], {"PREFECT_API_URL": str(PREFECT_API_URL.value())}, console)
    except RegraftError as error:
        console.print(f"error: {error}", highlight=False, markup=False)
        raise typer.Exit(1) from None
    console.print(table(told))
    console.print(f"The copy that was worked in stays in {FOLDER}: try `cd {FOLDER} && regraft history`.")


if __name__ == "__main__":
    typer.run(main)
