"""Fits a combination to what its members said of rows that they were not shown."""

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.combination import Combination, Probabilities, stacked
from tasks.combine.params import EnsembleParams, StackParams
from tasks.errors import BadInput
from tasks.folds import Fold
from tasks.progress import log

Labels = npt.NDArray[np.str_]

_LEAST = np.finfo(np.float64).eps  # a probability of 0 counts as that, as in the measure log loss
_DIGITS = 6  # of a weight; later ones depend on the processor
_ITERATIONS = 2000


def fit(params: EnsembleParams, parts: Sequence[Probabilities], labels: Sequence[str], actual: Labels) -> Combination:
    """Fits the combination that is declared; `vote` and `mean` have nothing to fit.

    Args:
        parts: [rows, classes] of each member, in the order of `labels`.
        actual: the label of each row, all among `labels`.

    Raises:
        BadInput: if there are rows of one class only, and a regression is to be fitted.
    """
    if isinstance(params, StackParams):
        return Combination("stack", regression=_regression(params.C, parts, actual))
    if params.method == "weighted":
        numbers = {label: number for number, label in enumerate(labels)}
        own = np.array([numbers[label] for label in actual.tolist()])
        return Combination("weighted", weights(np.stack([part[np.arange(len(own)), own] for part in parts], axis=1)))
    return Combination(params.method)


def cross_fitted(
    params: EnsembleParams, parts: Sequence[Probabilities], labels: Sequence[str], actual: Labels, folds: Sequence[Fold]
) -> Probabilities:
    """What the ensemble says of each row when it is fitted to the other folds alone.

    The folds are those of the members' out-of-fold predictions, so that a row's label has no direct part in what is
    said of it, neither by the members nor by how they are combined; members of the other folds were shown it.

    Args:
        folds: rows to fit to and rows held out, such that each row is held out once.

    Returns:
        Probabilities [rows, classes].
    """
    found = np.zeros_like(parts[0])
    for shown, held in folds:
        combination = fit(params, [part[shown] for part in parts], labels, actual[shown])
        found[held] = combination([part[held] for part in parts], labels)
    return found


def weights(own: Probabilities) -> tuple[float, ...]:
    """The weights, none negative, with sum 1, whose mixture has the smallest log loss.

    The loss is convex in the weights, so there is no other minimum. It is found by sequential quadratic programming
    (SLSQP), from equal weights; on these rows the result is never worse than those.

    Args:
        own: the probability that each member gave to the row's own class [rows, members].
    """
    from scipy.optimize import minimize

    likely = np.maximum(own, _LEAST)
    members = likely.shape[1]

    def loss(mixed: Probabilities) -> float:
        return float(-np.log(likely @ mixed).mean())

    def slope(mixed: Probabilities) -> Probabilities:
        return np.asarray(-(likely / (likely @ mixed)[:, None]).mean(axis=0))

    equal = np.full(members, 1 / members)
    found = minimize(
        loss,
        equal,
        jac=slope,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * members,
        constraints={"type": "eq", "fun": lambda mixed: mixed.sum() - 1, "jac": lambda mixed: np.ones(members)},
        options={"ftol": 1e-12, "maxiter": 1000},
    )
    rounded = np.round(np.clip(found.x, 0.0, 1.0), _DIGITS)
    best = min((equal, rounded / rounded.sum()), key=loss)
    return tuple(float(weight) for weight in best)


def _regression(C: float, parts: Sequence[Probabilities], actual: Labels) -> object:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(set(actual.tolist())) < 2:
        fix = "Give more rows, or use the method mean."
        raise BadInput("the rows that a stack is fitted to", "rows of two classes", "rows of one", fix)
    regression = LogisticRegression(C=C, max_iter=_ITERATIONS)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        regression.fit(stacked(parts), actual)
    for one in caught:
        log(f"warning: {one.message}")
    return regression
