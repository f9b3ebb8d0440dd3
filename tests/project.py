"""A copy of the project with small data and a tiny encoder, to run the real pipeline in."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tasks.files import sha256
from tests import tiny
from tests.imports import ROOT

MEASURED = ("costs", "reports")
"""Folders of outputs that hold times and memory, and so differ from run to run."""

CANDIDATES = {
    "naive_bayes": {
        "features": "words", "model": "naive_bayes", "search": {"trials": 2, "folds": 2, "space": {"alpha": [0.1, 1.0]}}
    },
    "forest": {"features": "vectors", "model": "random_forest", "trees": 10},
    "text_cnn": {
        "features": "word_ids", "model": "text_cnn", "widths": [1, 2], "filters": 8, "epochs": 3, "learning_rate": 0.02,
        "batch_rows": 16,
    },
    "frozen": {"features": "vectors", "model": "logistic_regression"},
    "lora": {
        "features": "plain_ids", "model": "transformer", "tune": "lora", "epochs": 1, "batch_rows": 16,
        "learning_rate": 0.01,
    },
    "finetune": {
        "features": "ids", "model": "transformer", "tune": "full", "epochs": 3, "batch_rows": 16,
        "learning_rate": 0.005, "head_rate_factor": 2.0,
    },
}  # fmt: skip

ENSEMBLES = {
    "blend": {"members": ["forest", "frozen"], "method": "weighted"},
    "stacked": {"members": ["frozen", "naive_bayes", "finetune"], "method": "stack"},
}

STUDENTS = {
    "small": {
        "features": "word_ids", "model": "average", "hidden": 8, "epochs": 2, "batch_rows": 16, "learning_rate": 0.02,
        "teacher": {"model": "ensembles/stacked", "predictions": "combined/stacked"},
    },
}  # fmt: skip

QUANTIZED = {"lora_int8": {"model": "candidates/lora", "weights": "int8"}}

FEATURES = {
    "words": {"kind": "tfidf", "encoder": "none", "min_rows": 1},
    "word_ids": {"kind": "words", "encoder": "none", "dimensions": 8, "epochs": 2, "augment": {"swap": 0.2}},
    "vectors": {"kind": "encoder", "encoder": "tiny", "max_tokens": 16},
    "ids": {"kind": "tokens", "encoder": "domain", "max_tokens": 16},
    "plain_ids": {"kind": "tokens", "encoder": "tiny", "max_tokens": 16},
}


class Project:
    """One workspace.

    Args:
        folder: where to; must not exist.
        encoder: the tiny encoder's folder, outside the workspace.
        api: of a Prefect server; without one, each run that needs one starts its own.
    """

    def __init__(self, folder: Path, encoder: Path, api: str = "") -> None:
        self.folder = folder
        self._server = {"PREFECT_API_URL": api} if api else {}
        folder.mkdir(parents=True)
        without = shutil.ignore_patterns("__pycache__")
        for name in ("tasks", "models/encoders/none"):
            shutil.copytree(ROOT / name, folder / name, ignore=without)
        for name in ("ensembles", "quantized", "students"):  # not what a run in this checkout has put there
            (folder / "models" / name).mkdir(parents=True)
            shutil.copyfile(ROOT / "models" / name / "README.md", folder / "models" / name / "README.md")
        for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
            shutil.copyfile(ROOT / name, folder / name)
        (folder / ".dvc").mkdir()
        shutil.copyfile(ROOT / ".dvc" / "config", folder / ".dvc" / "config")
        (folder / ".dvc" / ".gitignore").write_text("/config.local\n/tmp\n/cache\n")
        self.write_rows(240)
        self.set_params(encoder)
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)

    def write_rows(self, count: int) -> None:
        """Writes the source file with so many rows, no two of them alike."""
        lines = ["id,text,queue"]
        lines += [
            f"r{number},case {number} {text},{label}" for number, (text, label) in enumerate(tiny.texts(count, 0))
        ]
        (self.folder / "data" / "source").mkdir(parents=True, exist_ok=True)
        (self.folder / "data" / "source" / "rows.csv").write_text("\n".join(lines) + "\n")

    def set_params(self, encoder: Path, **changes: Any) -> None:
        """Writes `params.yaml`, with other blocks in place of those of this file where they are given."""
        blocks: dict[str, Any] = {
            "ingest": {"sources": ["data/source/*.csv"], "columns": {"text": "text", "label": "queue", "id": "id"}},
            "clean": {"duplicates": {"near": False}, "split": {"validation": 0.2, "test": 0.2}},
            "encoders": {
                "tiny": {"source": f"path:{encoder}", "objective": "none"},
                "domain": {"source": "tiny", "objective": "mlm", "epochs": 1, "batch_rows": 16, "max_tokens": 16},
            },
            "features": FEATURES,
            "candidates": CANDIDATES,
            "students": STUDENTS,
            "ensembles": ENSEMBLES,
            "quantized": QUANTIZED,
            "cross_validation": {"folds": 2},
            "evaluate": {"latency_rows": 3, "latency_batches": 2},
            "select": {"draws": 100},
            "verdict": {},
        }
        tiny.params(self.folder, **(blocks | changes))

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`regraft run` with these arguments."""
        return self._call([sys.executable, "-m", "flows", *(arguments or ("run",))], check)

    def dvc(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`dvc` with these arguments."""
        return self._call([sys.executable, "-m", "dvc", *arguments], check)

    def git(self, *arguments: str) -> None:
        """`git` with these arguments."""
        self._call(["git", *arguments], check=True)

    def executed(self) -> set[str]:
        """The room and item of each command that ran since the last call; each run leaves a record."""
        records = self.folder / "costs" / "records"
        names = {path.stem for path in records.glob("*.json")}
        shutil.rmtree(records, ignore_errors=True)
        return names

    def lock(self) -> dict[str, Any]:
        """`dvc.lock`, without what is measured: those outputs' hashes, and what follows from them."""
        tree: dict[str, Any] = YAML(typ="safe").load(self.folder / "dvc.lock")
        for stage in tree["stages"].values():
            for side in ("deps", "outs"):
                stage[side] = [entry for entry in stage.get(side, []) if entry["path"].split("/")[0] not in MEASURED]
        return tree

    def outputs(self) -> dict[str, str]:
        """SHA-256 of every file that the graph made and that holds no measurement."""
        made = ("data/raw", "data/clean", "data/features", "models", "metrics", "predictions", "plots")
        files = [file for name in made for file in sorted((self.folder / name).rglob("*")) if file.is_file()]
        kept = [file for file in files if file.name != ".gitignore"]
        return {file.relative_to(self.folder).as_posix(): sha256(file) for file in kept}

    def selection(self) -> dict[str, Any]:
        """`reports/selection.json`."""
        report: dict[str, Any] = json.loads((self.folder / "reports" / "selection.json").read_text())
        return report

    def _call(self, command: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        # The engine comes from the project under test, the stages from the copy: `python -m` looks here first.
        environment = os.environ | {"PATH": path, "DVC_NO_ANALYTICS": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
        environment |= self._server
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise AssertionError(
                f"{command} ended with {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            )
        return done
