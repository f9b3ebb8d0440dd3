"""The bootstrap over rows: how far a measure, or a difference of two, may be chance.

Every candidate is measured on the same resampled rows, so that differences are paired
(Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapters 13 and 16; percentile intervals).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from tasks.scores import Counts, Floats, Ints, agreement, log_losses

_CELLS = 8_000_000  # rows times draws held at once: about 100 MB at the peak


@dataclass(frozen=True)
class Outcome:
    """What the measures need to know of one candidate: the predicted class [rows] and the log loss [rows]."""

    predicted: Ints
    losses: Floats

    @classmethod
    def of(cls, actual: Ints, probabilities: Floats) -> Self:
        """From the class of each row [rows] and the probabilities [rows, classes]."""
        return cls(probabilities.argmax(axis=1), log_losses(actual, probabilities))


def replicate(
    actual: Ints, outcomes: Sequence[Outcome], metrics: Sequence[str], *, classes: int, draws: int, seed: int
) -> dict[str, Floats]:
    """Measures all candidates on `draws` samples of the rows, taken with replacement.

    Args:
        actual: the class of each row [rows].
        outcomes: a predicted class from `classes` on is wrong, and counts for no class.
        metrics: names as in `tasks.scores.summary`, of those that `agreement` gives, and `log_loss`.

    Returns:
        For each metric its values [candidates, draws].
    """
    return _measured(actual, outcomes, metrics, classes, draws, samples(len(actual), draws, seed))


def replicate_left_out(
    actual: Ints, outcomes: Sequence[Outcome], metrics: Sequence[str], *, classes: int, draws: int, seed: int
) -> dict[str, Floats]:
    """Measures all candidates on the rows that each of the samples of `replicate` (with this seed) leaves out.

    Returns:
        For each metric its values [candidates, draws]; NaN where a sample leaves out no row.
    """
    left_out = ((weights == 0).astype(np.float64) for weights in samples(len(actual), draws, seed))
    return _measured(actual, outcomes, metrics, classes, draws, left_out)


def _measured(
    actual: Ints,
    outcomes: Sequence[Outcome],
    metrics: Sequence[str],
    classes: int,
    draws: int,
    sampled: Iterable[Floats],
) -> dict[str, Floats]:
    """Measures all candidates on samples of the rows, given as weights [rows, some of the draws] at a time."""
    results: dict[str, Floats] = {name: np.empty((len(outcomes), draws)) for name in metrics}
    every = np.arange(len(actual))
    members = _membership(actual, every, classes)
    tallies = [
        (
            _membership(actual, np.flatnonzero(some.predicted == actual), classes),
            _membership(some.predicted, np.flatnonzero(some.predicted < classes), classes),
        )
        for some in outcomes
    ]
    start = 0
    for weights in sampled:
        part = slice(start, start + weights.shape[1])
        start = part.stop
        truth, rows = (members @ weights).T, weights.sum(axis=0)
        for number, (some, (hits, predicted)) in enumerate(zip(outcomes, tallies, strict=True)):
            counts = Counts((hits @ weights).T, truth, (predicted @ weights).T)
            values = agreement(counts)
            if "log_loss" in results:
                values["log_loss"] = (some.losses @ weights) / np.maximum(rows, 1)
            for name in metrics:
                results[name][number, part] = np.where(rows > 0, values[name], np.nan)
    return results


def interval(values: Floats, level: float) -> tuple[float, float]:
    """The percentile interval of replicated values [draws] at a confidence level."""
    low, high = np.percentile(values, [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)


def samples(rows: int, draws: int, seed: int) -> Iterator[Floats]:
    """How often each row is in each sample, [rows, some of the draws] at a time."""
    random = np.random.default_rng(seed)
    some = max(1, min(draws, _CELLS // rows))
    for start in range(0, draws, some):
        width = min(some, draws - start)
        cells = random.integers(0, rows, size=(rows, width)) * width + np.arange(width)
        yield np.bincount(cells.ravel(), minlength=rows * width).reshape(rows, width).astype(np.float64)


def _membership(values: Ints, chosen: Ints, classes: int) -> sparse.csr_matrix:
    """A matrix [classes, rows] that sums the weights of the chosen rows by class."""
    return sparse.csr_matrix((np.ones(len(chosen)), (values[chosen], chosen)), shape=(classes, len(values)))
