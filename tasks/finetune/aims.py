"""What the rows of a part of a batch are to be predicted as: their labels, or what a teacher says of them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from tasks.finetune import losses
from tasks.finetune.params import TrainingParams

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Taught:
    """What a teacher says of rows.

    Attributes:
        probabilities: float32 [rows, outputs], as the teacher gives them: calibrated, if it is, and not yet softened.
        label_weights: float32 [rows], the weight of each row's true label beside the teacher; 0 without a true label.
        temperature: that both are softened by.
    """

    probabilities: Floats
    label_weights: Floats
    temperature: float


@dataclass(frozen=True)
class Aims:
    """The aims of some rows.

    Attributes:
        labels: class numbers, int64 [rows].
        probabilities: of the teacher [rows, classes], None without one.
        label_weights: [rows], None without a teacher.
        temperature: of the teacher.
    """

    labels: torch.Tensor
    probabilities: torch.Tensor | None = None
    label_weights: torch.Tensor | None = None
    temperature: float = 1.0

    @classmethod
    def of(cls, labels: npt.NDArray[np.int64], taught: Taught | None, device: str) -> Self:
        """The aims of rows with these labels, of which a teacher may say more."""
        numbers = torch.from_numpy(labels).to(device)
        if taught is None:
            return cls(numbers)
        said, weights = (torch.from_numpy(array).to(device) for array in (taught.probabilities, taught.label_weights))
        return cls(numbers, said, weights, taught.temperature)

    def of_rows(self, rows: torch.Tensor) -> "Aims":
        """The aims of the rows of these numbers."""
        if self.probabilities is None or self.label_weights is None:
            return Aims(self.labels[rows])
        return Aims(self.labels[rows], self.probabilities[rows], self.label_weights[rows], self.temperature)

    def losses(self, logits: torch.Tensor, params: TrainingParams) -> torch.Tensor:
        """The loss of each row [rows] of logits [rows, classes], in nats, lower being better.

        With a teacher, the weighted mean of the loss of the true label and of the distance to the teacher (Hinton et
        al. 2015, "Distilling the Knowledge in a Neural Network", section 2).
        """
        gamma = params.focal_gamma if params.loss == "focal" else None
        own = losses.row_losses(logits, self.labels, smoothing=params.label_smoothing, focal_gamma=gamma)
        if self.probabilities is None or self.label_weights is None:
            return own
        taught = losses.distances_to_teacher(logits, self.probabilities, self.temperature)
        return self.label_weights * own + (1.0 - self.label_weights) * taught
