"""`python -m benchmarks lora [--seeds N]`: LoRA against training all weights, on BANKING77.

Promised: within half a point of accuracy, with at most a twentieth of the weights trained.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.quality import changes
from benchmarks.recipes import FINETUNE, LORA, SETS, TOKENS, Recipe
from benchmarks.workspace import Workspace, data

RECIPE = Recipe("banking77", "lora", {"tokens": TOKENS}, {"full": FINETUNE, "lora": LORA}, 0.0)
BEHIND, SHARE = 0.005, 0.05
"""Accuracy that LoRA may be behind, and share of the weights that it may train, at most."""


def main(arguments: list[str]) -> None:
    """Prints both, one line a seed, and the means.

    Raises:
        SystemExit: if LoRA is further behind than promised, or trains more.
    """
    parser = argparse.ArgumentParser("python -m benchmarks lora")
    parser.add_argument("--seeds", type=int, default=3, help="runs, each with another seed")
    seeds = parser.parse_args(arguments).seeds
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in RECIPE.candidates}
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "workspace", changes(RECIPE, data(SETS[RECIPE.data].folder)))
        for seed in range(1, seeds + 1):
            for name, result in run(workspace, seed).items():
                found[name].append(result)
                print(
                    f"seed {seed}: {name:5} accuracy {result['accuracy']:.4f}, {result['fit_seconds']:.0f} s, "
                    f"{result['trained_share']:.2%} of the weights",
                    flush=True,
                )
    short = fallen(found)
    if short:
        sys.exit("; ".join(short))


def run(workspace: Workspace, seed: int) -> dict[str, dict[str, Any]]:
    """Trains both and lets them answer the test rows; what it cost, and the accuracy, by candidate."""
    from benchmarks.answers import on_test

    workspace.regraft("run", "finetune", "--set", f"seed={seed}")
    return {
        name: workspace.json(f"costs/fit/{name}.json")
        | {"accuracy": on_test(workspace.folder, f"candidates/{name}").score("accuracy")}
        for name in RECIPE.candidates
    }


def fallen(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Prints the means, and returns what is less than promised."""
    full, lora = (statistics.fmean(result["accuracy"] for result in found[name]) for name in ("full", "lora"))
    share = max(result["trained_share"] for result in found["lora"])
    print(f"mean: full {full:.4f}, lora {lora:.4f}, {lora - full:+.4f} with {share:.2%} of the weights")
    short = []
    if full - lora > BEHIND:
        short.append(f"LoRA is {full - lora:.4f} behind, promised at most {BEHIND}")
    if share > SHARE:
        short.append(f"LoRA trains {share:.2%} of the weights, promised at most {SHARE:.0%}")
    return short
