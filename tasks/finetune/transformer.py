"""Fine-tuning of an encoder with a linear head."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from tasks import encoder as encoders
from tasks.compute import Compute
from tasks.encoder import Ids
from tasks.features import FeatureSet
from tasks.finetune import kept_layers, layers, processes, warm_start, weighting
from tasks.finetune.checkpoint import Checkpoints
from tasks.finetune.contrastive import Contrast
from tasks.finetune.head import encoder_vectors, probe
from tasks.finetune.kept_vectors import KeptVectors
from tasks.finetune.networks import FittedNetwork, NetworkTrainer, counted
from tasks.finetune.params import TransformerParams
from tasks.finetune.teaching import Teaching
from tasks.finetune.trainer import Indices
from tasks.finetune.transfer import NONE
from tasks.finetune.tuned import Tuned
from tasks.finetune.update import Rows
from tasks.model import Family
from tasks.network import Classifier, save
from tasks.progress import log

Vectors = npt.NDArray[np.float32]


class TransformerTrainer(NetworkTrainer[TransformerParams]):
    """Trains an encoder together with a linear head, on a feature set of kind `tokens`.

    Args:
        earlier: the folder of the model that training starts from where `warm_start` names one.
    """

    def __init__(
        self,
        feature_set: FeatureSet,
        classes: list[str],
        compute: Compute,
        earlier: Path | None = None,
        teaching: Teaching | None = None,
    ) -> None:
        super().__init__(feature_set, classes, compute, teaching)
        self._earlier = earlier
        self._vectors: dict[tuple[object, ...], Vectors] = {}

    def pad_id(self) -> int:
        """The id that fills short rows up."""
        return self._pad_id

    def fit(self, params: TransformerParams, rows: Indices, scratch: Path) -> FittedNetwork:
        """As for every network; a warm start is for all train rows alone, as it may have learnt from any of them."""
        if len(rows) < len(self.feature_set.row_ids("train")):  # which its ids outnumber where it has altered copies
            params = params.model_copy(update={"warm_start": NONE})
        return super().fit(params, rows, scratch)

    def build(self, params: TransformerParams, classes: int) -> nn.Module:
        """The encoder, untrained or as an earlier model has it, with what is trained of it and a random head."""
        encoder = encoders.load_network(self.feature_set.encoder, attention="eager")
        if params.layers is not None:
            encoders.cut(encoder, params.layers, params.layer_choice)
        if params.warm_start != NONE:
            earlier = self._warm(params)
            warm_start.check(earlier, encoder)
            encoder.load_state_dict(earlier.classifier.encoder.state_dict())
        layers.start_anew(encoder, params.reinit_layers)
        for module in encoder.modules():
            if isinstance(module, nn.Dropout):
                module.p = params.encoder_dropout if params.tune != "head" else 0.0
        network = Tuned(encoder, classes, params)
        return network if params.tune != "head" else KeptVectors(network, self._untrained(network, params))

    def start(
        self,
        network: nn.Module,
        params: TransformerParams,
        rows: Indices,
        labels: npt.NDArray[np.int64],
        names: Sequence[str],
        checkpoints: Checkpoints,
    ) -> float:
        """Tunes the encoder by pairs if that is wanted, and then starts the head.

        The head starts as a logistic regression if that is wanted and there is more than one class; rows of classes
        that an earlier model knew start as they are there, unless the encoder that they were made for is another by
        now: it was tuned, or its top layers start anew.
        """
        classifier = network.classifier if isinstance(network, KeptVectors) else network
        assert isinstance(classifier, Classifier)  # noqa: S101 - it was built above
        before = 0.0
        if params.contrastive is not None:
            shown = Rows([self.ids["train"][row] for row in rows], labels, self.pad_id())
            before = Contrast(classifier, shown, params, self.compute, checkpoints).run()
        if params.head_start == "probe" and len(names) > 1:
            if params.contrastive is None:
                vectors = self._untrained(classifier, params)[rows]
            else:  # what a fold was tuned by is its own
                vectors = encoder_vectors(classifier, shown.ids, self.pad_id(), self.compute)
            # What is trained further weighs its classes then; a head that stays as it starts has to do it now.
            setting, seed = params.class_weight, self.compute.seed
            weighed = setting != "none" and not params.epochs
            weights = weighting.row_weights(setting, labels, list(names), seed) if weighed else None
            probe(classifier, vectors, labels, seed, weights)
        other = "contrastive tuning" if params.contrastive is not None else "reinit_layers" * (params.reinit_layers > 0)
        if params.warm_start != NONE and not other:
            self._warm(params).put_rows(classifier, names)
        elif params.warm_start != NONE:
            log(f"warm start: of the encoder alone; after {other} the head starts by {params.head_start}")
        return before

    def spared(self, network: nn.Module, params: TransformerParams, ids: list[Ids]) -> AbstractContextManager[Any]:
        """Frozen layers are run once for each row."""
        if not params.freeze_layers:
            return nullcontext()
        assert isinstance(network, Tuned)  # noqa: S101 - only with `tune: head`, which has no frozen layers, it is not
        return kept_layers.kept(network.encoder, params.freeze_layers, ids, self.pad_id(), self.compute)

    def settle(self, network: nn.Module) -> nn.Module:
        """The classifier with its adapter merged, and with the encoder computed as that of a loaded model is: training
        uses another form of attention."""
        classifier = network.classifier if isinstance(network, KeptVectors) else network
        assert isinstance(classifier, Tuned)  # noqa: S101 - it was built above
        classifier.merge()
        encoders.attend_as_loaded(classifier.encoder)
        return classifier.to(self.compute.device).eval()

    def forget_parts(self, network: nn.Module) -> None:
        """Forgets the adapter, which is part of the weights already: of a mean of weights there is none."""
        assert isinstance(network, Tuned)  # noqa: S101 - it was built above
        network.adapter = None

    def given(self, params: TransformerParams) -> dict[str, Ids]:
        """Token ids; of an encoder that is not trained, the numbers of the rows, whose vectors are kept."""
        if params.tune != "head":
            return self.ids
        train = len(self.ids["train"])
        numbers = {"train": range(train), "validation": range(train, train + len(self.ids["validation"]))}
        return {split: [[number] for number in own] for split, own in numbers.items()}

    def sources(self, params: TransformerParams) -> dict[str, Any]:
        """The feature set, and the earlier model's files."""
        if params.warm_start == NONE or self._earlier is None:
            return self.feature_set.manifest
        return {**self.feature_set.manifest, "warm_start": warm_start.digests(self._earlier)}

    def count(self, network: nn.Module) -> dict[str, int]:
        """How many weights there are, the encoder's included, and how many of them are trained."""
        return counted(network.classifier if isinstance(network, KeptVectors) else network)

    def write(self, network: nn.Module, folder: Path) -> Family:
        """Writes the network as a model of sentence-transformers, and its adapter beside it."""
        assert isinstance(network, Tuned)  # noqa: S101 - it was built above
        save(network, folder, self.feature_set.encoder, self._max_tokens, same_encoder=network.untouched)
        if network.shortened:  # else the configuration stays to the byte as the encoder has it
            network.encoder.config.save_pretrained(folder)  # type: ignore[union-attr, operator]
        if network.adapter is not None:
            network.adapter.write(folder)
        if self._earlier is not None:
            warm_start.pass_on(self._earlier, folder)
        return "network"

    def _warm(self, params: TransformerParams) -> warm_start.Earlier:
        if self._earlier is None:
            raise ValueError(f"{params.warm_start} was declared, but not handed over")
        return warm_start.load(self._earlier, self.feature_set.encoder, params.pooling)

    def _untrained(self, network: Classifier, params: TransformerParams) -> Vectors:
        """The vectors of all rows before any training, those of train rows first: folds and trials share them."""
        # An adapter changes none of them at first, but may have sums rounded otherwise.
        drawn = self.compute.seed if params.reinit_layers else None  # members of a bag have seeds of their own
        own = (params.pooling, params.tune, params.reinit_layers, params.warm_start)
        key = (*own, params.layers, params.layer_choice, drawn)
        if key not in self._vectors:
            splits = ("train", "validation") if params.tune == "head" else ("train",)
            ids = [row for split in splits for row in self.ids[split]]
            shape = (len(ids), int(network.head.in_features))

            def make() -> Vectors:
                return encoder_vectors(network, ids, self.pad_id(), self.compute)

            # The head alone is trained on them in every process; all else has them for the start, in the main one.
            alone = params.tune != "head"
            self._vectors[key] = make() if alone else processes.from_main(make, shape, self.compute.device)
        return self._vectors[key]

    @property
    def _max_tokens(self) -> int:
        return int(self.feature_set.manifest["params"]["max_tokens"])

    @cached_property
    def _pad_id(self) -> int:
        return encoders.Tokenizer(self.feature_set.encoder, self._max_tokens).pad_id
