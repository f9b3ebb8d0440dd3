"""`python -m benchmarks quantized [--seeds N]`: a fine-tuned encoder, and its ONNX forms, on BANKING77.

Promised of the form with weights of 8 bits: at most 1 point less accuracy than the model that it is made of, at no more
than half its latency and a third of its size; of the other one: the same answers.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality import changes
from benchmarks.recipes import FINETUNE, SETS, TOKENS, Recipe
from benchmarks.workspace import Workspace, data

WHOLE, EXACT, COARSE = "finetune", "float32", "int8"
RECIPE = Recipe("banking77", WHOLE, {"tokens": TOKENS}, {WHOLE: FINETUNE}, 0.0)
FORMS: dict[str, dict[str, Any]] = {
    weights: {"model": f"candidates/{WHOLE}", "weights": weights} for weights in (EXACT, COARSE)
}
SAME = 0.999
"""Share of the answers that must be those of the model where the weights are the same; the rest are near ties."""
LOSS, LATENCY, SIZE = 0.01, 0.5, 1 / 3
"""Of the form with weights of 8 bits: the most accuracy that it may lose, and shares of latency and size, at most."""

Result = dict[str, float]


def main(arguments: list[str]) -> None:
    """Prints accuracy, agreement with the model, latency and size of each form, one line a seed, and the means.

    Raises:
        SystemExit: if a form falls short of what was promised.
    """
    parser = argparse.ArgumentParser("python -m benchmarks quantized")
    parser.add_argument("--seeds", type=int, default=1, help="runs, each with another seed")
    seeds = parser.parse_args(arguments).seeds
    found: dict[str, list[Result]] = {name: [] for name in (WHOLE, *FORMS)}
    with tempfile.TemporaryDirectory() as folder:
        declared = changes(RECIPE, data(SETS[RECIPE.data].folder)) | {"quantized": FORMS}
        workspace = Workspace(Path(folder) / "workspace", declared)
        for seed in range(1, seeds + 1):
            for name, result in run(workspace, seed).items():
                found[name].append(result)
                print(f"seed {seed}: {name:8} {told(result)}", flush=True)
    short = fallen(found)
    if short:
        sys.exit("; ".join(short))


def run(workspace: Workspace, seed: int) -> dict[str, Result]:
    """Trains and times the model and its forms, and lets them answer the test rows."""
    from benchmarks.answers import on_test

    workspace.regraft("run", "evaluate", "evaluate_quantized", "--set", f"seed={seed}")
    folders = {WHOLE: f"candidates/{WHOLE}"} | {name: f"quantized/{name}" for name in FORMS}
    answers = {name: on_test(workspace.folder, folder) for name, folder in folders.items()}
    own = answers[WHOLE].probabilities.argmax(axis=1)
    found = {}
    for name, answer in answers.items():
        costs = workspace.json(f"costs/predict/{name}.json")
        found[name] = {
            "accuracy": answer.score("accuracy"),
            "agreement": float(np.mean(answer.probabilities.argmax(axis=1) == own)),
            "latency": float(costs["latency_ms_p50"]),
            "rows_per_second": float(costs["rows_per_second"]),
            "size": float(costs["size_mb"]),
        }
    return found


def told(result: Result) -> str:
    """One form's figures in words."""
    return (
        f"accuracy {result['accuracy']:.4f}, {result['agreement']:.2%} of the answers as the model's, "
        f"{result['latency']:.2f} ms a row, {result['rows_per_second']:,.0f} rows/s, {result['size']:.1f} MB"
    )


def fallen(found: dict[str, list[Result]]) -> list[str]:
    """Prints the means over seeds, and returns in which way forms fall short of what was promised."""
    means = {
        name: {key: statistics.fmean(result[key] for result in results) for key in results[0]}
        for name, results in found.items()
    }
    for name, mean in means.items():
        print(f"{name:8} {told(mean)}")
    whole, exact, coarse = (means[name] for name in (WHOLE, EXACT, COARSE))
    promises = {
        f"{EXACT} answers otherwise": exact["agreement"] >= SAME,
        f"{COARSE} loses more than {LOSS} accuracy": coarse["accuracy"] >= whole["accuracy"] - LOSS,
        f"{COARSE} takes more than {LATENCY:.0%} of the latency": coarse["latency"] <= LATENCY * whole["latency"],
        f"{COARSE} takes more than {SIZE:.0%} of the size": coarse["size"] <= SIZE * whole["size"],
    }
    return [words for words, kept in promises.items() if not kept]
