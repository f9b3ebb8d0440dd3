"""The classical models: how each is built, and how it takes what `class_weight` says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC, LinearSVC

from tasks.finetune import fitting, softening
from tasks.finetune.fitting import Fit
from tasks.finetune.nb_svm import NbSvm
from tasks.finetune.params import (
    GradientBoostingParams,
    LinearDiscriminantParams,
    LinearSvmParams,
    LogisticRegressionParams,
    NaiveBayesParams,
    NbSvmParams,
    NearestNeighboursParams,
    RandomForestParams,
    RbfSvmParams,
)

Soften = Callable[[Any, float], None]
"""Brings a temperature into a fitted estimator, in place (see tasks/finetune/softening.py)."""


def naive_bayes(params: NaiveBayesParams, seed: int) -> MultinomialNB | ComplementNB:
    """Multinomial or complement naive Bayes."""
    return (ComplementNB if params.variant == "complement" else MultinomialNB)(alpha=params.alpha)


def nb_svm(params: NbSvmParams, seed: int) -> NbSvm:
    """A linear SVM on terms scaled by their log-count ratios."""
    return NbSvm(params.alpha, params.beta, params.C, random_state=seed)


def linear_svm(params: LinearSvmParams, seed: int) -> LinearSVC:
    """A linear SVM, one class against the rest."""
    return LinearSVC(C=params.C, random_state=seed)


def rbf_svm(params: RbfSvmParams, seed: int) -> SVC:
    """An SVM with a Gaussian kernel, one class against another, whose votes are summed for each class."""
    # Without break_ties, SVC's own predictions would not be the classes of the largest scores.
    return SVC(C=params.C, gamma=params.gamma, decision_function_shape="ovr", break_ties=True)


def logistic_regression(params: LogisticRegressionParams, seed: int) -> LogisticRegression:
    """Multinomial logistic regression."""
    if params.l1_ratio == 0:
        return LogisticRegression(C=params.C, max_iter=params.max_iter, random_state=seed)
    # The only solver of scikit-learn for L1 and several classes; a tolerance of 1e-3 takes it twice as long on text
    # and changes less than 0.3 % of the predictions.
    return LogisticRegression(
        C=params.C,
        l1_ratio=params.l1_ratio,
        solver="saga",
        tol=1e-2,
        max_iter=params.max_iter,
        random_state=seed,
    )


def random_forest(params: RandomForestParams, seed: int) -> RandomForestClassifier:
    """A random forest."""
    return RandomForestClassifier(
        params.trees, max_depth=params.max_depth, min_samples_leaf=params.min_leaf_rows, random_state=seed
    )


def gradient_boosting(params: GradientBoostingParams, seed: int) -> HistGradientBoostingClassifier:
    """Gradient boosting over histograms, of as many rounds as declared."""
    return HistGradientBoostingClassifier(
        learning_rate=params.learning_rate,
        max_iter=params.rounds,
        max_leaf_nodes=params.max_leaves,
        min_samples_leaf=params.min_leaf_rows,
        l2_regularization=params.l2,
        early_stopping=False,
        random_state=seed,
    )


def linear_discriminant(params: LinearDiscriminantParams, seed: int) -> LinearDiscriminantAnalysis:
    """Linear discriminant analysis by least squares, which no singular covariance stops."""
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage=params.shrinkage)


def nearest_neighbours(params: NearestNeighboursParams, seed: int) -> KNeighborsClassifier:
    """k nearest neighbours, compared with each train row: search trees do not pay in so many dimensions."""
    return KNeighborsClassifier(params.neighbours, weights=params.votes, metric=params.metric, algorithm="brute")


@dataclass(frozen=True)
class Estimator:
    """One classical model.

    Attributes:
        build: from parameters and seed to an estimator of scikit-learn that is not fitted yet.
        fit: fits it to rows that count as their weights say (see tasks/finetune/fitting.py).
        scale: whether means of word vectors, and terms reduced to directions, are brought to variance 1 first: with
            the same C, linear models then fit the small values too (docs/log.md). An encoder's vectors stay as they
            are, which does no worse and lets the model become a layer of the network.
        soften: brings a temperature into it, or is why there can be none.
    """

    build: Callable[[Any, int], Any]
    fit: Fit
    soften: Soften | str
    scale: bool = False


ESTIMATORS: dict[str, Estimator] = {
    "naive_bayes": Estimator(naive_bayes, fitting.weigh_rows, softening.log_probabilities),
    "nb_svm": Estimator(nb_svm, fitting.calibrate, softening.CALIBRATED),
    "linear_svm": Estimator(linear_svm, fitting.calibrate, softening.CALIBRATED, scale=True),
    "rbf_svm": Estimator(rbf_svm, fitting.calibrate, softening.CALIBRATED),
    "logistic_regression": Estimator(logistic_regression, fitting.descend, softening.coefficients, scale=True),
    "random_forest": Estimator(random_forest, fitting.grow_trees, softening.VOTES),
    "gradient_boosting": Estimator(gradient_boosting, fitting.weigh_rows, softening.leaves),
    "linear_discriminant": Estimator(linear_discriminant, fitting.weigh_classes, softening.coefficients),
    "nearest_neighbours": Estimator(nearest_neighbours, fitting.repeat_rows, softening.VOTES),
}
"""From the word in `model` to how it is built and fitted."""
