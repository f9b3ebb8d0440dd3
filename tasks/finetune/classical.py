"""Models of scikit-learn, on sparse or dense features."""

import time
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from tasks import encoder as encoders
from tasks import estimator, network
from tasks.compute import Compute
from tasks.features import FeatureSet
from tasks.finetune import selection
from tasks.finetune.estimators import ESTIMATORS, Soften
from tasks.finetune.head import set_head
from tasks.finetune.params import ClassicalParams
from tasks.finetune.pseudo_labels import PseudoLabels
from tasks.finetune.scores import Point, cross_entropy, validation_scores
from tasks.finetune.trainer import Fitted, Indices, Probabilities, Split, Trainer
from tasks.finetune.weighting import row_weights
from tasks.model import Family
from tasks.progress import log

_SOFTMAX = (
    LogisticRegression,
    LinearDiscriminantAnalysis,
)  # of a linear function, so that a linear layer can hold them


class ClassicalTrainer(Trainer[ClassicalParams]):
    """Fits models of scikit-learn.

    Args:
        teaching: what a teacher says, None without one.
    """

    def __init__(
        self, feature_set: FeatureSet, classes: list[str], compute: Compute, teaching: PseudoLabels | None = None
    ) -> None:
        super().__init__(feature_set, classes, compute)
        self.teaching: PseudoLabels | None = teaching

    def fit(self, params: ClassicalParams, rows: Indices, scratch: Path) -> "ClassicalFitted":
        """Fits a model to these train rows; it is quick enough to need no checkpoints.

        Rows of one class alone, as a fold may have them, give a model that always predicts that class.

        Raises:
            BadInput: if a class weight is for an unknown class, or a linear discriminant has no class with two rows.
        """
        started = time.perf_counter()
        shown, origins = self.feature_set.with_copies(rows)
        X, numbers = _matrix(self.feature_set, "train", shown), self.labels(shown)
        if self.teaching is not None:
            X, numbers, origins = self.teaching.added_to(X, numbers, origins)
        labels, weights = np.asarray(self.classes)[numbers], None
        if params.class_weight != "none":
            weights = row_weights(params.class_weight, numbers, self.classes, self.compute.seed)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            steps = self._steps(params, X, labels, weights, origins)
        for message in sorted({str(warning.message).splitlines()[0] for warning in caught}):
            log(f"warning: {message}")
        soften = ESTIMATORS[params.model].soften
        return ClassicalFitted(self, shown, steps, soften, time.perf_counter() - started)

    def _steps(
        self,
        params: ClassicalParams,
        X: Any,
        labels: npt.NDArray[np.str_],
        weights: npt.NDArray[np.float64] | None,
        origins: Indices,
    ) -> list[tuple[str, Any]]:
        """The fitted steps of a pipeline from features to classes."""
        if (labels == labels[0]).all():
            return [("classifier", DummyClassifier(strategy="prior").fit(X, labels))]
        steps: list[tuple[str, Any]] = []
        row = ESTIMATORS[params.model]
        if params.select is not None:
            steps.append(("select", selection.fit(params.select, X, labels)))
            X = steps[-1][1].transform(X)
        if row.scale and self.feature_set.form == "dense" and self.feature_set.kind != "encoder":
            steps.append(("scale", StandardScaler().fit(X)))
            X = steps[-1][1].transform(X)
        model = row.fit(row.build(params, self.compute.seed), X, labels, weights, self.compute, origins)
        return [*steps, ("classifier", model)]


class ClassicalFitted(Fitted):
    """A fitted model of scikit-learn.

    Args:
        trainer: knows the feature set and the classes.
        rows: that the model was fitted to, copies among them; of a student beside the texts that its teacher labels,
            which are not part of its learning curve.
        steps: of a pipeline from features to classes.
        soften: brings a temperature into the last of them, or is why there can be none.
        seconds: that the fit took.
    """

    def __init__(
        self,
        trainer: ClassicalTrainer,
        rows: Indices,
        steps: list[tuple[str, Any]],
        soften: Soften | str,
        seconds: float,
    ) -> None:
        self._trainer, self._rows, self._steps, self._soften = trainer, rows, steps, soften
        self._pipeline = Pipeline(steps)
        self.firm = soften if isinstance(soften, str) else ""
        self.gradients: list[dict[str, float]] = []
        self.notes: dict[str, Any] = {} if trainer.teaching is None else dict(trainer.teaching.notes)
        self.seconds = seconds

    @cached_property
    def curve(self) -> list[dict[str, float]]:  # type: ignore[override]
        """One point, measured when it is first asked for: folds and searches do not need it."""
        train_loss = cross_entropy(self._trainer.labels(self._rows), self.predict_proba(self._rows))
        probabilities = self._probabilities(_matrix(self._trainer.feature_set, "validation"))
        scores = validation_scores(self._trainer.validation_labels(), probabilities)
        return [Point(1, 1, train_loss, **scores).as_dict()]

    def predict_proba(self, rows: Indices, split: Split = "train") -> Probabilities:
        """Probabilities [len(rows), classes] of these rows; 0 for classes that the fitted rows lack."""
        return self._probabilities(_matrix(self._trainer.feature_set, split, rows))

    def soften(self, temperature: float) -> None:
        """Divides what the estimator adds up.

        Raises:
            ValueError: if it takes no softmax of such a thing.
        """
        if isinstance(self._soften, str):
            raise ValueError(self._soften)
        _ = self.curve  # which is of the model as it was fitted, as networks have it too
        self._soften(self._steps[-1][1], temperature)

    def _probabilities(self, X: Any) -> Probabilities:
        found = np.zeros((X.shape[0], len(self._trainer.classes)))
        if X.shape[0]:
            found[:, np.searchsorted(self._trainer.classes, self._pipeline.classes_)] = self._pipeline.predict_proba(X)
            found /= found.sum(axis=1, keepdims=True)  # float32 features give probabilities that sum to 1 in float32
        return found

    def save(self, folder: Path) -> Family:
        """Writes the model, together with what makes its features of a text.

        Raises:
            ValueError: if the model was fitted to rows that lack a class: its outputs would not be those of the card.
        """
        feature_set, classes = self._trainer.feature_set, self._trainer.classes
        if list(self._pipeline.classes_) != classes:
            raise ValueError(f"the model's classes {list(self._pipeline.classes_)} are not those of the rows {classes}")
        if feature_set.kind != "encoder":
            vectorizer = estimator.load(feature_set.vectorizer)
            estimator.save(Pipeline([("features", vectorizer), *self._steps]), folder / "model.skops")
            return "sklearn"
        settings = feature_set.manifest["params"]
        pooling, max_tokens = settings["pooling"], settings["max_tokens"]
        last = self._steps[-1][1]
        if len(self._steps) == 1 and isinstance(last, _SOFTMAX):
            classifier = network.Classifier(encoders.load_network(feature_set.encoder), len(classes), pooling)
            set_head(classifier, last)
            network.save(classifier, folder, feature_set.encoder, max_tokens, same_encoder=True)
            return "network"
        network.save_vectors(folder, feature_set.encoder, pooling, max_tokens)
        estimator.save(self._pipeline, folder / "classifier.skops")
        return "vectors"


def _matrix(feature_set: FeatureSet, split: str, rows: Indices | None = None) -> Any:
    """The matrix of a split, or some rows of it; float64 if dense: float32 gives probabilities that don't sum to 1."""
    matrix = feature_set.matrix(split)
    matrix = matrix if rows is None else matrix[rows]
    return matrix if feature_set.form == "sparse" else np.asarray(matrix, dtype=np.float64)
