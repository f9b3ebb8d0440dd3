"""Masked language modelling: the encoder guesses words that are hidden."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tasks import encoder as encoders
from tasks.adapt.corpus import Corpus
from tasks.adapt.mask import hide
from tasks.adapt.objective import Loss, Objective, seed_dropout, set_dropout
from tasks.adapt.params import MlmParams
from tasks.adapt.words import WordTokenizer
from tasks.compute import Compute
from tasks.errors import BadInput
from tasks.order import Indices
from tasks.progress import log


class MaskedLanguageModel(Objective):
    """An encoder with a head that names the token at each place.

    Args:
        base: the encoder's folder. Its head is taken from there too; where it has none, a new one starts at random,
            but for its output layer, which is the token embeddings.

    Raises:
        BadInput: if transformers has no such head for the encoder, or its tokenizer cannot tell words or has no mask
            token.
    """

    def __init__(self, base: Path, corpus: Corpus, params: MlmParams, compute: Compute) -> None:
        super().__init__(compute)
        self.tokenizer = WordTokenizer(base, params.max_tokens)
        self.mask_id = self.tokenizer.mask_id
        self.tokens = {"train": self.tokenizer(corpus.train), "held_out": self.tokenizer(corpus.held_out)}
        self.mask_share, self.head_rate_factor = params.mask_share, params.head_rate_factor
        torch.manual_seed(compute.seed)  # of a new head
        self.network, output, missing = _load(base)
        set_dropout(self.network, params.encoder_dropout)
        self.network.to(compute.device)
        own = {id(parameter) for parameter in self._encoder.parameters()}
        head = {name for name, parameter in self.network.named_parameters() if id(parameter) not in own}
        self.fresh = frozenset(head & missing)
        self.head = "new" if self.fresh else "brought"
        where = "starts anew, tied to the token embeddings" if self.fresh else "is the one that the encoder brings"
        log(f"the head that guesses tokens {where}")
        self._places: tuple[torch.Tensor, torch.Tensor] | None = None
        output.register_forward_pre_hook(self._select)

    def loss(self, part: str, batch: Indices, key: Sequence[int]) -> Loss:
        """The cross entropy of the hidden tokens."""
        generator = np.random.default_rng(list(key))
        tokenizer, tokens = self.tokenizer, self.tokens[part]
        masked = [hide(tokens[row], self.mask_share, self.mask_id, tokenizer.plain_ids, generator) for row in batch]
        ids, mask = encoders.pad([one.ids.tolist() for one in masked], tokenizer.pad_id)
        rows = np.repeat(np.arange(len(masked)), [len(one.places) for one in masked])
        places = np.concatenate([one.places for one in masked])
        answers = torch.from_numpy(np.concatenate([one.answers for one in masked]))
        device = self.compute.device
        self._places = (torch.from_numpy(rows).to(device), torch.from_numpy(places).to(device))
        seed_dropout(key)
        with self.autocast():
            made = self.network(input_ids=ids.to(device), attention_mask=None if mask is None else mask.to(device))
        total = nn.functional.cross_entropy(made.logits.float(), answers.to(device), reduction="sum")
        return Loss(total, len(answers))

    def lengths(self, part: str) -> list[int]:
        """Tokens of each text of a part."""
        return [len(one.ids) for one in self.tokens[part]]

    def trained(self) -> dict[str, torch.Tensor]:
        """The weights of the encoder without its head."""
        return dict(self._encoder.state_dict())

    @property
    def _encoder(self) -> nn.Module:
        encoder: nn.Module = self.network.base_model  # type: ignore[assignment]
        return encoder

    def _select(self, module: nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        # Scores over the whole vocabulary are the most expensive part, and six of seven places are not asked for.
        assert self._places is not None  # noqa: S101 - it is set before the network is called
        return (inputs[0][self._places],)


def _load(base: Path) -> tuple[Any, nn.Module, set[str]]:
    """The encoder with its head, the head's output layer, and the names of the weights that its files lack."""
    fix = "Take another encoder, or the objective simcse or tsdae."
    where, expected = str(base), "an encoder that transformers can give a head for mlm"
    from transformers import AutoModelForMaskedLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    before = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # it would warn of the head, of which we tell
    try:
        network, info = AutoModelForMaskedLM.from_pretrained(
            base,
            dtype=torch.float32,
            trust_remote_code=False,
            use_safetensors=True,
            local_files_only=True,
            attn_implementation="eager",
            output_loading_info=True,
        )
    except (ValueError, KeyError, OSError) as error:
        found = " ".join(str(error).split())
        raise BadInput(where, expected, found, fix) from None
    finally:
        logging.set_verbosity(before)
    output = network.get_output_embeddings()
    if output is None:
        raise BadInput(where, expected, f"{type(network).__name__}, whose output layer is hidden", fix)
    return network, output, set(info["missing_keys"])
