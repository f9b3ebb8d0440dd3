"""Folds of the train rows, for out-of-fold predictions, searches and calibration."""

import numpy as np
import numpy.typing as npt

from tasks.errors import BadInput

Indices = npt.NDArray[np.int64]
Fold = tuple[Indices, Indices]
"""The numbers of the rows to train on and of those held out."""


def folds(labels: npt.NDArray[np.generic], number: int, seed: int) -> list[Fold]:
    """Divides rows into seeded, stratified folds.

    The rows of each class are dealt to the folds in turn, like cards, so that the folds' sizes, and the rows that each
    has of a class, differ by one at most. Hence a class with two rows or more is in every train part, a class with
    fewer rows than there are folds is missing from some held-out parts, and a class with a single row is missing from
    the train part of the fold that holds it out: the model of that fold does not know it.

    Args:
        labels: the class of each row, [rows], of any type that can be sorted.
        number: folds that are wanted, at least 2; as many as there are rows if that is fewer.

    Returns:
        One pair a fold: the rows to train on and the rows held out, sorted; each row is held out once.

    Raises:
        BadInput: if no class has two rows, so that no model could know the class of a row that it was not shown.
    """
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(labels) < 2 or counts.max() < 2:
        found = f"{len(labels)} rows of {len(counts)} classes"
        raise BadInput("the rows to divide into folds", "a class with two rows or more", found, "Give more rows.")
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(classes[shuffled], kind="stable")]
    fold_of = np.empty(len(labels), dtype=np.int64)
    fold_of[by_class] = np.arange(len(labels)) % min(number, len(labels))
    return [
        (np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)) for fold in range(int(fold_of.max()) + 1)
    ]
