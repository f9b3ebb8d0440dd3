"""What every family of models can do: be fitted to some of the train rows, predict others, and be saved."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from tasks.compute import Compute
from tasks.features import FeatureSet
from tasks.model import Family

if TYPE_CHECKING:
    from tasks.finetune.pseudo_labels import PseudoLabels
    from tasks.finetune.teaching import Teaching

Indices = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float64]
Split = Literal["train", "validation"]

P_contra = TypeVar("P_contra", contravariant=True)


class Fitted(ABC):
    """A model after its fit.

    Attributes:
        curve: the learning curve, one point an epoch (see tasks/finetune/scores.py); one point for a model without
            epochs.
        gradients: the gradient norms of the course of training (see tasks/finetune/gradients.py), none for a model
            without gradients.
        seconds: that the fit took, over all interrupted runs.
        notes: what else is to be known of the fit, such as a batch that had to be divided.
        device: that it was fitted on.
        precision: that it was computed in.
        firm: why its probabilities cannot be softened, empty where they can.
    """

    curve: list[dict[str, float]]
    gradients: list[dict[str, float]]
    seconds: float
    notes: dict[str, Any]
    device: str = "cpu"
    precision: str = "float64"
    firm: str = ""

    @abstractmethod
    def predict_proba(self, rows: Indices, split: Split = "train") -> Probabilities:
        """Probabilities [len(rows), classes] of these rows of a split."""

    def members(self, rows: Indices, split: Split = "train") -> Probabilities:
        """Probabilities [members, len(rows), classes]: of one member, unless the answer is the mean of several."""
        return self.predict_proba(rows, split)[None]

    @abstractmethod
    def soften(self, temperature: float) -> None:
        """Divides what the softmax is taken of, in place, so that the model is saved calibrated.

        Learning curve and notes stay what they are.

        Args:
            temperature: above 1 the model becomes less sure, below 1 surer.
        """

    @abstractmethod
    def save(self, folder: Path) -> Family:
        """Writes the model into an existing folder, so that tasks/model.py loads it."""


class Trainer(ABC, Generic[P_contra]):
    """Fits models of one family to one feature set.

    Args:
        classes: every label of the train rows, sorted: the order of the columns of probabilities.

    Attributes:
        teaching: what a teacher says, None without one.
    """

    teaching: "Teaching | PseudoLabels | None" = None

    def __init__(self, feature_set: FeatureSet, classes: list[str], compute: Compute) -> None:
        self.feature_set, self.classes, self.compute = feature_set, classes, compute

    @abstractmethod
    def fit(self, params: P_contra, rows: Indices, scratch: Path) -> Fitted:
        """Fits a model to these train rows, going on from checkpoints in `scratch` where there are any.

        The model learns from these rows and from their copies, where the feature set is augmented: a family asks the
        feature set for them (`with_copies`), so that whoever divides rows need not know of copies, and a copy is never
        shown to a model that its row is held out from. Class weights and losses count a copy as one more row.

        Not all classes need have a row: the columns of the others are 0. Where the family keeps the best epoch, the
        validation rows decide which it is.
        """

    def labels(self, rows: Indices) -> npt.NDArray[np.int64]:
        """The class number of each of these train rows, or copies of them."""
        return np.searchsorted(self.classes, self.feature_set.labels_with_copies()[rows])

    def validation_labels(self) -> npt.NDArray[np.int64]:
        """The class number of each validation row.

        A class that no train row has is numbered behind all others: no prediction of it is right.
        """
        labels = self.feature_set.labels("validation")
        known = np.isin(labels, self.classes)
        numbers = np.searchsorted(self.classes, np.where(known, labels, self.classes[0]))
        return np.where(known, numbers, len(self.classes))
