"""BANKING77 from its CSV files: the test accuracy of each candidate, and what it took to train."""

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.workspace import Workspace, data

CANDIDATES = ("linear_svm", "frozen", "finetune")
VALIDATION = 0.05  # of the train rows: enough to stop early by, the rest is for learning


def main() -> None:
    """Runs the pipeline once for each candidate alone, so that the test rows are opened for it as the winner."""
    source = data("banking77")
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(
            Path(folder) / "banking77",
            {
                "ingest.sources": [str(source / "train.csv")],
                "ingest.test_sources": [str(source / "test.csv")],
                "ingest.columns": {"text": "text", "label": "category", "time": None, "id": None},
                "clean.split.validation": VALIDATION,
            },
        )
        recipes = _recipes(workspace)
        print(f"{'candidate':12} {'test accuracy':>13} {'macro F1':>9} {'fit s':>7} {'rows/s':>8} {'MB':>6}")
        for name in CANDIDATES:
            recipe = recipes[name]
            kind = recipe["features"]
            workspace.regraft("run", "--set", f"candidates={{{name}: {_flow(recipe)}}}", *_features(kind))
            _print(workspace, name)


def _recipes(workspace: Workspace) -> dict[str, Any]:
    from ruamel.yaml import YAML

    recipes: dict[str, Any] = YAML(typ="safe").load(workspace.folder / "params.yaml")["candidates"]
    return recipes


def _features(kind: str) -> list[str]:
    """The overrides that leave only one feature set: one that nothing uses is refused."""
    from ruamel.yaml import YAML

    from benchmarks.workspace import ROOT

    features = YAML(typ="safe").load(ROOT / "params.yaml")["features"]
    return ["--set", f"features={{{kind}: {_flow(features[kind])}}}"]


def _flow(value: Any) -> str:
    import json

    return json.dumps(value)  # JSON is YAML


def _print(workspace: Workspace, name: str) -> None:
    test = workspace.json("reports/selection.json")["test"]
    fit = workspace.json(f"costs/fit/{name}.json")
    predict = workspace.json(f"costs/predict/{name}.json")
    print(
        f"{name:12} {test['accuracy']:13.4f} {test['macro_f1']:9.4f} {fit['fit_seconds']:7.1f} "
        f"{predict['rows_per_second']:8.0f} {predict['size_mb']:6.1f}",
        flush=True,
    )
