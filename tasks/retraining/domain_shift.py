"""Whether a classifier can tell new texts from earlier ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.retraining.shift import Shift
from tasks.scores import Floats, Ints

_FOLDS = 5
_PENALTY = 10.0  # weight of the squared norm, for vectors of a mean squared length of 1 about their mean


def find(
    vectors: Any,
    before: Sequence[str],
    after: Sequence[str],
    *,
    threshold: float,
    draws: int,
    random: np.random.Generator,
) -> Shift:
    """The two-sample test by a classifier (Lopez-Paz and Oquab 2017, "Revisiting Classifier Two-Sample Tests").

    A linear classifier learns to tell the sides from the vectors of four fifths of the rows, and answers for the last
    fifth, in turn. The effect is the area under the ROC curve of its answers, pairs of rows within a fold alone, as
    answers of different classifiers cannot be compared. It is 0.5 where nothing tells the sides apart.

    The p-value is that of a permutation test: rows change sides within their fold, and all classifiers learn anew. The
    usual approximation (Mann and Whitney 1947) would take the answers for independent; but each pair of rows in two
    folds counts twice, once in either classifier, so that it calls equal sides unlike far too often. For the sake of
    that test the loss is the squared one (a regularised Fisher discriminant) rather than that of a logistic regression,
    which ranks rows much the same: its solution is linear in the sides, so that a thousand permutations cost one
    factorisation a fold.

    Args:
        vectors: sparse or dense [rows, dimensions], the earlier rows first.
        before: the plain forms of the earlier texts; no two are equal.
        after: those of the new ones.
        threshold: the least effect that counts.
        draws: of the permutation test.
    """
    fold_of = folds(before, after, random)
    sides = np.repeat([0.0, 1.0], [len(before), len(after)])
    areas = _areas(_kernel(vectors), sides, fold_of, draws, random)
    area = float(areas[0])
    p_value = (1 + int((areas[1:] >= area - 1e-12).sum())) / (draws + 1)
    told = (
        f"a classifier puts a new text above an earlier one in {100 * area:.1f} of 100 cases, where 50 are chance "
        f"({100 * threshold:g} or more count)"
    )
    return Shift("domain", area, area, p_value, threshold, told)


def folds(before: Sequence[str], after: Sequence[str], random: np.random.Generator) -> Ints:
    """The fold of each row, both sides spread evenly; a text that stands on both sides is in one fold both times.

    Args:
        before: the plain forms of the earlier texts; no two are equal.
        after: those of the new ones.

    Returns:
        [rows], the earlier ones first.
    """
    new = np.empty(len(after), dtype=np.int64)
    new[random.permutation(len(after))] = np.arange(len(after)) % _FOLDS
    of_text = dict(zip(after, new.tolist(), strict=True))
    old = np.array([of_text.get(text, -1) for text in before], dtype=np.int64)
    alone = random.permutation(np.flatnonzero(old < 0))
    old[alone] = np.arange(len(alone)) % _FOLDS
    return np.concatenate([old, new])


def _kernel(vectors: Any) -> Floats:
    """The products of all rows with one another, centred, and divided by their mean square [rows, rows]."""
    products = vectors @ vectors.T
    kernel = np.asarray(products.toarray() if hasattr(products, "toarray") else products, dtype=np.float64)
    means = kernel.mean(axis=0)
    kernel = kernel - means[:, None] - means[None, :] + means.mean()
    scale = float(np.trace(kernel)) / len(kernel)
    scaled: Floats = kernel / (scale if scale > 0 else 1.0)
    return scaled


def _areas(kernel: Floats, sides: Floats, fold_of: Ints, draws: int, random: np.random.Generator) -> Floats:
    """The area of the true sides, and those of permuted sides [1 + draws]."""
    from scipy.linalg import cho_factor, cho_solve

    columns = np.tile(sides[:, None], 1 + draws)
    for fold in range(_FOLDS):
        own = np.flatnonzero(fold_of == fold)
        columns[own, 1:] = random.permuted(columns[own, 1:], axis=0)
    targets = columns - sides.mean()
    won, pairs = np.zeros(1 + draws), 0.0
    for fold in range(_FOLDS):
        shown, held = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        factor = cho_factor(kernel[np.ix_(shown, shown)] + _PENALTY * np.eye(len(shown)), lower=True)
        answers = kernel[np.ix_(held, shown)] @ cho_solve(factor, targets[shown])
        new = float(sides[held].sum())
        won += _wins(answers, columns[held])
        pairs += new * (len(held) - new)
    return won / pairs


def _wins(answers: Floats, sides: Floats) -> Floats:
    """How many pairs of a new and an earlier row have the new one above, ties counting half: the U of Mann and Whitney.

    Args:
        answers: [rows, draws].
        sides: 1 for a new row, 0 for an earlier one [rows, draws].

    Returns:
        [draws].
    """
    from scipy.stats import rankdata

    # Rounded, as the same text twice may get answers that differ in their last bits.
    ranks = rankdata(np.round(answers, 12), axis=0)
    new = sides.sum(axis=0)
    wins: Floats = (ranks * sides).sum(axis=0) - new * (new + 1) / 2
    return wins
