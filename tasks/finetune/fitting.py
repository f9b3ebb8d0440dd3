"""Ways to fit an estimator of scikit-learn to rows that count as their weights say.

All have one form: they take an unfitted estimator, the features of the rows, their labels, the weight of each row (None
where all count the same), the seed and the threads, and for each row the number of the row that it was made of (its
own, but for altered copies, which stand behind all others). They return a fitted estimator that is scikit-learn's own,
so that it can be saved and loaded without this project.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from tasks.compute import Compute
from tasks.errors import BadInput
from tasks.folds import Fold, folds
from tasks.progress import log

Labels = npt.NDArray[np.str_]
Weights = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Fit = Callable[[Any, Any, Labels, Weights | None, Compute, Indices], Any]

_CALIBRATION_FOLDS = 5
_MOST_COPIES = 20  # of a row; more would take memory, and the nearest row of the class decides alone already


def weigh_rows(
    estimator: Any, X: Any, labels: Labels, weights: Weights | None, compute: Compute, origins: Indices
) -> Any:
    """Gives the weights to the estimator."""
    return estimator.fit(X, labels, sample_weight=weights)


def descend(estimator: Any, X: Any, labels: Labels, weights: Weights | None, compute: Compute, origins: Indices) -> Any:
    """Gives the weights to a logistic regression.

    The solver saga takes steps as long as rows of weight 1 allow, and never arrives where some weigh more (scikit-learn
    1.9). So no row weighs more than 1 there, and C as much more, which is the same problem.
    """
    if weights is None or estimator.solver != "saga":
        return weigh_rows(estimator, X, labels, weights, compute, origins)
    declared, largest = estimator.C, weights.max()
    estimator.set_params(C=declared * largest).fit(X, labels, sample_weight=weights / largest)
    return estimator.set_params(C=declared)


def grow_trees(
    estimator: Any, X: Any, labels: Labels, weights: Weights | None, compute: Compute, origins: Indices
) -> Any:
    """Gives the weights to a forest, whose trees grow side by side, each from a seed of its own."""
    estimator.set_params(n_jobs=compute.threads).fit(X, labels, sample_weight=weights)
    # Threads that predict would add up the trees' votes in the order in which they end.
    return estimator.set_params(n_jobs=None)


def weigh_classes(
    estimator: Any, X: Any, labels: Labels, weights: Weights | None, compute: Compute, origins: Indices
) -> Any:
    """Makes each class as probable beforehand as its rows weigh together.

    Raises:
        BadInput: if no class has two rows, so that nothing is known of how rows of a class differ.
    """
    classes, inverse = np.unique(labels, return_inverse=True)
    if len(labels) == len(classes):
        found = f"{len(labels)} rows of {len(classes)} classes"
        raise BadInput("the train rows", "more rows than classes", found, "Give more rows, or use another model.")
    shares = np.bincount(inverse, weights)
    estimator.set_params(priors=shares / shares.sum())
    return estimator.fit(X, labels)


def repeat_rows(
    estimator: Any, X: Any, labels: Labels, weights: Weights | None, compute: Compute, origins: Indices
) -> Any:
    """Repeats rows of nearest neighbours, which have no weights, and lets the neighbours grow in number alike.

    The row that counts least stands once and the others as often as they count more, up to 20 times; a share of a copy
    is drawn. With as many more neighbours as there are more rows, as many different rows vote as were asked for.
    """
    rows = np.arange(len(labels))
    if weights is not None:
        copies = np.minimum(weights / weights.min(), _MOST_COPIES)
        drawn = np.random.default_rng(compute.seed).random(len(labels)) < copies % 1
        rows = np.repeat(rows, copies.astype(np.int64) + drawn)
    wanted = estimator.n_neighbors * len(rows) / len(labels)
    if wanted > len(rows):
        log(f"neighbours: all {len(labels):,} rows vote, as there are no {estimator.n_neighbors:,}")
    estimator.set_params(n_neighbors=min(round(wanted), len(rows)))
    return estimator.fit(X[rows], labels[rows])


def calibrate(
    estimator: Any, X: Any, labels: Labels, weights: Weights | None, compute: Compute, origins: Indices
) -> Any:
    """Turns the scores of a support vector machine into probabilities by temperature scaling (Guo et al. 2017).

    The temperature is fitted to out-of-fold scores; the machine itself is then fitted to all rows, so that its
    predictions are those without probabilities. A copy is in the fold of its row. The only row of a class takes part
    twice with half its weight, so that folds can both fit and hold it out.

    Returns:
        A logistic regression with the same probabilities where the machine is linear, else scikit-learn's form of a
        calibrated classifier.
    """
    own = int((origins == np.arange(len(labels))).sum())  # rows that are no copies
    _, inverse, counts = np.unique(labels[:own], return_inverse=True, return_counts=True)
    single = np.flatnonzero(counts[inverse] == 1)
    if len(single):
        weights = np.ones(len(labels)) if weights is None else weights.copy()
        weights[single] *= 0.5
    once = np.concatenate([np.arange(own), single])
    parts = _with_copies(folds(labels[once], _CALIBRATION_FOLDS, compute.seed), origins[own:])
    rows = np.concatenate([once, np.arange(own, len(labels))])
    calibrated = CalibratedClassifierCV(estimator, method="temperature", ensemble=False, cv=parts)
    calibrated.fit(X[rows], labels[rows], sample_weight=None if weights is None else weights[rows])
    if isinstance(estimator, LinearSVC):
        return _as_regression(calibrated)
    return calibrated.set_params(cv=len(parts))  # the folds themselves would be saved too


def _with_copies(parts: list[Fold], origins: Indices) -> list[Fold]:
    """Folds of rows and copies, from those of rows alone; copies are numbered behind the rows.

    Args:
        origins: the row that each copy was made of.
    """
    count = sum(len(held) for _, held in parts)
    fold_of = np.empty(count, dtype=np.int64)
    for number, (_, held) in enumerate(parts):
        fold_of[held] = number
    fold_of = np.concatenate([fold_of, fold_of[origins]])
    return [(np.flatnonzero(fold_of != number), np.flatnonzero(fold_of == number)) for number in range(len(parts))]


def _as_regression(calibrated: CalibratedClassifierCV) -> LogisticRegression:
    """The logistic regression whose softmax is that of a linear machine's scores over their temperature."""
    (part,) = calibrated.calibrated_classifiers_
    (temperature,) = part.calibrators
    # Of two classes only one has a score, s; the other's is -s, so the logistic function is that of 2 s.
    scale = temperature.beta_ * (2 if len(calibrated.classes_) == 2 else 1)
    regression = LogisticRegression(C=part.estimator.C)
    regression.classes_ = calibrated.classes_
    regression.coef_ = scale * part.estimator.coef_
    regression.intercept_ = scale * part.estimator.intercept_
    regression.n_features_in_ = part.estimator.n_features_in_
    regression.n_iter_ = np.array([part.estimator.n_iter_], dtype=np.int32)
    return regression
