"""A fresh workspace of this project, outside it, with other parameters."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("REGRAFT_DATA", ROOT.parent / "shared" / "data"))
"""Where the public data sets lie, one folder each; `REGRAFT_DATA` names another place."""


def data(name: str) -> Path:
    """The folder of a data set.

    Raises:
        SystemExit: if it is not there.
    """
    folder = DATA / name
    if not folder.is_dir():
        sys.exit(f"{name}: no such folder in {DATA}; set REGRAFT_DATA to the folder that holds the data sets")
    return folder


def params(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The project's `params.yaml` with other values at these dotted keys."""
    tree: dict[str, Any] = YAML(typ="safe").load(ROOT / "params.yaml")
    if "candidates" in changes:  # what is made of the project's own candidates goes with them
        tree |= {block: {} for block in ("ensembles", "students", "quantized") if block in tree}
    for path, value in changes.items():
        *parents, last = path.split(".")
        node = tree
        for key in parents:
            node = node.setdefault(key, {})
        node[last] = value
    return tree


def sample_rows() -> list[dict[str, str]]:
    """The rows of the sample data, month after month."""
    rows = []
    for path in sorted((ROOT / "data/source").glob("helpdesk-2026-*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += list(csv.DictReader(file))
    return rows


class Workspace:
    """A copy of the project's code, to run the pipeline in.

    Args:
        folder: where to; must not exist.
        changes: dotted keys of `params.yaml` and the values to put there.
    """

    def __init__(self, folder: Path, changes: Mapping[str, Any]) -> None:
        self.folder = folder
        for name in ("flows", "tasks", "models/encoders/none", "data/source"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        # Folders that stages read as a whole must be there, even where nothing is declared that would be in them.
        kept = [
            str(path.relative_to(ROOT)) for path in ROOT.glob("models/*/README.md") if path.parent.name != "selected"
        ]
        for name in ("dvc.yaml", ".dvcignore", ".gitignore", ".dvc/config", ".dvc/.gitignore", *kept):
            (folder / name).parent.mkdir(exist_ok=True, parents=True)
            shutil.copyfile(ROOT / name, folder / name)
        self.set(changes)
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)

    def set(self, changes: Mapping[str, Any]) -> None:
        """Writes `params.yaml` anew, with these changes to the project's own."""
        (self.folder / "params.yaml").write_text(json.dumps(params(changes)), encoding="utf-8")  # JSON is YAML

    def regraft(self, *arguments: str) -> str:
        """Runs `regraft` with these arguments and returns what it printed.

        Raises:
            SystemExit: if it fails.
        """
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        command = [sys.executable, "-m", "flows", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{' '.join(arguments)} failed\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done.stdout

    def json(self, path: str) -> Any:
        """Reads a JSON file of the workspace."""
        return json.loads((self.folder / path).read_text(encoding="utf-8"))
