"""`python -m benchmarks frozen [--rounds N]`: what it saves to run frozen layers once, not in every epoch.

BANKING77, the packaged encoder of six layers, whose lowest 3 or 5 stay as they are. Each training has a process of its
own, and those that are compared stand next to each other. Promised: with 5 frozen layers at most 0.7 of the time.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.alone import alone
from benchmarks.quality import changes
from benchmarks.recipes import FINETUNE, SETS, TOKENS, Recipe
from benchmarks.workspace import Workspace, data

RECIPE = Recipe("banking77", "frozen", {"tokens": TOKENS}, {"full": FINETUNE}, 0.0)
FROZEN = (3, 5)
SHARE = 0.7
"""Of the time without kept outputs, at most, where 5 of 6 layers are frozen."""


def main(arguments: list[str]) -> None:
    """Prints seconds and validation accuracy of each training, and the shares of time.

    Raises:
        SystemExit: if less is saved than promised.
    """
    parser = argparse.ArgumentParser("python -m benchmarks frozen")
    parser.add_argument("--rounds", type=int, default=3, help="how often each pair is timed")
    rounds = parser.parse_args(arguments).rounds
    with tempfile.TemporaryDirectory() as folder:
        declared = changes(RECIPE, data(SETS[RECIPE.data].folder)) | {"clean.split.validation": 0.1}
        workspace = Workspace(Path(folder) / "workspace", declared)
        workspace.regraft("run", "embed")
        whole, _ = timed(workspace.folder, 0, keep=True)
        print(f"no layer frozen: {whole:.0f} s", flush=True)
        shares = {layers: share(workspace.folder, layers, rounds) for layers in FROZEN}
    if shares[FROZEN[-1]] > SHARE:
        sys.exit(f"{FROZEN[-1]} frozen layers: {shares[FROZEN[-1]]:.2f} of the time, promised at most {SHARE}")


def share(root: Path, layers: int, rounds: int) -> float:
    """Prints each round; returns the median share of time that is left where outputs are kept."""
    shares = []
    for number in range(rounds):
        order = (True, False) if number % 2 else (False, True)  # neither is always the first
        pair = {keep: timed(root, layers, keep=keep) for keep in order}
        shares.append(pair[True][0] / pair[False][0])
        print(
            f"{layers} layers frozen: run in every epoch {pair[False][0]:.0f} s, accuracy {pair[False][1]:.4f}; "
            f"run once {pair[True][0]:.0f} s, accuracy {pair[True][1]:.4f}; share {shares[-1]:.2f}",
            flush=True,
        )
    print(f"{layers} layers frozen: median share {statistics.median(shares):.2f}", flush=True)
    return statistics.median(shares)


def timed(root: Path, layers: int, *, keep: bool) -> tuple[float, float]:
    """Trains in a new process; the seconds, start of the head included, and the last accuracy on validation rows."""
    return alone(_train, root, layers, keep=keep)


def _train(root: Path, layers: int, *, keep: bool) -> tuple[float, float]:
    from tasks import block, compute, features
    from tasks.finetune import kept_layers
    from tasks.finetune.params import TransformerParams
    from tasks.finetune.transformer import TransformerTrainer

    resources = compute.read(root)
    resources.apply()
    kept_layers.LIMIT = kept_layers.LIMIT if keep else 0
    params = block.parse(TransformerParams, FINETUNE | {"freeze_layers": layers}, "full")
    feature_set = features.load(root / "data/features/tokens")
    classes = sorted(set(feature_set.labels("train").tolist()))
    rows = np.arange(len(feature_set.row_ids("train")))
    with tempfile.TemporaryDirectory() as scratch:
        fitted = TransformerTrainer(feature_set, classes, resources).fit(params, rows, Path(scratch))
    return fitted.seconds, fitted.curve[-1]["validation_accuracy"]
