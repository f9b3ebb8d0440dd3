"""Likely label errors, by confident learning.

Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels", Journal of Artificial
Intelligence Research 70, sections 3.1 (the confident joint) and 3.2 (the rows off its diagonal; the normalised margin).
All of it wants probabilities by models that were not shown the label.
"""

import numpy as np

from tasks.scores import Floats, Ints

NONE = -1
"""In place of a class."""


def thresholds(probabilities: Floats, given: Ints) -> Floats:
    """The mean probability of each class over the rows that bear its label, above which a row counts as confidently of
    that class [classes]; infinite where no row bears it.

    Args:
        probabilities: [rows, classes].
        given: the label of each row, as an index of a class [rows].
    """
    classes = probabilities.shape[1]
    totals = np.bincount(given, weights=probabilities[np.arange(len(given)), given], minlength=classes)
    counts = np.bincount(given, minlength=classes)
    return np.where(counts > 0, totals / np.maximum(counts, 1), np.inf)


def confident(probabilities: Floats, given: Ints) -> Ints:
    """The class that each row is confidently of: the most probable of those that reach their thresholds [rows].

    `NONE` where no class does. A row whose confident class is another one than its label lies off the diagonal of the
    confident joint, and so counts as a likely error.
    """
    reached = np.where(probabilities >= thresholds(probabilities, given), probabilities, -np.inf)
    return np.where(np.isfinite(reached).any(axis=1), reached.argmax(axis=1), NONE)


def others(probabilities: Floats, given: Ints) -> Ints:
    """The most probable class of each row beside its label [rows]; there are two classes at least."""
    masked = probabilities.copy()
    masked[np.arange(len(given)), given] = -np.inf
    return np.asarray(masked.argmax(axis=1))


def suspicion(probabilities: Floats, given: Ints) -> Floats:
    """How likely each label is wrong, from 0 to 1, higher is likelier [rows].

    It is (1 - m) / 2 with the normalised margin m: the probability of the label less that of the most probable other
    class.
    """
    places = np.arange(len(given))
    margin = probabilities[places, given] - probabilities[places, others(probabilities, given)]
    return np.asarray((1.0 - margin) / 2.0)
