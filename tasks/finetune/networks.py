"""What all networks share: choosing rows, training in the one loop, predicting, and being saved."""

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import softmax
from torch import nn

from tasks.compute import Compute
from tasks.encoder import Ids
from tasks.features import FeatureSet
from tasks.finetune import memory, processes
from tasks.finetune.checkpoint import Checkpoints, State, fingerprint
from tasks.finetune.loop import Rows, Training
from tasks.finetune.params import TrainingParams
from tasks.finetune.teaching import Teaching
from tasks.finetune.trainer import Fitted, Indices, Probabilities, Split, Trainer
from tasks.model import Family
from tasks.progress import log

_PREDICTION_TOKENS = 4096  # as many as a saved model takes, so that both compute the same
T_contra = TypeVar("T_contra", bound=TrainingParams, contravariant=True)


class NetworkTrainer(Trainer[T_contra], Generic[T_contra]):
    """Trains networks on the ids of a feature set of form `tokens` or `words`.

    A subclass says what the network is; it need not know how it is trained.

    Args:
        teaching: what a teacher says, None without one.
    """

    def __init__(
        self, feature_set: FeatureSet, classes: list[str], compute: Compute, teaching: Teaching | None = None
    ) -> None:
        super().__init__(feature_set, classes, compute)
        self.teaching: Teaching | None = teaching

    @abstractmethod
    def pad_id(self) -> int:
        """The id that fills short rows up."""

    @abstractmethod
    def build(self, params: T_contra, classes: int) -> nn.Module:
        """A new network, called as `network(ids, mask) -> logits [rows, classes]` with its last linear layer in `head`.

        `ids` are int64 [rows, longest]; `mask` has the same shape, 1 where there is an id, and is None where nothing
        is padded. PyTorch's generator was seeded just before.
        """

    @abstractmethod
    def write(self, network: nn.Module, folder: Path) -> Family:
        """Writes a trained network into an existing folder, so that tasks/model.py loads it."""

    def start(
        self,
        network: nn.Module,
        params: T_contra,
        rows: Indices,
        labels: npt.NDArray[np.int64],
        names: Sequence[str],
        checkpoints: Checkpoints,
    ) -> float:
        """Prepares a new network's weights, before the first step of a training that was not interrupted.

        Args:
            rows: the train rows, and copies of them, that it will be trained on.
            labels: the number of the network's output for each of them.
            names: the class of each of the network's outputs.
            checkpoints: of this preparation, if it takes long.

        Returns:
            The seconds that interrupted runs had spent on it before.
        """
        return 0.0

    def spared(self, network: nn.Module, params: T_contra, ids: list[Ids]) -> AbstractContextManager[Any]:
        """Within it, what is the same for a row in every epoch is not computed again; for a training that is not done.

        Args:
            ids: of the rows of each split that the network is trained or validated on.
        """
        return nullcontext()

    def settle(self, network: nn.Module) -> nn.Module:
        """What predicts in a trained network's place, as it will once it is saved and loaded; in evaluation mode."""
        return network

    def forget_parts(self, network: nn.Module) -> None:
        """Forgets what belongs to a settled network's own training, as its weights are about to be others'."""

    def given(self, params: T_contra) -> dict[str, Ids]:
        """The ids that the network is trained and validated on, of each row of both splits."""
        return self.ids

    def sources(self, params: T_contra) -> dict[str, Any]:
        """What is known of all that a training reads, besides its parameters."""
        return self.feature_set.manifest

    def count(self, network: nn.Module) -> dict[str, int]:
        """How many weights there are, and how many of them are trained."""
        return counted(network)

    def fit(self, params: T_contra, rows: Indices, scratch: Path) -> "FittedNetwork":
        """Trains a network on these train rows; the validation rows decide which epoch is kept.

        Args:
            scratch: where checkpoints lie; afterwards what is needed to give the same network again without training,
                and nothing of earlier trainings there.

        Raises:
            BadInput: if training diverges, a row does not fit into memory, or a class weight is for an unknown class.
        """
        with processes.quiet_unless_main(), memory.enough_for("the network and its optimiser"):
            processes.join(self.compute.device)
            return self._fit(params, rows, scratch)

    def _fit(self, params: T_contra, rows: Indices, scratch: Path) -> "FittedNetwork":
        shown, places = self.feature_set.with_copies(rows)
        present = np.unique(self.labels(rows))
        # Outputs are numbered by the classes that have a row; the others come behind, so that no output is theirs.
        order = np.concatenate([present, np.setdiff1d(np.arange(len(self.classes)), present)])
        outputs = np.argsort(order)
        ids = self.given(params)
        train = Rows([ids["train"][row] for row in shown], outputs[self.labels(shown)], self.pad_id())
        validation = Rows(ids["validation"], np.append(outputs, len(outputs))[self.validation_labels()], self.pad_id())
        sources = self.sources(params)
        labels = train.labels
        if self.teaching is not None:
            named = self.feature_set.are_names(shown)
            train = self.teaching.added_to(train, rows[places], order[: len(present)], named)
            sources = {**sources, "teaching": self.teaching.digest}
        recipe = params.model_dump(exclude={"calibration"})  # which comes after the training
        key = fingerprint(sources, recipe, self.compute, rows)
        checkpoints = Checkpoints(scratch, key)
        torch.manual_seed(self.compute.seed)
        started = time.perf_counter()  # a head alone has the vectors of all rows made when it is built
        network = self.build(params, len(present))
        log(_summary(self.count(network), len(train.ids), self.compute.precision))
        names = [self.classes[label] for label in order]
        before = 0.0
        if processes.is_main() and not checkpoints.found:
            first = Checkpoints(scratch / "start", key)
            before = self.start(network, params, shown, labels, names[: len(present)], first)
        ids_now = [train.ids, validation.ids]
        with nullcontext() if checkpoints.finished else self.spared(network, params, ids_now):
            training = Training(network, train, validation, params, self.compute, checkpoints, names)
            state = training.run(before + time.perf_counter() - started)
        state.notes |= self.count(network)  # now, as some weights may never have come to be trained
        if self.teaching is not None:
            state.notes |= self.teaching.notes
        return FittedNetwork(self, self.settle(network.eval()), present, state)

    @cached_property
    def ids(self) -> dict[str, Ids]:
        """The ids of each row of both splits; the copies of train rows are numbered behind them."""
        return {split: self.feature_set.ids(split) for split in ("train", "validation")}


