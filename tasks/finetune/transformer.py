"""Fine-tuning of an encoder with a linear head."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from tasks import encoder as encoders
from tasks.encoder import Pooling
from tasks.finetune.head import encoder_vectors, probe
from tasks.finetune.networks import NetworkTrainer
from tasks.finetune.params import TransformerParams
from tasks.finetune.trainer import Indices
from tasks.model import Family
from tasks.network import Classifier, save


class TransformerTrainer(NetworkTrainer[TransformerParams]):
    """Trains an encoder together with a linear head, on a feature set of kind `tokens`."""

    _vectors: dict[Pooling, npt.NDArray[np.float32]]

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._vectors = {}

    def pad_id(self) -> int:
        """The id that fills short rows up."""
        return self._pad_id

    def build(self, params: TransformerParams, classes: int) -> nn.Module:
        """The untrained encoder, read anew, with a random head."""
        encoder = encoders.load_network(self.feature_set.encoder, attention="eager")
        for module in encoder.modules():
            if isinstance(module, nn.Dropout):
                module.p = params.encoder_dropout
        return Classifier(encoder, classes, params.pooling, params.dropout)

    def start(
        self, network: nn.Module, params: TransformerParams, rows: Indices, labels: npt.NDArray[np.int64]
    ) -> None:
        """Starts the head as a logistic regression, if that is wanted and there is more than one class."""
        if params.head_start == "probe" and isinstance(network, Classifier) and network.head.out_features > 1:
            probe(network, self._untrained(network)[rows], labels, self.compute.seed)

    def settle(self, network: nn.Module) -> None:
        """Has the encoder computed as that of a loaded model is: training uses another form of attention."""
        network.encoder.set_attn_implementation("sdpa")  # type: ignore[union-attr, operator]

    def write(self, network: nn.Module, folder: Path) -> Family:
        """Writes the network as a model of sentence-transformers."""
        assert isinstance(network, Classifier)  # noqa: S101 - it was built above
        save(network, folder, self.feature_set.encoder, self._max_tokens)
        return "network"

    def _untrained(self, network: Classifier) -> npt.NDArray[np.float32]:
        """The vectors of all train rows before any training: folds and trials share them."""
        if network.pooling not in self._vectors:
            found = encoder_vectors(network, self.ids["train"], self.pad_id(), self.compute)
            self._vectors[network.pooling] = found
        return self._vectors[network.pooling]

    @property
    def _max_tokens(self) -> int:
        return int(self.feature_set.manifest["params"]["max_tokens"])

    @cached_property
    def _pad_id(self) -> int:
        return encoders.Tokenizer(self.feature_set.encoder, self._max_tokens).pad_id
