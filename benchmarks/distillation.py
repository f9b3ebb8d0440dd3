"""`python -m benchmarks distillation [--seeds N]`: small students of a fine-tuned teacher, on BANKING77.

Promised of at least one student: 97 % of its teacher's accuracy at a quarter of its latency.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.quality import changes
from benchmarks.recipes import FINETUNE, SETS, TOKENS, WORDS, Recipe
from benchmarks.workspace import Workspace, data

TEACHER = "finetune"
RECIPE = Recipe("banking77", TEACHER, {"tokens": TOKENS, "words": WORDS}, {TEACHER: FINETUNE}, 0.0)
_TAUGHT = {
    "teacher": {"model": f"candidates/{TEACHER}", "predictions": f"out_of_fold/{TEACHER}"},
    "best_by": "last",
}
STUDENTS: dict[str, dict[str, Any]] = {
    "one_layer": {"features": "tokens", "model": "transformer", "tune": "full", "layers": 1, "epochs": 12, **_TAUGHT},
    "text_cnn": {"features": "words", "model": "text_cnn", "epochs": 20, **_TAUGHT},
}
KEPT, LATENCY = 0.97, 0.25
"""Shares of the teacher's accuracy, at least, and of its latency, at most."""

Result = dict[str, float]


def main(arguments: list[str]) -> None:
    """Prints accuracy and latency of the teacher and of each student, one line a seed, and the shares.

    Raises:
        SystemExit: if no student keeps what was promised.
    """
    parser = argparse.ArgumentParser("python -m benchmarks distillation")
    parser.add_argument("--seeds", type=int, default=3, help="runs, each with another seed")
    seeds = parser.parse_args(arguments).seeds
    found: dict[str, list[Result]] = {name: [] for name in (TEACHER, *STUDENTS)}
    with tempfile.TemporaryDirectory() as folder:
        declared = changes(RECIPE, data(SETS[RECIPE.data].folder)) | {"students": STUDENTS}
        workspace = Workspace(Path(folder) / "workspace", declared)
        for seed in range(1, seeds + 1):
            for name, result in run(workspace, seed).items():
                found[name].append(result)
                print(f"seed {seed}: {name:9} {result['accuracy']:.4f}, {result['latency']:.2f} ms a row", flush=True)
    if not keeping(found):
        sys.exit(f"no student has {KEPT:.0%} of its teacher's accuracy at {LATENCY:.0%} of its latency")


def run(workspace: Workspace, seed: int) -> dict[str, Result]:
    """Trains and times teacher and students, and lets them answer the test rows."""
    from benchmarks.answers import on_test

    workspace.regraft("run", "evaluate", "evaluate_student", "--set", f"seed={seed}")
    folders = {TEACHER: f"candidates/{TEACHER}"} | {name: f"students/{name}" for name in STUDENTS}
    return {
        name: {
            "accuracy": on_test(workspace.folder, folder).score("accuracy"),
            "latency": float(workspace.json(f"costs/predict/{name}.json")["latency_ms_p50"]),
        }
        for name, folder in folders.items()
    }


def keeping(found: dict[str, list[Result]]) -> list[str]:
    """Prints each student's share of its teacher's means, and returns the students that keep what was promised."""
    means = {
        name: {key: statistics.fmean(result[key] for result in results) for key in ("accuracy", "latency")}
        for name, results in found.items()
    }
    good = []
    for name in (name for name in found if name != TEACHER):
        accuracy, latency = (means[name][key] / means[TEACHER][key] for key in ("accuracy", "latency"))
        print(f"{name}: {accuracy:.1%} of the teacher's accuracy at {latency:.1%} of its latency")
        if accuracy >= KEPT and latency <= LATENCY:
            good.append(name)
    return good
