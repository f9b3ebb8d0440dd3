"""Intervals for all measures of one set of predictions, by the bootstrap over rows.

Each draw counts a row as often as its sample has it, so that measures are sums of weights; no sample is ever made. A
test holds each measure against `tasks.scores.summary` of the samples themselves.
"""

import numpy as np
from scipy import sparse

from tasks import confidence
from tasks.confidence import Flags
from tasks.scores import Floats, Ints
from tasks.select.bootstrap import Outcome, interval, replicate, samples

_AGREEMENT = ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "mcc", "cohen_kappa", "log_loss")


def replicate_all(actual: Ints, probabilities: Floats, *, draws: int, seed: int) -> dict[str, Floats]:
    """The measures of `tasks.scores.summary` on `draws` samples of the rows, taken with replacement; each [draws].

    Args:
        actual: the class of each row, as an index into the columns of `probabilities` [rows]; at least one row.
        probabilities: [rows, classes].
    """
    outcome, classes = Outcome.of(actual, probabilities), probabilities.shape[1]
    agreed = replicate(actual, [outcome], _AGREEMENT, classes=classes, draws=draws, seed=seed)
    found = {name: values[0] for name, values in agreed.items()}
    measured = (
        {
            **_areas(actual, probabilities, weights),
            "brier": _brier(actual, probabilities) @ weights / len(actual),
            **_confidence(outcome.predicted == actual, probabilities.max(axis=1), weights),
        }
        for weights in samples(len(actual), draws, seed)
    )
    parts = list(measured)
    return found | {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def interval_of(name: str, value: float, values: Floats, level: float) -> tuple[float, float]:
    """The interval of a measure: of the calibration error the basic one, of all others the percentile interval.

    Resampled rows have a larger calibration error than the rows themselves, as each bin's gap grows by chance; the
    rows' own is too large for the same reason, by about as much. The basic interval (Davison and Hinkley 1997,
    "Bootstrap Methods and their Application", section 5.2) turns that round; for a model without any error it still
    begins above 0 more often than its level says. It is kept within 0 and 1, and made to hold the measured value.

    Args:
        value: of all rows.
        values: of the samples [draws].
        level: of confidence.
    """
    low, high = interval(values, level)
    if name != "ece":
        return low, high
    return min(max(2 * value - high, 0.0), value), max(min(2 * value - low, 1.0), value)


def _brier(actual: Ints, probabilities: Floats) -> Floats:
    """The squared distance of each row's probabilities from the truth [rows]; see `tasks.scores.brier`."""
    own = probabilities[np.arange(len(actual)), actual]
    distances: Floats = (probabilities**2).sum(axis=1) - 2 * own + 1
    return distances


def _confidence(right: Flags, sure: Floats, weights: Floats) -> dict[str, Floats]:
    """Calibration error and area under the risk-coverage curve, each [draws].

    Args:
        right: whether each row is predicted rightly [rows].
        sure: the confidence of each row [rows].
        weights: [rows, draws].
    """
    rows = weights.sum(axis=0)
    gaps = _sums(confidence.bin_of(sure), right - sure) @ weights
    # Rows of equal confidence are answered together, the surest first.
    _, places = np.unique(-sure, return_inverse=True)
    answered = _sums(places, np.ones(len(sure))) @ weights
    wrong = np.cumsum(_sums(places, (~right).astype(np.float64)) @ weights, axis=0)
    risk = wrong / np.maximum(np.cumsum(answered, axis=0), 1)
    return {"ece": np.abs(gaps).sum(axis=0) / rows, "aurc": (risk * answered).sum(axis=0) / rows}


def _areas(actual: Ints, probabilities: Floats, weights: Floats) -> dict[str, Floats]:
    """The means over classes of both areas, each [draws]; see `tasks.scores.areas`."""
    draws, rows = weights.shape[1], weights.sum(axis=0)
    roc, pr, told = np.zeros(draws), np.zeros(draws), np.zeros(draws)
    for one in np.unique(actual).tolist():
        own = actual == one
        size = weights[own].sum(axis=0)
        counts = (size > 0) & (size < rows)
        areas = _areas_of(own, probabilities[:, one], weights, np.where(counts, size, 1), rows)
        roc += np.where(counts, areas[0], 0.0)
        pr += np.where(counts, areas[1], 0.0)
        told += counts
    some = told > 0
    told = np.maximum(told, 1)
    return {"roc_auc": np.where(some, roc / told, 0.5), "pr_auc": np.where(some, pr / told, 0.0)}


def _areas_of(own: Flags, values: Floats, weights: Floats, size: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Both areas of one class, each [draws].

    Only the probabilities of the class's own rows are thresholds: all rows are put between or onto these.

    Args:
        own: whether rows are of it [rows].
        values: its probability [rows].
        size: rows of it [draws], above 0.
        rows: in all [draws].
    """
    levels = np.unique(values[own])
    # Even segments lie between two levels, odd ones on a level.
    segments = np.searchsorted(levels, values, "left") + np.searchsorted(levels, values, "right")
    every = _sums(segments, np.ones(len(values)), 2 * len(levels) + 1) @ weights
    hits = _sums(segments[own] // 2, np.ones(int(own.sum())), len(levels)) @ weights[own]
    upon = every[1::2]
    below = np.cumsum(every, axis=0)[0:-1:2]  # rows below each level
    hits_below = np.cumsum(hits, axis=0) - hits
    under = hits * (below - hits_below + (upon - hits) / 2)
    roc = under.sum(axis=0) / np.maximum(size * (rows - size), 1)
    gained = hits * (size - hits_below) / np.maximum(rows - below, 1)
    return roc, gained.sum(axis=0) / size


def _sums(places: Ints, values: Floats, number: int | None = None) -> sparse.csr_matrix:
    """A matrix [places, rows] that sums weighted values of the rows by place."""
    shape = (int(places.max()) + 1 if number is None else number, len(places))
    return sparse.csr_matrix((values, (places, np.arange(len(places)))), shape=shape)
