"""The words of a row as vectors, and what of them training drops."""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

PAD = 0
"""The id that fills short rows up; its vector is zero."""
UNKNOWN = 1
"""The id of every word that has no vector of its own."""


class WordEmbedding(nn.Module):
    """Looks up the vector of each word.

    Args:
        vectors: the vector of each word id, float32 [words, dimensions].
        tuned: whether the vectors are trained.
        word_dropout: share of the words that training sees as unknown, as words of other texts will be (Bowman et al.
            2016, "Generating Sentences from a Continuous Space", section 3.1); one word of a row is always seen.
    """

    def __init__(self, vectors: npt.NDArray[np.float32], *, tuned: bool, word_dropout: float) -> None:
        super().__init__()
        weight = torch.from_numpy(np.array(vectors, dtype=np.float32))  # a copy: the file is mapped, and not written to
        weight[PAD] = 0.0
        self.table = nn.Embedding.from_pretrained(weight, freeze=not tuned, padding_idx=PAD)  # type: ignore[no-untyped-call]
        self.word_dropout = word_dropout

    @property
    def dimensions(self) -> int:
        """Values of a vector."""
        return int(self.table.embedding_dim)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns vectors [rows, words, dimensions], zero at padding, and whether there is a word, bool [rows, words].

        A row without any word counts as one unknown word, as in the feature set, so that it has something to pool.
        """
        if mask is None:
            present = torch.ones_like(ids, dtype=torch.bool)
        else:
            first = torch.where(mask[:, :1] > 0, ids[:, :1], UNKNOWN)
            ids = torch.cat([first, ids[:, 1:]], dim=1)
            present = torch.cat([torch.ones_like(first), mask[:, 1:]], dim=1).bool()
        if self.training and self.word_dropout > 0:
            ids = torch.where(_dropped(present, self.word_dropout), UNKNOWN, ids)
        return self.table(ids) * present.unsqueeze(-1), present


def _dropped(present: torch.Tensor, share: float) -> torch.Tensor:
    """Draws which words are dropped, bool [rows, words]; never all of a row."""
    draws = torch.rand(present.shape, device=present.device) * present
    return (draws < share) & (draws < draws.amax(dim=1, keepdim=True)) & present
