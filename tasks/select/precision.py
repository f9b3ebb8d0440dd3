"""Thresholds that reach a precision or a recall with a guarantee."""

import itertools
import math

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from tasks.scores import Floats

Bools = npt.NDArray[np.bool_]


def fewest_rows(precision: float, confidence: float) -> int:
    """Rows of which none must be wrong, at least, to show a precision with that confidence."""
    return math.ceil(math.log(1 - confidence) / math.log(precision))


def starts(rows: int, precision: float, confidence: float) -> list[int]:
    """Where the tests start: so many of the most confident rows; each number twice the one before it.

    One start at the strictest threshold would be lost with its first wrong row. The risk is shared among all starts, so
    the first has as many rows as its share needs. They depend on the number of rows alone, never on what was said of
    them.

    Returns:
        Numbers of rows; none if there are too few rows to show anything.
    """
    for count in itertools.count(1):
        first = fewest_rows(precision, 1 - (1 - confidence) / count)
        found = [first * 2**power for power in range(rows.bit_length()) if first * 2**power <= rows]
        if len(found) <= count:
            return found
    raise AssertionError("more starts want more rows each, so that there are ever fewer")


def lowest_threshold(sure: Floats, right: Bools, precision: float, confidence: float) -> float | None:
    """The lowest threshold such that of all texts answered from there on a share of `precision` is right.

    Fixed-sequence testing with several starts (Angelopoulos, Bates, Candès, Jordan and Lei 2021, "Learn then Test:
    Calibrating Predictive Algorithms to Achieve Risk Control", algorithm "Fixed sequence testing"): from each start the
    thresholds are tested from strict to loose, each with the exact binomial test that fewer are right (Clopper and
    Pearson 1934), until one fails; the risk, 1 - confidence, is divided by the number of starts. With that confidence
    the precision holds for other texts like these, however many thresholds were looked at. It is exact where surer
    answers are more often right and confidences do not tie; rows that tie are answered together.

    Args:
        sure: the probability of the predicted class [rows].
        right: whether that class is right [rows].
        precision: above 0, below 1.
        confidence: above 0, below 1.

    Returns:
        The threshold, half way between the last row answered and the next one, 0 if all are; None if none is shown to
        reach the precision.
    """
    order = np.argsort(-sure, kind="stable")
    ordered, wrong = sure[order], np.cumsum(~right[order])
    ends = np.flatnonzero(np.append(ordered[:-1] != ordered[1:], True)) if len(sure) else np.array([], dtype=np.int64)
    begins = starts(len(sure), precision, confidence)
    if not begins:
        return None
    p_values = special.bdtr(wrong[ends], ends + 1, 1 - precision)
    passed = p_values <= (1 - confidence) / len(begins)
    reached = -1
    for begin in begins:
        first = int(np.searchsorted(ends + 1, begin))
        failed = np.flatnonzero(~passed[first:])
        last = first + int(failed[0]) - 1 if len(failed) else len(ends) - 1
        if last >= first:
            reached = max(reached, last)
    if reached < 0:
        return None
    row = int(ends[reached])
    return 0.0 if row + 1 == len(sure) else float((ordered[row] + ordered[row + 1]) / 2)


def highest_threshold(own: Floats, others: Floats, recall: float, confidence: float) -> float | None:
    """The highest threshold such that of all texts of a class a share of `recall` lies no lower.

    A one-sided tolerance limit (Wilks 1941, "Determination of Sample Sizes for Setting Tolerance Limits"): with k of n
    rows of the class below it, it is shown where at most k of n would be below with a chance of 1 - confidence if a
    share of 1 - recall of all such texts were. No more than one threshold is looked at, so nothing is to be corrected.

    Args:
        own: the probability of the class, of the rows of the class [rows].
        others: the same of the other rows [rows]; they only say how far below its row the threshold may lie.
        recall: above 0, below 1.
        confidence: above 0, below 1.

    Returns:
        The threshold, half way between the last row that it takes in and the next lower one of any class; None if there
        are too few rows.
    """
    below = np.arange(len(own))
    allowed = np.flatnonzero(special.bdtr(below, len(own), 1 - recall) <= 1 - confidence) if len(own) else below
    if not len(allowed):
        return None
    last = float(np.sort(own)[allowed[-1]])
    everyone = np.concatenate([own, others])
    lower = everyone[everyone < last]
    return (last + float(lower.max(initial=0.0))) / 2


def interval(right: int, rows: int, level: float) -> tuple[float, float]:
    """The exact interval of a share of rows (Clopper and Pearson 1934).

    Args:
        rows: at least 1.
    """
    tail = (1 - level) / 2
    low = 0.0 if right == 0 else float(stats.beta.ppf(tail, right, rows - right + 1))
    high = 1.0 if right == rows else float(stats.beta.isf(tail, right + 1, rows - right))
    return low, high
