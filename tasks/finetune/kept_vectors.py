"""A head on vectors that are computed once, because the encoder that makes them is not trained."""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from tasks.network import Classifier


class KeptVectors(nn.Module):
    """Looks rows up in place of running the encoder; what is trained is the head of `classifier`.

    A row is known by one id, its number. Nothing of the encoder is a part of this network, so that checkpoints and kept
    weights are small.

    Args:
        classifier: whose encoder made the vectors.
        vectors: of all rows, float32 [rows, dimensions].
    """

    def __init__(self, classifier: Classifier, vectors: npt.NDArray[np.float32]) -> None:
        super().__init__()
        self.dropout, self.head = classifier.dropout, classifier.head
        self._classifier = [classifier]  # in a list, PyTorch does not count it as a part
        self._vectors = torch.from_numpy(vectors)

    @property
    def classifier(self) -> Classifier:
        """The classifier with the head as it is now."""
        return self._classifier[0]

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Returns logits [rows, classes] of row numbers [rows, 1]."""
        vectors = self._vectors[ids[:, 0].cpu()].to(ids.device)
        logits: torch.Tensor = self.head(self.dropout(vectors))
        return logits
