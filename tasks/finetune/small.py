"""Small networks over words."""

from dataclasses import replace
from pathlib import Path

from torch import nn

from tasks.compute import Compute
from tasks.features import FeatureSet
from tasks.finetune import export
from tasks.finetune.averaging_network import AveragingNetwork
from tasks.finetune.networks import NetworkTrainer
from tasks.finetune.params import AverageParams, SmallNetworkParams, TextCnnParams
from tasks.finetune.recurrent import Recurrent
from tasks.finetune.teaching import Teaching
from tasks.finetune.text_cnn import TextCnn
from tasks.finetune.words import PAD, WordEmbedding
from tasks.model import Family


class SmallNetworkTrainer(NetworkTrainer[SmallNetworkParams]):
    """Trains TextCNN, recurrent and averaging networks on a feature set of form `words`.

    They are trained in float32, whatever `precision` says. On a CPU that computes in bfloat16, a step over texts of 12
    words takes as long either way; over 100 words, bfloat16 takes two thirds of the time for TextCNN and LSTM, but a
    fifth more for RNN and two fifths more for GRU: too little to have results depend on the processor.
    """

    def __init__(
        self, feature_set: FeatureSet, classes: list[str], compute: Compute, teaching: Teaching | None = None
    ) -> None:
        super().__init__(feature_set, classes, replace(compute, precision="float32"), teaching)

    def pad_id(self) -> int:
        """The id that fills short rows up."""
        return PAD

    def build(self, params: SmallNetworkParams, classes: int) -> nn.Module:
        """A new network of the declared sort.

        Raises:
            BadInput: if its weights are more than can be saved.
        """
        words = WordEmbedding(
            self.feature_set.word_vectors(),
            tuned=params.word_vectors == "tuned",
            word_dropout=params.word_dropout,
        )
        network = _network(words, classes, params)
        export.check_size(network)
        return network

    def write(self, network: nn.Module, folder: Path) -> Family:
        """Writes the network as ONNX, with its tokenizer."""
        return export.save(network, self.feature_set, folder)


def _network(words: WordEmbedding, classes: int, params: SmallNetworkParams) -> nn.Module:
    keys = ("normalisation", "activation", "dropout")
    if isinstance(params, TextCnnParams):
        return TextCnn(words, classes, **params.model_dump(include={"widths", "filters", *keys}))
    if isinstance(params, AverageParams):
        return AveragingNetwork(words, classes, **params.model_dump(include={"hidden", "layers", *keys}))
    own = {"hidden", "layers", "bidirectional", "pooling"}
    return Recurrent(words, classes, cell=params.model, **params.model_dump(include={*own, *keys}))
