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

import torch
from safetensors.torch import load_file, save_file

from tasks.files import read_json, remove, replacing, sha256, write_json
from tasks.network import Classifier

Weights = dict[str, torch.Tensor]

LIBRARIES = ("numpy", "scikit-learn", "scipy", "tokenizers", "torch", "transformers")
"""Libraries that a training's numbers depend on; `dvc.yaml` lists them for the stage too."""


@dataclass
class State:
    """Where training stands.

    Attributes:
        epoch: epochs finished.
        batch: batches done in the epoch under way.
        step: updates done in all.
        loss_sum: sum of train losses over the rows of the epoch under way.
        stale: epochs since the best score.
        best_score: the best validation score so far (higher is better), None before the first.
        curve: one entry an epoch.
        seconds: time spent training, over all interrupted runs.
        best: the weights that had the best score.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    stale: int = 0
    best_score: float | None = None
    curve: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    best: Weights = field(default_factory=dict)


class Checkpoints:
    """The checkpoints of one training.

    Args:
        folder: of the candidate, in scratch.
        fingerprint: of all that determines the result.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder / fingerprint[:16]

    def save(self, state: State, network: Classifier, optimiser: torch.optim.Optimizer) -> None:
        """Writes a checkpoint and then removes those before it."""
        tensors: Weights = {"rng.cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            tensors["rng.cuda"] = torch.cuda.get_rng_state()
        tensors |= {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in state.best.items()}
        for number, values in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{name}": tensor for name, tensor in values.items()}
        self._write(state, tensors, state.step * 10 + (state.batch == 0))

    def finish(self, state: State) -> None:
        """Keeps only the best weights: enough for a run that is killed before its outputs are safe.

        Checkpoints of earlier fingerprints go.
        """
        self._write(state, {f"best.{name}": tensor for name, tensor in state.best.items()}, state.step * 10 + 9)
        for folder in self.folder.parent.iterdir():
            if folder != self.folder:
                remove(folder)

    def _write(self, state: State, tensors: Weights, number: int) -> None:
        earlier = [folder for folder in self._complete() if folder.name != str(number)]
        with replacing(self.folder / str(number)) as partial:
            partial.mkdir(parents=True)
            on_cpu = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
            save_file(on_cpu, partial / "tensors.safetensors")
            # The best weights are tensors and stand with the others.
            write_json(partial / "state.json", {name: value for name, value in vars(state).items() if name != "best"})
        for folder in earlier:
            remove(folder)

    def restore(self, network: Classifier, optimiser: torch.optim.Optimizer) -> State | None:
        """Puts network, optimiser and random numbers back where the last checkpoint has them.

        Returns:
            The state, or None if there is no checkpoint.
        """
        complete = self._complete()
        if not complete:
            return None
        state = State(**read_json(complete[-1] / "state.json"))
        tensors = load_file(complete[-1] / "tensors.safetensors")
        state.best = _under(tensors, "best.")
        if "rng.cpu" not in tensors:  # the training had ended; its best weights are all that is needed
            return state
        network.load_state_dict(_under(tensors, "network."))
        frame = optimiser.state_dict()
        frame["state"] = _nested(_under(tensors, "optimiser."))
        optimiser.load_state_dict(frame)
        torch.set_rng_state(tensors["rng.cpu"])
        if "rng.cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["rng.cuda"])
        return state

    @property
    def found(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return bool(self._complete())

    def _complete(self) -> list[Path]:
        folders = [path for path in self.folder.glob("[0-9]*") if (path / "state.json").exists()]
        return sorted(folders, key=lambda path: int(path.name))


def fingerprint(manifest: Mapping[str, Any], recipe: Mapping[str, Any], compute: Any) -> str:
    """A digest of all that determines a training: rows, parameters, resources, code and libraries."""
    room = Path(__file__).parent
    code = {
        str(file.relative_to(room.parent)): sha256(file) for file in [*room.glob("*.py"), *room.parent.glob("*.py")]
    }
    versions = {name: version(name) for name in LIBRARIES}
    whole = [manifest, recipe, asdict(compute), code, versions]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _under(tensors: Weights, prefix: str) -> Weights:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _nested(tensors: Weights) -> dict[int, Weights]:
    nested: dict[int, Weights] = {}
    for name, tensor in tensors.items():
        number, _, key = name.partition(".")
        nested.setdefault(int(number), {})[key] = tensor
    return nested
