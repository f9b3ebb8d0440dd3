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
class OutOfFold:
    """Predictions of all train rows.

    Attributes:
        probabilities: [train rows, classes].
        seconds: that the fits took, over all interrupted runs.
    """

    probabilities: Probabilities
    seconds: float


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
    for number, (shown, held) in enumerate(folds, start=1):
        part, spent = _fold(trainer, params, shown, held, scratch / f"fold{number}")
        found[held] = part
        seconds += spent
        right = float(np.mean(part.argmax(axis=1) == trainer.labels(held)))
        log(f"{what}, fold {number} of {len(folds)}: accuracy {right:.3f} on {len(held):,} rows")
    return OutOfFold(found, seconds)


def _fold(
    trainer: Trainer[Any], params: CandidateParams, shown: Indices, held: Indices, scratch: Path
) -> tuple[Probabilities, float]:
    key = fingerprint(trainer.feature_set.manifest, params.model_dump(), trainer.compute, shown)
    done = scratch / f"{key[:16]}.npz"
    if done.exists():
        with np.load(done, allow_pickle=False) as kept:
            return kept["probabilities"], float(kept["seconds"])
    started = time.perf_counter()
    fitted = trainer.fit(params, shown, scratch / "fit")
    part = fitted.predict_proba(held)
    seconds = max(fitted.seconds, time.perf_counter() - started)
    if processes.is_main():
        scratch.mkdir(parents=True, exist_ok=True)
        with replacing(done) as partial, partial.open("wb") as file:
            np.savez(file, probabilities=part, seconds=np.float64(seconds))
        for other in scratch.iterdir():  # checkpoints, and what other parameters left
            if other != done:
                remove(other)
    return part, seconds
