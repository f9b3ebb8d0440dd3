"""A convolutional network over words."""

import torch
from torch import nn
from torch.nn import functional

from tasks.finetune.hidden import Activation, Hidden, Normalisation
from tasks.finetune.words import WordEmbedding


class TextCnn(nn.Module):
    """Convolutions over words, each filter with its largest value in the text (Kim 2014, section 2).

    As in Kim's own program, a filter also sees the ends of a text with zeros beyond them, so that it can tell the
    first and the last words, and a text shorter than the filter is read all the same. The largest value is taken
    before normalisation and activation.

    Args:
        classes: how many logits there are.
        widths: words that each sort of filter sees.
        filters: filters of each width.
        dropout: share of the filters' values that are dropped in training.
    """

    def __init__(
        self,
        words: WordEmbedding,
        classes: int,
        *,
        widths: list[int],
        filters: int,
        normalisation: Normalisation,
        activation: Activation,
        dropout: float,
    ) -> None:
        super().__init__()
        self.words = words
        self.convolutions = nn.ModuleList(
            nn.Conv1d(words.dimensions, filters, width, padding=width - 1) for width in widths
        )
        size = filters * len(widths)
        self.hidden = Hidden(size, normalisation, activation, dropout)
        self.head = nn.Linear(size, classes)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Returns logits [rows, classes] of word ids [rows, words]; `mask` is None where nothing is padded."""
        vectors, present = self.words(ids, mask)
        columns = vectors.transpose(1, 2)
        pooled = [_largest(convolution(columns), present) for convolution in self.convolutions]
        logits: torch.Tensor = self.head(self.hidden(torch.cat(pooled, dim=1)))
        return logits


def _largest(values: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """The largest value [rows, filters] of each filter [rows, filters, places] where it sees a word at least."""
    before = values.shape[2] - present.shape[1]  # places that start before the text; all of them see its first word
    seen = functional.pad(present, (before, 0), value=True)
    return values.masked_fill(~seen.unsqueeze(1), torch.finfo(values.dtype).min).amax(dim=2)
