"""Checkpoints from which training goes on as if it had never stopped.

They lie in `scratch/finetune/<candidate>/<fingerprint>/<step>/`, outside the outputs (which DVC removes before a
stage runs), and are found again only by a run with the same fingerprint: same parameters, rows, code and libraries.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from tasks import snapshots
from tasks.compute import Compute
from tasks.finetune import processes
from tasks.finetune.averaging import Weights
from tasks.finetune.gradients import Window
from tasks.snapshots import Snapshots, nested, prefixed, under

LIBRARIES = ("numpy", "peft", "scikit-learn", "scipy", "tokenizers", "torch", "transformers")
"""Libraries that a training's numbers depend on; `dvc.yaml` lists them for the stage too."""

_WEIGHTS = ("best", "recent")  # they stand with the other tensors
_END = 9  # last digit of the number of what a training leaves at its end


@dataclass
class State:
    """Where training stands.

    Attributes:
        epoch: epochs finished.
        batch: batches done in the epoch under way.
        step: updates done in all.
        loss_sum: sum of train losses over the rows of the epoch under way.
        window: gradient norms since the last point of `gradients`.
        stale: epochs since the best score.
        best_score: the best validation score so far (higher is better), None before the first.
        curve: one entry an epoch.
        gradients: the points of the course of the gradient norms.
        notes: what else is to be known: `gradient_warnings`, sentences; `batch_parts`, if memory ran out; and
            `unfreezing_warning`, a sentence, if not all layers came to be trained.
        seconds: time spent training, over all interrupted runs.
        best: the weights that had the best score.
        recent: the weights after each of the last epochs, as far as they are averaged.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    stale: int = 0
    best_score: float | None = None
    window: Window = field(default_factory=Window)
    curve: list[dict[str, float]] = field(default_factory=list)
    gradients: list[dict[str, float]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    best: Weights = field(default_factory=dict)
    recent: list[Weights] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """All of it but the weights, as JSON holds it."""
        return {name: value for name, value in vars(self).items() if name not in _WEIGHTS} | {
            "window": asdict(self.window)
        }


class Checkpoints(Snapshots):
    """The checkpoints of one training.

    Args:
        folder: of the candidate, in scratch.
        fingerprint: of all that determines the result.
    """

    def save(self, state: State, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Writes a checkpoint and then removes those before it."""
        tensors = prefixed("network.", network.state_dict())
        for number, values in optimiser.state_dict()["state"].items():
            tensors |= prefixed(f"optimiser.{number}.", values)
        for number, weights in enumerate(state.recent):
            tensors |= prefixed(f"recent.{number}.", weights)
        tensors |= prefixed("best.", state.best)
        self._write(state, tensors, state.step * 10 + (state.batch == 0))

    def finish(self, state: State) -> None:
        """Keeps only the best weights: enough for a run that is killed before its outputs are safe.

        Checkpoints of earlier fingerprints go.
        """
        self._write(state, prefixed("best.", state.best), state.step * 10 + _END)
        if processes.is_main():
            self.forget_others()

    @property
    def finished(self) -> bool:
        """Whether the training had come to its end, so that nothing is left to compute."""
        last = self.last
        return last is not None and last % 10 == _END

    def _write(self, state: State, tensors: Weights, number: int) -> None:
        if processes.is_main():
            self.write(number, tensors, state.as_dict())

    def restore(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> State | None:
        """Puts network and optimiser back where the last checkpoint has them.

        Random numbers need no putting back: those of a step depend on nothing but its number.

        Returns:
            The state, or None if there is no checkpoint.
        """
        last = self.read()
        if last is None:
            return None
        values, tensors = last
        state = State(**values | {"window": Window(**values["window"])})
        state.best = under(tensors, "best.")
        recent = nested(under(tensors, "recent."))
        state.recent = [recent[number] for number in sorted(recent)]
        weights = under(tensors, "network.")
        if not weights:  # the training had ended; its best weights are all that is needed
            return state
        network.load_state_dict(weights)
        frame = optimiser.state_dict()
        frame["state"] = nested(under(tensors, "optimiser."))
        optimiser.load_state_dict(frame)
        return state


def fingerprint(
    manifest: Mapping[str, Any], recipe: Mapping[str, Any], compute: Compute, rows: npt.NDArray[np.int64]
) -> str:
    """A digest of all that determines a training: feature set, parameters, rows, resources, code and libraries.

    Args:
        manifest: of the feature set.
        recipe: all parameters of the candidate.
        rows: the train rows that are shown, of which a fold has some.
    """
    shown = hashlib.sha256(np.ascontiguousarray(rows, dtype="<i8").tobytes()).hexdigest()
    parts = [manifest, recipe, asdict(compute), shown, processes.count()]
    return snapshots.fingerprint(Path(__file__).parent, LIBRARIES, *parts)