class FittedNetwork(Fitted):
    """A trained network.

    Args:
        present: the class of each of its outputs.
    """

    def __init__(
        self, trainer: NetworkTrainer[Any], network: nn.Module, present: npt.NDArray[np.int64], state: State
    ) -> None:
        self.trainer, self.network, self.present = trainer, network, present
        self.curve, self.gradients, self.seconds = state.curve, state.gradients, state.seconds
        self.notes = state.notes
        self.device, self.precision = trainer.compute.device, trainer.compute.precision

    def predict_proba(self, rows: Indices, split: Split = "train") -> Probabilities:
        """Probabilities [len(rows), classes] of these rows, computed in float32 as a saved model would."""
        trainer = self.trainer
        ids = [trainer.ids[split][row] for row in rows]
        device = trainer.compute.device

        def predict() -> npt.NDArray[np.float32]:
            return memory.run_batched(self.network, ids, trainer.pad_id(), _PREDICTION_TOKENS, device)

        found = np.zeros((len(rows), len(trainer.classes)))
        if len(rows):
            logits = processes.from_main(predict, (len(rows), len(self.present)), device)
            found[:, self.present] = softmax(logits.astype(np.float64), axis=1)
        return found

    def soften(self, temperature: float) -> None:
        """Divides the weights of the last layer, and with them the logits."""
        head = self.network.get_submodule("head")
        with torch.no_grad():
            for weight in head.parameters():
                weight.div_(temperature)

    def save(self, folder: Path) -> Family:
        """Writes the network.

        Raises:
            ValueError: if a class had no train row, so that it has no output.
        """
        if len(self.present) < len(self.trainer.classes):
            raise ValueError("a network can only be saved if it was trained on rows of every class")
        return self.trainer.write(self.network, folder)


def counted(network: nn.Module) -> dict[str, int]:
    """How many weights a network has, and how many of them are trained."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in network.parameters()]
    return {"weights": sum(size for size, _ in sizes), "trained_weights": sum(size for size, own in sizes if own)}


def _summary(weights: Mapping[str, int], rows: int, precision: str) -> str:
    whole, trained = weights["weights"], weights["trained_weights"]
    what = f"{whole / 1e6:.1f} million weights"
    if trained < whole:
        what = f"{trained / 1e6:.3g} of {what} ({trained / whole:.2%})"
    return f"training {what} on {rows:,} rows, in {precision}"
