"""What a model's confidence is worth: how often it is right when it is so sure, and what is left out if it abstains.

Confidence is the probability of the predicted class. Both views need no more of a row than that, and whether the
prediction is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

BINS = 15
"""Bins of equal width that rows are put into by confidence; fixed, because only errors over the same bins can be
compared. Guo et al. (2017) have as many."""

POINTS = 200
"""Of a risk-coverage curve that is drawn; more would not be seen."""


@dataclass(frozen=True)
class Bin:
    """The rows whose confidence lies above `start` and up to `end`; there is at least one.

    Attributes:
        rows: how many they are.
        confidence: their mean.
        accuracy: the share of them that is predicted rightly.
    """

    start: float
    end: float
    rows: int
    confidence: float
    accuracy: float

    def interval(self, level: float) -> tuple[float, float]:
        """The interval of the accuracy by Wilson (1927), "Probable inference, the law of succession, and statistical
        inference": within 0 and 1 and never empty, also for a bin of one row.

        Args:
            level: of confidence, such as 0.95.
        """
        squared = NormalDist().inv_cdf((1 + level) / 2) ** 2
        middle = (self.accuracy * self.rows + squared / 2) / (self.rows + squared)
        spread = self.accuracy * (1 - self.accuracy) * self.rows + squared / 4
        half = (squared * spread) ** 0.5 / (self.rows + squared)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class RiskCoverage:
    """The error among the rows that a model is surest of, against how many these are.

    El-Yaniv and Wiener (2010), "On the Foundations of Noise-free Selective Classification", section 2: coverage is the
    share of the rows that are answered, risk the error among them.

    Attributes:
        coverage: rising, the last is 1 [points]; there is a point for each confidence that occurs, as rows of equal
            confidence are answered together.
        risk: lower is better [points].
        threshold: the least confidence of the rows that are answered [points].
    """

    coverage: Floats
    risk: Floats
    threshold: Floats

    @property
    def area(self) -> float:
        """The area under the curve, lower is better: 0 to 1.

        Geifman, Uziel and El-Yaniv (2019), "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers": the mean,
        over rows, of the risk with each row's own confidence as the threshold.
        """
        return float((self.risk * np.diff(self.coverage, prepend=0.0)).sum())

    def at(self, coverage: float) -> float:
        """The risk if at least this share of the rows is answered, the surest first."""
        # One through the number of rows is not exact in a float.
        return float(self.risk[np.searchsorted(self.coverage, coverage - 1e-9)])

    def thinned(self, most: int) -> list[tuple[float, float, float]]:
        """Coverage, risk and threshold of at most so many points, evenly spread, the last among them."""
        wanted = np.linspace(0.0, 1.0, most + 1)[1:]
        places = np.unique(np.searchsorted(self.coverage, wanted - 1e-9))
        columns = (self.coverage[places], self.risk[places], self.threshold[places])
        return list(zip(*(column.tolist() for column in columns), strict=True))


def bin_of(confidence: Floats) -> npt.NDArray[np.int64]:
    """The number of the bin that each row is in, from 0 [rows]; a bin is open below and closed above."""
    return np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)


def bins(confidence: Floats, right: Flags) -> list[Bin]:
    """The bins that have rows, from the least sure up; a bin is open below and closed above.

    Args:
        confidence: [rows].
        right: whether each is predicted rightly [rows].
    """
    numbers = bin_of(confidence)
    found = []
    for number in np.unique(numbers).tolist():
        own = numbers == number
        means = float(confidence[own].mean()), float(right[own].mean())
        found.append(Bin(number / BINS, (number + 1) / BINS, int(own.sum()), *means))
    return found


def risk_coverage(confidence: Floats, right: Flags) -> RiskCoverage:
    """The risk-coverage curve of these rows.

    Args:
        confidence: [rows], at least one.
        right: whether each is predicted rightly [rows].
    """
    order = np.argsort(-confidence, kind="stable")
    sure = confidence[order]
    last: npt.NDArray[Any] = np.append(np.flatnonzero(np.diff(sure)), len(sure) - 1)
    wrong = np.cumsum(~right[order])[last]
    return RiskCoverage((last + 1) / len(sure), wrong / (last + 1), sure[last])


def calibration_error(found: Sequence[Bin]) -> float:
    """The mean distance of accuracy from confidence over bins, each weighted by its rows; lower is better: 0 to 1."""
    gaps = (one.rows * abs(one.accuracy - one.confidence) for one in found)
    return sum(gaps) / sum(one.rows for one in found)
