"""Out-of-fold predictions: each train row is predicted by a model that was not shown it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.files import remove, replacing
from tasks.finetune import processes
from tasks.finetune.checkpoint import fingerprint
from tasks.finetune.params import CandidateParams
from tasks.finetune.trainer import Indices, Probabilities, Trainer
from tasks.folds import Fold
from tasks.progress import log


@dataclass(frozen=True)
class Held:
    """What the model of one fold says of the rows that it was not shown.

    Attributes:
        rows: the train rows.
        members: probabilities [members, rows, classes] (see tasks/finetune/trainer.py).
    """

    rows: Indices
    members: Probabilities


@dataclass(frozen=True)
class OutOfFold:
    """Predictions of all train rows.

    Attributes:
        probabilities: [train rows, classes].
        seconds: that the fits took, over all interrupted runs.
        parts: as the models gave them, a part a fold.
    """

    probabilities: Probabilities
    seconds: float
    parts: tuple[Held, ...] = ()


def out_of_fold(
    trainer: Trainer[Any], params: CandidateParams, folds: Sequence[Fold], scratch: Path, what: str
) -> OutOfFold:
    """Fits one model a fold and predicts the rows that it was not shown.

    The feature set is shared by all folds: its document frequencies or word vectors were taken from all train texts,
    but from no label. A class that a fold's train part lacks has probability 0 in that fold. Parameters that a search
    found were found on all train rows, those held out here included: such predictions are a little too good.

    Args:
        folds: train rows and held-out rows, such that each row is held out once.
        scratch: where finished folds are kept, so that an interrupted run goes on with the next one.
        what: begins each line of log.
    """
    rows = sum(len(held) for _, held in folds)
    found = np.zeros((rows, len(trainer.classes)))
    seconds = 0.0
    parts = []
    for number, (shown, held) in enumerate(folds, start=1):
        members, spent = _fold(trainer, params, shown, held, scratch / f"fold{number}")
        found[held] = members.mean(axis=0)
        parts.append(Held(held, members))
        seconds += spent
        right = float(np.mean(found[held].argmax(axis=1) == trainer.labels(held)))
        log(f"{what}, fold {number} of {len(folds)}: accuracy {right:.3f} on {len(held):,} rows")
    return OutOfFold(found, seconds, tuple(parts))


def _fold(
    trainer: Trainer[Any], params: CandidateParams, shown: Indices, held: Indices, scratch: Path
) -> tuple[Probabilities, float]:
    recipe = params.model_dump(exclude={"calibration", "learning_curve"})  # which come after it
    key = fingerprint(trainer.feature_set.manifest, recipe, trainer.compute, shown)
    done = scratch / f"{key[:16]}.npz"
    if done.exists():
        with np.load(done, allow_pickle=False) as kept:
            return kept["members"], float(kept["seconds"])
    started = time.perf_counter()
    fitted = trainer.fit(params, shown, scratch / "fit")
    members = fitted.members(held)
    seconds = max(fitted.seconds, time.perf_counter() - started)
    if processes.is_main():
        scratch.mkdir(parents=True, exist_ok=True)
        with replacing(done) as partial, partial.open("wb") as file:
            np.savez(file, members=members, seconds=np.float64(seconds))
        for other in scratch.iterdir():  # checkpoints, and what other parameters left
            if other != done:
                remove(other)
    return members, seconds
