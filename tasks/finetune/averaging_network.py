"""A network over the mean of the word vectors."""

import torch
from torch import nn

from tasks import encoder as encoders
from tasks.finetune.hidden import Activation, Hidden, Normalisation
from tasks.finetune.words import WordEmbedding


class AveragingNetwork(nn.Module):
    """The mean of the word vectors, and hidden layers on it (deep averaging network, Iyyer et al. 2015, section 3).

    Args:
        classes: how many logits there are.
        hidden: values of each hidden layer.
        layers: hidden layers; with 0, the head reads the mean itself, and nothing is normalised or activated.
        dropout: share of each hidden layer's values that are dropped in training; with 0 layers, of the mean's.
    """

    def __init__(
        self,
        words: WordEmbedding,
        classes: int,
        *,
        hidden: int,
        layers: int,
        normalisation: Normalisation,
        activation: Activation,
        dropout: float,
    ) -> None:
        super().__init__()
        self.words = words
        sizes = [words.dimensions] + [hidden] * layers
        steps: list[nn.Module] = []
        for size in sizes[:-1]:
            steps += [nn.Linear(size, hidden), Hidden(hidden, normalisation, activation, dropout)]
        self.layers = nn.Sequential(*(steps or [nn.Dropout(dropout)]))
        self.head = nn.Linear(sizes[-1], classes)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Returns logits [rows, classes] of word ids [rows, words]; `mask` is None where nothing is padded."""
        vectors, present = self.words(ids, mask)
        logits: torch.Tensor = self.head(self.layers(encoders.pool(vectors, present, "mean")))
        return logits
