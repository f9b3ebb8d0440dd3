"""Paired tests of candidates against the best of them, all on the same rows, and Holm's correction.

Each p-value is two-sided, of the hypothesis that the two are equally good. As the best was picked by the same rows,
what the corrected level promises is this: with that confidence the candidate that is truly the best is among those not
found worse (the argument of Gupta 1965, "On some multiple decision (selection and ranking) rules": whichever one comes
out best must beat the true best by chance, and there are as many that might as there are comparisons). It does not
promise that no other candidate, just as good, is found worse.
"""

import math

import numpy as np

from tasks.scores import Floats, Ints


def mcnemar(actual: Ints, one: Ints, other: Ints) -> float:
    """The exact p-value for two candidates' answers, each [rows], of being right equally often.

    McNemar (1947), "Note on the sampling error of the difference between correlated proportions or percentages", in its
    exact form: of the rows that one alone has right, either is as likely to have any.
    """
    from scipy.special import bdtr

    first = int(((one == actual) & (other != actual)).sum())
    second = int(((one != actual) & (other == actual)).sum())
    return min(1.0, 2 * float(bdtr(min(first, second), first + second, 0.5)))


def bootstrap(differences: Floats) -> float:
    """The p-value of a difference of 0, from replicated differences [draws]: the percentile interval inverted.

    It is twice the share of draws on the far side of 0, so that it is below 1 - level where the percentile interval at
    that level keeps clear of 0 (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", section 15.4). One is
    added to both counts, as no finite number of draws shows a p-value of 0 (Davison and Hinkley 1997, "Bootstrap
    Methods and their Application", section 4.2).
    """
    beyond = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    return min(1.0, 2 * (beyond + 1) / (len(differences) + 1))


def holm(p_values: Floats) -> Floats:
    """Corrects p-values [comparisons, ...] for how many there are: no true hypothesis is refuted at all, at the level.

    Holm (1979), "A simple sequentially rejective multiple test procedure": the smallest is multiplied by their number,
    the next by one less, and so on; none becomes smaller than one before it, or larger than 1.
    """
    count = len(p_values)
    order = np.argsort(p_values, axis=0, kind="stable")
    factors = np.arange(count, 0, -1).reshape(-1, *[1] * (p_values.ndim - 1))
    stepped = np.maximum.accumulate(np.take_along_axis(p_values, order, axis=0) * factors, axis=0)
    corrected: Floats = np.empty_like(stepped)
    np.put_along_axis(corrected, order, np.minimum(stepped, 1.0), axis=0)
    return corrected


def draws_for(comparisons: int, level: float) -> int:
    """Draws with which the smallest p-value that `bootstrap` can give is, corrected, half of what the level asks.

    With fewer, even a hopeless candidate could not be told from the best, however many rows there are.
    """
    return math.ceil(4 * comparisons / (1 - level))
