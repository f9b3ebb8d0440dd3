"""The few scores that training watches; the evaluate stage measures the rest."""

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import accuracy_score, f1_score, log_loss


@dataclass(frozen=True)
class Point:
    """One point of a learning curve, at the end of an epoch.

    Attributes:
        epoch: passes over the train rows so far.
        step: updates of the weights so far.
        train_loss: mean cross-entropy a train row, in nats; for networks the mean of what training minimises, over the
            epoch and with dropout on: label smoothing, class weights, a focal loss and consistency change it.
        validation_loss: mean cross-entropy a validation row, in nats.
        learning_rate: the network's rate (the encoder's, where there is one) at the last step, 0 where there is none.
    """

    epoch: int
    step: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    validation_macro_f1: float
    learning_rate: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """The point as JSON holds it."""
        return asdict(self)


def cross_entropy(truth: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> float:
    """Mean cross-entropy in nats of class numbers [rows] under probabilities [rows, classes]."""
    return float(log_loss(truth, probabilities, labels=np.arange(probabilities.shape[1])))


def validation_scores(truth: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> dict[str, float]:
    """Loss, accuracy and macro F1 of validation rows, by the names that `Point` gives them.

    Args:
        truth: class numbers [rows]; those from the number of columns on are of classes that cannot be predicted, and
            have probability 0.
        probabilities: [rows, classes].
    """
    missing = int(truth.max()) + 1 - probabilities.shape[1]
    if missing > 0:
        probabilities = np.pad(probabilities, ((0, 0), (0, missing)))
    predicted = probabilities.argmax(axis=1)
    return {
        "validation_loss": cross_entropy(truth, probabilities),
        "validation_accuracy": float(accuracy_score(truth, predicted)),
        "validation_macro_f1": float(f1_score(truth, predicted, average="macro", zero_division=0)),
    }
