"""Checkpoints from which training goes on as if it had never stopped.

They lie in `scratch/finetune/<candidate>/<fingerprint>/<step>/`, outside the outputs (which DVC removes before a
stage runs), and are found again only by a run with the same fingerprint: same parameters, rows, code and libraries.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from tasks.compute import Compute
from tasks.files import read_json, remove, replacing, sha256, write_json
from tasks.finetune import processes
from tasks.finetune.averaging import Weights
from tasks.finetune.gradients import Window

LIBRARIES = ("numpy", "peft", "scikit-learn", "scipy", "tokenizers", "torch", "transformers")
"""Libraries that a training's numbers depend on; `dvc.yaml` lists them for the stage too."""

_WEIGHTS = ("best", "recent")  # they stand with the other tensors


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
        notes: what else is to be known: `gradient_warnings`, sentences, and `batch_parts`, if memory ran out.
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


class Checkpoints:
    """The checkpoints of one training.

    Args:
        folder: of the candidate, in scratch.
        fingerprint: of all that determines the result.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder / fingerprint[:16]

    def save(self, state: State, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Writes a checkpoint and then removes those before it."""
        tensors = _prefixed("network.", network.state_dict())
        for number, values in optimiser.state_dict()["state"].items():
            tensors |= _prefixed(f"optimiser.{number}.", values)
        for number, weights in enumerate(state.recent):
            tensors |= _prefixed(f"recent.{number}.", weights)
        tensors |= _prefixed("best.", state.best)
        self._write(state, tensors, state.step * 10 + (state.batch == 0))

    def finish(self, state: State) -> None:
        """Keeps only the best weights: enough for a run that is killed before its outputs are safe.

        Checkpoints of earlier fingerprints go.
        """
        self._write(state, _prefixed("best.", state.best), state.step * 10 + 9)
        if processes.is_main():
            for folder in self.folder.parent.iterdir():
                if folder != self.folder:
                    remove(folder)

    def _write(self, state: State, tensors: Weights, number: int) -> None:
        if not processes.is_main():
            return
        earlier = [folder for folder in self._complete() if folder.name != str(number)]
        with replacing(self.folder / str(number)) as partial:
            partial.mkdir(parents=True)
            on_cpu = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
            save_file(on_cpu, partial / "tensors.safetensors")
            write_json(partial / "state.json", state.as_dict())
        for folder in earlier:
            remove(folder)

    def restore(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> State | None:
        """Puts network and optimiser back where the last checkpoint has them.

        Random numbers need no putting back: those of a step depend on nothing but its number.

        Returns:
            The state, or None if there is no checkpoint.
        """
        complete = self._complete()
        if not complete:
            return None
        values = read_json(complete[-1] / "state.json")
        state = State(**values | {"window": Window(**values["window"])})
        tensors = load_file(complete[-1] / "tensors.safetensors")
        state.best = _under(tensors, "best.")
        recent = _nested(_under(tensors, "recent."))
        state.recent = [recent[number] for number in sorted(recent)]
        weights = _under(tensors, "network.")
        if not weights:  # the training had ended; its best weights are all that is needed
            return state
        network.load_state_dict(weights)
        frame = optimiser.state_dict()
        frame["state"] = _nested(_under(tensors, "optimiser."))
        optimiser.load_state_dict(frame)
        return state

    @property
    def found(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return bool(self._complete())

    def _complete(self) -> list[Path]:
        folders = [path for path in self.folder.glob("[0-9]*") if (path / "state.json").exists()]
        return sorted(folders, key=lambda path: int(path.name))


def fingerprint(
    manifest: Mapping[str, Any], recipe: Mapping[str, Any], compute: Compute, rows: npt.NDArray[np.int64]
) -> str:
    """A digest of all that determines a training: feature set, parameters, rows, resources, code and libraries.

    Args:
        manifest: of the feature set.
        recipe: all parameters of the candidate.
        rows: the train rows that are shown, of which a fold has some.
    """
    room = Path(__file__).parent
    code = {
        str(file.relative_to(room.parent)): sha256(file) for file in [*room.glob("*.py"), *room.parent.glob("*.py")]
    }
    versions = {name: version(name) for name in LIBRARIES}
    shown = hashlib.sha256(np.ascontiguousarray(rows, dtype="<i8").tobytes()).hexdigest()
    whole = [manifest, recipe, asdict(compute), shown, processes.count(), code, versions]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _prefixed(prefix: str, tensors: Mapping[str, torch.Tensor]) -> Weights:
    return {prefix + name: tensor for name, tensor in tensors.items()}


def _under(tensors: Weights, prefix: str) -> Weights:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _nested(tensors: Weights) -> dict[int, Weights]:
    nested: dict[int, Weights] = {}
    for name, tensor in tensors.items():
        number, _, key = name.partition(".")
        nested.setdefault(int(number), {})[key] = tensor
    return nested
