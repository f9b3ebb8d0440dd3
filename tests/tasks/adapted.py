"""A workspace with clean rows and an encoder outside of it, to adapt the one to the other."""

import json
from pathlib import Path
from typing import Any

from flows.links import refresh
from tasks.adapt import stage as adapt
from tasks.files import read_json, write_json
from tasks.records import Record
from tasks.rules import Rules
from tests import tiny

NAME = "adapted"
RECIPES: dict[str, dict[str, Any]] = {
    "mlm": {"objective": "mlm", "learning_rate": 0.01, "batch_rows": 8, "max_tokens": 16, "held_out": 0.2},
    "simcse": {
        "objective": "simcse", "learning_rate": 0.005, "batch_rows": 8, "max_tokens": 16, "held_out": 0.2, "epochs": 2,
    },
    "tsdae": {"objective": "tsdae", "learning_rate": 0.005, "batch_rows": 8, "max_tokens": 16, "held_out": 0.2},
}  # fmt: skip


def workspace(root: Path) -> Path:
    """Writes clean rows and the rules that they were cleaned with."""
    tiny.clean_rows(root)
    write_json(root / "data/clean/rules.json", Rules().model_dump())
    (root / "dvc.yaml").write_text("stages: {}")
    return root


def declare(root: Path, **encoders: object) -> None:
    """Writes `params.yaml` with these encoders, and the links for them."""
    tiny.params(root, encoders=encoders)
    refresh(root)


def run(root: Path, base: Path, objective: str = "mlm", **changes: object) -> Path:
    """Adapts an encoder and returns its folder."""
    declare(root, **{NAME: {"source": f"path:{base}", **RECIPES[objective], **changes}})
    adapt.run(root, NAME, Record(root, f"adapt@{NAME}"))
    return root / "models/encoders" / NAME


def curve(root: Path) -> list[dict[str, Any]]:
    """The learning curve."""
    found: list[dict[str, Any]] = read_json(root / "plots/adapt" / f"{NAME}.json")
    return found


def files(folder: Path) -> dict[str, bytes]:
    """The content of each file of a folder."""
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def write_texts(path: Path, texts: list[str]) -> None:
    """Writes a file without labels, by the ending of its name."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    else:
        path.write_text("".join(text + "\n" for text in texts), encoding="utf-8")
