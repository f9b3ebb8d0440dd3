"""TSDAE: a text has to be rebuilt from the vector of what is left when words are deleted."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tasks import encoder as encoders
from tasks.adapt.corpus import Corpus
from tasks.adapt.decoder import Decoder
from tasks.adapt.deletion import delete
from tasks.adapt.objective import Loss, Objective, seed_dropout, set_dropout
from tasks.adapt.params import TsdaeParams
from tasks.adapt.words import WordTokenizer
from tasks.compute import Compute
from tasks.errors import BadInput
from tasks.network import Encoder
from tasks.order import Indices


class Denoising(Objective):
    """An encoder with its pooling, and a decoder that reads nothing else of it (Wang, Reimers and Gurevych 2021).

    The paper's decoder (section 3) has all layers of the encoder, tied to it. Many architectures (MPNet, DeBERTa,
    DistilBERT) cannot be run as such a decoder, so that here it is one new layer, with the encoder's token embeddings
    tied at both of its ends: the same for every architecture. That it can do little alone leaves more to the vector,
    as Lu et al. 2021 found of decoders that are weak on purpose.

    Args:
        base: the encoder's folder.

    Raises:
        BadInput: if the encoder's tokenizer cannot tell words, or the encoder has no token embeddings.
    """

    head = "new"

    def __init__(self, base: Path, corpus: Corpus, params: TsdaeParams, compute: Compute) -> None:
        super().__init__(compute)
        tokenizer = WordTokenizer(base, params.max_tokens)
        self.tokens = {"train": tokenizer(corpus.train), "held_out": tokenizer(corpus.held_out)}
        self.pad_id, self.delete_share = tokenizer.pad_id, params.delete_share
        self.head_rate_factor = params.head_rate_factor
        network: Any = encoders.load_network(base, attention="eager")
        set_dropout(network, params.encoder_dropout)
        self.words = _words(network, base)
        heads = math.gcd(int(network.config.num_attention_heads), self.words.embedding_dim)
        self.encoder = Encoder(network, params.pooling)
        torch.manual_seed(compute.seed)  # of the decoder
        self.decoder = Decoder(self.words, int(network.config.hidden_size), heads, params.max_tokens)
        self.network = nn.ModuleDict({"encoder": self.encoder, "decoder": self.decoder}).to(compute.device)
        names = [name for name, _ in self.network.named_parameters()]
        self.fresh = frozenset(name for name in names if name.startswith("decoder."))

    def loss(self, part: str, batch: Indices, key: Sequence[int]) -> Loss:
        """The cross entropy of each token but a text's first, given those before it and the vector.

        The objective of Wang, Reimers and Gurevych 2021, section 3. The first token, which tokenizers put before every
        text, is what the decoder starts from.
        """
        generator, device = np.random.default_rng(list(key)), self.compute.device
        texts = [self.tokens[part][row] for row in batch]
        left = [delete(one, self.delete_share, generator).tolist() for one in texts]
        ids, mask = encoders.pad(left, self.pad_id)
        whole, there = encoders.pad([one.ids.tolist() for one in texts], self.pad_id)
        asked = (torch.ones_like(whole) if there is None else there)[:, 1:].bool()
        answers = whole[:, 1:][asked]
        seed_dropout(key)
        with self.autocast():
            vectors = self.encoder(ids.to(device), None if mask is None else mask.to(device))
            logits = self.decoder(vectors, whole[:, :-1].to(device), asked.to(device), self.words)
        return Loss(nn.functional.cross_entropy(logits.float(), answers.to(device), reduction="sum"), len(answers))

    def lengths(self, part: str) -> list[int]:
        """Tokens of each text of a part, before any is deleted."""
        return [len(one.ids) for one in self.tokens[part]]

    def trained(self) -> dict[str, torch.Tensor]:
        """The weights of the encoder without the decoder."""
        return dict(self.encoder.encoder.state_dict())


def _words(network: Any, base: Path) -> nn.Embedding:
    """The token embeddings of an encoder."""
    try:
        words = network.get_input_embeddings()
    except NotImplementedError:
        words = None
    if not isinstance(words, nn.Embedding):
        fix = "Take another encoder, or the objective simcse."
        found = f"none in {type(network).__name__}"
        raise BadInput(str(base), "an encoder with a plain embedding for each token", found, fix)
    return words
