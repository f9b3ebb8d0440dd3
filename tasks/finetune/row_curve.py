"""The learning curve by rows: how good the candidate would be if it had learned from fewer of the train rows.

Nothing is foretold. The curve ends with the rows that there are: what more of them would bring, its last doubling
suggests.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.errors import BadInput
from tasks.finetune.params import CandidateParams
from tasks.finetune.scores import validation_scores
from tasks.finetune.trainer import Fitted, Indices, Probabilities, Trainer
from tasks.progress import log
from tasks.row_curve import Step


@dataclass(frozen=True)
class RowCurve:
    """A learning curve by rows.

    Attributes:
        steps: rising by share, the last one being all rows; none without a curve.
        points: the same as DVC draws it: share, rows, and the scores of the validation rows.
        seconds: that all its fits took, but for that of all rows.
    """

    steps: Sequence[Step] = ()
    points: Sequence[Mapping[str, float]] = ()
    seconds: float = 0.0


def nested(labels: npt.NDArray[np.generic], shares: Sequence[float], seed: int) -> list[Indices]:
    """The rows of each share, sorted: of every class the same share, and those of a smaller share within a larger one.

    The rows of each class are shuffled, and row i of n takes the place (i + 1/2) / n between 0 and 1. A share is what
    lies up to it: of each class its share to the nearest row, so that a class of few rows may be missing from small
    shares, as it would be from small data.

    Args:
        labels: the class of each row [rows].
        shares: above 0, below 1.
    """
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(classes[shuffled], kind="stable")]
    within = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    places = np.empty(len(labels))
    places[by_class] = (within + 0.5) / np.repeat(counts, counts)
    return [np.flatnonzero(places <= share) for share in shares]


def draw(
    trainer: Trainer[Any], params: CandidateParams, shares: Sequence[float], whole: Fitted, seed: int, scratch: Path
) -> RowCurve:
    """Fits the candidate to shares of the train rows and lets each model predict the validation rows.

    The feature set is shared by all: its document frequencies or word vectors were taken from all train texts, but from
    no label. Parameters that a search found were found on all train rows.

    Args:
        shares: rising, below 1; a share from which nothing can be learned is left out.
        whole: the candidate, fitted to all train rows and not yet calibrated.
        seed: the workspace's, so that all candidates learn from the same rows.
    """
    if not shares:
        return RowCurve()
    started = time.perf_counter()
    labels = trainer.feature_set.labels("train")
    steps: list[Step] = []
    points: list[Mapping[str, float]] = []
    for share, rows in zip(shares, nested(labels, shares, seed), strict=True):
        if not len(rows):
            continue
        try:
            fitted = trainer.fit(params, rows, scratch)
        except BadInput as error:  # as a linear discriminant wants a class with two rows
            log(f"learning curve: left out are {len(rows):,} rows: expected {error.expected}, found {error.found}")
            continue
        _measure(trainer, fitted, share, len(rows), steps, points)
    seconds = time.perf_counter() - started
    _measure(trainer, whole, 1.0, len(labels), steps, points)
    return RowCurve(steps, points, seconds)


def _measure(
    trainer: Trainer[Any], fitted: Fitted, share: float, rows: int, steps: list[Step], points: list[Mapping[str, float]]
) -> None:
    truth = trainer.validation_labels()
    probabilities = fitted.predict_proba(np.arange(len(truth)), "validation")
    predicted = [trainer.classes[number] for number in probabilities.argmax(axis=1)]
    steps.append(Step(share, rows, predicted, _own(truth, probabilities)))
    scores = validation_scores(truth, probabilities)
    points.append({"share": share, "rows": rows, **scores})
    accuracy, macro = scores["validation_accuracy"], scores["validation_macro_f1"]
    log(f"learning curve, {rows:,} rows: validation accuracy {accuracy:.3f}, macro F1 {macro:.3f}")


def _own(truth: npt.NDArray[np.int64], probabilities: Probabilities) -> npt.NDArray[np.float64]:
    """The probability of each row's own class; 0 for a class that no train row has."""
    known = truth < probabilities.shape[1]
    own = probabilities[np.arange(len(truth)), np.where(known, truth, 0)]
    return np.where(known, own, 0.0)
