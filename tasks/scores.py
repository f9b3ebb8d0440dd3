"""How good predictions are: the measures that evaluation and selection share."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks import confidence

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LOWER_IS_BETTER = frozenset({"log_loss", "brier", "ece", "aurc"})
"""The measures that are losses; all others are better upwards."""


@dataclass(frozen=True)
class Counts:
    """What the measures of agreement are made of: three counts a class, each [..., classes].

    Leading dimensions are for many samples at once, as a bootstrap has them.

    Attributes:
        hits: rows of the class that were predicted as it.
        actual: rows of the class.
        predicted: rows that were predicted as it.
    """

    hits: Floats
    actual: Floats
    predicted: Floats


def count(actual: Ints, predicted: Ints, classes: int) -> Counts:
    """Counts rows by class.

    Args:
        actual: the class of each row, as an index [rows].
        predicted: the predicted class of each row [rows]; one from `classes` on is wrong, and counts for no class.
    """
    hits = actual[actual == predicted]
    each = (np.bincount(some, minlength=classes)[:classes].astype(np.float64) for some in (hits, actual, predicted))
    return Counts(*each)


def agreement(counts: Counts) -> dict[str, Floats]:
    """The measures that only look at the predicted class, each [...] and better upwards.

    Means over classes take those that occur among the rows or the predictions (for balanced accuracy: among
    the rows), as scikit-learn does. `mcc` is Matthews's coefficient for many classes (Gorodkin 2004), `cohen_kappa` the
    accuracy beyond that of chance as a share of what lies beyond it (Cohen 1960). Both are 0 where they have no value.
    """
    total = counts.actual.sum(axis=-1)
    _, recall, f1 = per_class(counts)
    there = counts.actual > 0
    occurs = there | (counts.predicted > 0)
    hits = counts.hits.sum(axis=-1)
    chance = (counts.actual * counts.predicted).sum(axis=-1)
    covariance = hits * total - chance
    spread_actual = total**2 - (counts.actual**2).sum(axis=-1)
    spread_predicted = total**2 - (counts.predicted**2).sum(axis=-1)
    return {
        "accuracy": _ratio(hits, total),
        "balanced_accuracy": _ratio((recall * there).sum(axis=-1), there.sum(axis=-1)),
        "macro_f1": _ratio((f1 * occurs).sum(axis=-1), occurs.sum(axis=-1)),
        "weighted_f1": _ratio((f1 * counts.actual).sum(axis=-1), total),
        "mcc": _ratio(covariance, np.sqrt(spread_actual * spread_predicted)),
        "cohen_kappa": _ratio(covariance, total**2 - chance),
    }


def per_class(counts: Counts) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1 of each class, each [..., classes]; 0 where a class has no such rows."""
    return (
        _ratio(counts.hits, counts.predicted),
        _ratio(counts.hits, counts.actual),
        _ratio(2 * counts.hits, counts.actual + counts.predicted),
    )


def log_losses(actual: Ints, probabilities: Floats) -> Floats:
    """The negative log probability of each row's own class [rows], in nats; a probability of 0 counts as 2.2e-16."""
    own = probabilities[np.arange(len(actual)), actual]
    losses: Floats = -np.log(np.clip(own, np.finfo(np.float64).eps, 1.0))
    return losses + 0.0  # no negative zero


def brier(actual: Ints, probabilities: Floats) -> float:
    """The mean squared distance of the probabilities from the truth, summed over classes: 0 to 2 (Brier 1950)."""
    own = probabilities[np.arange(len(actual)), actual]
    return float(np.mean((probabilities**2).sum(axis=1) - 2 * own + 1))


def ece(actual: Ints, probabilities: Floats) -> float:
    """The expected calibration error of the predicted class: 0 to 1.

    Guo et al. (2017), "On Calibration of Modern Neural Networks", equation 3: rows are put into bins of equal width by
    confidence (the largest probability), as many as `tasks.confidence.BINS`; the error is the sum over bins of
    (rows in bin / rows) * |accuracy in bin - mean confidence in bin|.
    """
    right = probabilities.argmax(axis=1) == actual
    return confidence.calibration_error(confidence.bins(probabilities.max(axis=1), right))


def aurc(actual: Ints, probabilities: Floats) -> float:
    """The area under the risk-coverage curve: 0 to 1, lower is better (see `tasks.confidence.RiskCoverage`)."""
    right = probabilities.argmax(axis=1) == actual
    return confidence.risk_coverage(probabilities.max(axis=1), right).area


def areas(actual: Ints, probabilities: Floats) -> dict[str, float]:
    """The areas under the ROC curve and under the precision-recall curve, each better upwards: 0 to 1.

    Each class is told from the rest by its probability; means are over the classes that some rows have and others
    have not. `roc_auc` is the chance that a row of the class gets a higher probability of it than another row, ties
    counting half (Hanley and McNeil 1982); `pr_auc` is the average precision: that at each threshold, weighted by the
    recall gained there. Where no class counts they are 0.5 and 0, as there is nothing to tell apart.
    """
    sizes = np.bincount(actual, minlength=probabilities.shape[1])
    told = np.flatnonzero((sizes > 0) & (sizes < len(actual)))
    if not len(told):
        return {"roc_auc": 0.5, "pr_auc": 0.0}
    roc, pr = np.mean([_areas(actual == one, probabilities[:, one]) for one in told], axis=0)
    return {"roc_auc": float(roc), "pr_auc": float(pr)}


def _areas(own: npt.NDArray[np.bool_], values: Floats) -> tuple[float, float]:
    """Both areas of one class: whether rows are of it [rows], and its probability [rows]."""
    order = np.argsort(-values, kind="stable")
    # Rows of equal probability pass a threshold together, so only the last of them counts.
    last = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)
    hits = np.cumsum(own[order])[last].astype(np.float64)
    misses = last + 1 - hits
    gained = np.diff(hits, prepend=0.0)
    under = (np.diff(misses, prepend=0.0) * (hits - gained / 2)).sum()
    return float(under / (hits[-1] * misses[-1])), float((gained * hits / (last + 1)).sum() / hits[-1])


def summary(actual: Ints, probabilities: Floats, classes: int | None = None) -> dict[str, float]:
    """All measures of one set of predictions.

    Args:
        actual: the class of each row, as an index into the columns of `probabilities` [rows]; at least one row.
        probabilities: [rows, classes], each row summing to 1. The largest is the predicted class (the first, if equal).
        classes: how many of them, from the first on, means over classes are of; None for all. No row is of another.
    """
    counts = count(actual, probabilities.argmax(axis=1), classes or probabilities.shape[1])
    measures = {name: float(value) for name, value in agreement(counts).items()} | areas(actual, probabilities)
    return measures | {
        "log_loss": float(log_losses(actual, probabilities).mean()),
        "brier": brier(actual, probabilities),
        "ece": ece(actual, probabilities),
        "aurc": aurc(actual, probabilities),
    }


def _ratio(above: Floats, below: npt.NDArray[np.generic]) -> Floats:
    """Divides, giving 0 for 0 / 0."""
    result = np.zeros(np.broadcast_shapes(above.shape, below.shape))
    np.divide(above, below, out=result, where=np.asarray(below != 0))
    return result
