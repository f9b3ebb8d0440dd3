"""Snapshots of a training on disk, from which it goes on as if it had never stopped.

They lie in a folder `<fingerprint>/<number>/` in scratch, outside the outputs (which DVC removes before a stage runs),
and are found again only by a run with the same fingerprint: same parameters, inputs, code and libraries.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.files import read_json, remove, replacing, sha256, write_json

if TYPE_CHECKING:
    import torch

    Weights = dict[str, torch.Tensor]


class Snapshots:
    """The snapshots of one training; the one of the highest number counts.

    Args:
        folder: of the item, in scratch.
        fingerprint: of all that determines the result.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder / fingerprint[:16]

    def write(self, number: int, tensors: "Weights", values: Mapping[str, Any]) -> None:
        """Writes a snapshot and then removes the others.

        Args:
            tensors: none of which may share memory with another.
            values: what JSON can hold.
        """
        from safetensors.torch import save_file

        earlier = [folder for folder in self._complete() if folder.name != str(number)]
        with replacing(self.folder / str(number)) as partial:
            partial.mkdir(parents=True)
            save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, partial / _TENSORS)
            write_json(partial / _VALUES, dict(values))
        for folder in earlier:
            remove(folder)

    def read(self) -> "tuple[dict[str, Any], Weights] | None":
        """The values and tensors of the last snapshot, None without one."""
        from safetensors.torch import load_file

        complete = self._complete()
        if not complete:
            return None
        return read_json(complete[-1] / _VALUES), load_file(complete[-1] / _TENSORS)

    @property
    def found(self) -> bool:
        """Whether there is a snapshot to go on from."""
        return self.last is not None

    @property
    def last(self) -> int | None:
        """The number of the last snapshot, None without one."""
        complete = self._complete()
        return int(complete[-1].name) if complete else None

    def forget_others(self) -> None:
        """Removes the snapshots of other fingerprints."""
        for folder in self.folder.parent.iterdir():
            if folder != self.folder:
                remove(folder)

    def _complete(self) -> list[Path]:
        folders = [path for path in self.folder.glob("[0-9]*") if (path / _VALUES).exists()]
        return sorted(folders, key=lambda path: int(path.name))


_TENSORS, _VALUES = "tensors.safetensors", "state.json"


def fingerprint(room: Path, libraries: Sequence[str], *parts: Any) -> str:
    """A digest of the code of a room and of what lies directly under `tasks/`, of versions, and of `parts`.

    Args:
        room: the folder of a stage's code.
        libraries: distributions that the training's numbers depend on.
        parts: anything else that determines a training, as JSON can hold it.
    """
    files = [*room.glob("*.py"), *room.parent.glob("*.py")]
    code = {str(file.relative_to(room.parent)): sha256(file) for file in files}
    versions = {name: version(name) for name in libraries}
    return hashlib.sha256(json.dumps([*parts, code, versions], sort_keys=True).encode()).hexdigest()


def prefixed(prefix: str, tensors: "Mapping[str, torch.Tensor]") -> "Weights":
    """The tensors by their names behind a prefix."""
    return {prefix + name: tensor for name, tensor in tensors.items()}


def under(tensors: "Mapping[str, torch.Tensor]", prefix: str) -> "Weights":
    """Those whose names begin with a prefix, by the rest of the name."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def nested(tensors: "Mapping[str, torch.Tensor]") -> "dict[int, Weights]":
    """Tensors named `<number>.<name>`, by number and name."""
    found: dict[int, Weights] = {}
    for name, tensor in tensors.items():
        number, _, key = name.partition(".")
        found.setdefault(int(number), {})[key] = tensor
    return found
