"""Models of scikit-learn, on sparse features or on frozen vectors."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC

from tasks import encoder as encoders
from tasks import estimator, network
from tasks.features import FeatureSet
from tasks.finetune.head import set_head
from tasks.finetune.params import CandidateParams, LinearSvmParams, LogisticRegressionParams, NaiveBayesParams
from tasks.finetune.scores import Point, cross_entropy, validation_scores
from tasks.progress import log

Labels = npt.NDArray[np.str_]


def naive_bayes(params: NaiveBayesParams, labels: Labels, seed: int) -> MultinomialNB:
    """Multinomial naive Bayes."""
    return MultinomialNB(alpha=params.alpha)


def linear_svm(params: LinearSvmParams, labels: Labels, seed: int) -> CalibratedClassifierCV:
    """A linear SVM whose scores become probabilities by temperature scaling (Guo et al. 2017).

    The temperature is fitted on out-of-fold scores; the SVM itself is then fitted on all rows, so that predictions
    are those of the plain SVM.
    """
    weight = None if params.class_weight == "none" else params.class_weight
    svm = LinearSVC(C=params.C, class_weight=weight, random_state=seed)
    return CalibratedClassifierCV(svm, method="temperature", ensemble=False, cv=folds(labels, seed))


def logistic_regression(params: LogisticRegressionParams, labels: Labels, seed: int) -> LogisticRegression:
    """Multinomial logistic regression."""
    weight = None if params.class_weight == "none" else params.class_weight
    return LogisticRegression(C=params.C, class_weight=weight, max_iter=params.max_iter, random_state=seed)


ESTIMATORS: dict[str, Callable[[Any, Labels, int], Any]] = {
    "naive_bayes": naive_bayes,
    "linear_svm": linear_svm,
    "logistic_regression": logistic_regression,
}
"""From the word in `model` to an unfitted estimator."""


def folds(labels: Labels, seed: int, most: int = 5) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Seeded stratified folds (train rows, held-out rows).

    If every class has two rows or more, every class is in every train part.
    """
    number = int(min(most, np.unique(labels, return_counts=True)[1].max()))
    splitter = StratifiedKFold(number, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Fewer rows than folds only means that the class is held out in some folds and not in others.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return list(splitter.split(np.zeros(len(labels)), labels))


def _fit_rows(labels: Labels) -> npt.NDArray[np.int64]:
    """Rows to fit on: all, and once more the only row of a class, so that folds can both fit and hold it out."""
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.concatenate([np.arange(len(labels)), np.flatnonzero(counts[inverse] == 1)])


def train(feature_set: FeatureSet, params: CandidateParams, classes: list[str], folder: Path, seed: int) -> list[Point]:
    """Fits the model and saves it.

    Args:
        classes: the labels, in the order of the columns of the probabilities.
        folder: where the model is written.

    Returns:
        One point: the scores after the fit.
    """
    read = feature_set.matrix if feature_set.kind == "tfidf" else feature_set.vectors
    chosen = _fit_rows(feature_set.labels("train"))
    labels = feature_set.labels("train")[chosen]
    model = ESTIMATORS[params.model](params, labels, seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(read("train")[chosen], labels)
    for message in sorted({str(warning.message).splitlines()[0] for warning in caught}):
        log(f"warning: {message}")
    if list(model.classes_) != classes:
        raise ValueError(f"the model's classes {list(model.classes_)} are not those of the rows {classes}")
    point = _point(model, feature_set, read, classes)
    if feature_set.kind == "tfidf":
        vectorizer = estimator.load(feature_set.folder / "vectorizer.skops")
        estimator.save(Pipeline([("features", vectorizer), ("classifier", model)]), folder / "model.skops")
    else:
        _save_as_head(model, feature_set, folder)
    return [point]


def _point(model: Any, feature_set: FeatureSet, read: Callable[[str], Any], classes: list[str]) -> Point:
    truth = {split: np.searchsorted(classes, feature_set.labels(split)) for split in ("train", "validation")}
    train_loss = cross_entropy(truth["train"], model.predict_proba(read("train")))
    return Point(1, 1, train_loss, **validation_scores(truth["validation"], model.predict_proba(read("validation"))))


def _save_as_head(model: LogisticRegression, feature_set: FeatureSet, folder: Path) -> None:
    """Saves encoder and logistic regression as one network: the regression is a linear layer."""
    settings = feature_set.manifest["params"]
    encoder = encoders.load_network(feature_set.encoder)
    classifier = network.Classifier(encoder, len(model.classes_), settings["pooling"])
    set_head(classifier, model)
    network.save(classifier, folder, feature_set.encoder, settings["max_tokens"], same_encoder=True)
