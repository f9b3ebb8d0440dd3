"""Unsupervised SimCSE: a text's two vectors, made with unlike dropout, are to find each other among those of others."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from tasks import encoder as encoders
from tasks.adapt.corpus import Corpus
from tasks.adapt.objective import Loss, Objective, seed_dropout, set_dropout
from tasks.adapt.params import SimcseParams
from tasks.compute import Compute
from tasks.errors import BadInput
from tasks.network import Encoder
from tasks.order import Indices


class Contrast(Objective):
    """An encoder with its pooling.

    Args:
        base: the encoder's folder.

    Raises:
        BadInput: if the encoder has no dropout, so that both vectors of a text would be the same.
    """

    noisy = True

    def __init__(self, base: Path, corpus: Corpus, params: SimcseParams, compute: Compute) -> None:
        super().__init__(compute)
        tokenizer = encoders.Tokenizer(base, params.max_tokens)
        self.ids = {"train": tokenizer(corpus.train), "held_out": tokenizer(corpus.held_out)}
        self.pad_id, self.temperature = tokenizer.pad_id, params.temperature
        encoder = encoders.load_network(base, attention="eager")
        set_dropout(encoder, params.encoder_dropout)
        self.network = Encoder(encoder, params.pooling).to(compute.device)
        self._check_dropout(base)

    def loss(self, part: str, batch: Indices, key: Sequence[int]) -> Loss:
        """The cross entropy of finding each text's other vector (Gao, Yao and Chen 2021, equation 4)."""
        first, second = self._vectors(part, batch, key)
        similarities = nn.functional.normalize(first, dim=1) @ nn.functional.normalize(second, dim=1).T
        own = torch.arange(len(batch), device=similarities.device)
        total = nn.functional.cross_entropy(similarities / self.temperature, own, reduction="sum")
        return Loss(total, len(batch))

    def lengths(self, part: str) -> list[int]:
        """Tokens of each text of a part."""
        return [len(one) for one in self.ids[part]]

    def trained(self) -> dict[str, torch.Tensor]:
        """The weights of the encoder."""
        return dict(self.network.encoder.state_dict())  # type: ignore[union-attr]

    def _vectors(self, part: str, batch: Indices, key: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        ids, mask = encoders.pad([self.ids[part][row] for row in batch] * 2, self.pad_id)
        device = self.compute.device
        seed_dropout(key)
        with self.autocast():
            vectors = self.network(ids.to(device), None if mask is None else mask.to(device))
        first, second = vectors.float().chunk(2)
        return first, second

    def _check_dropout(self, base: Path) -> None:
        self.network.train()
        with torch.no_grad():
            first, second = self._vectors("held_out", torch.arange(1).numpy(), [self.compute.seed])
        if torch.equal(first, second):
            fix = "Take another encoder, or the objective mlm or tsdae."
            raise BadInput(str(base), "an encoder with dropout", "one without", fix)
