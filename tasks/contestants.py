"""Where the models that compete are declared in `params.yaml`, and where they lie once they are made."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks import block
from tasks.errors import ParamsError, Problem

BLOCKS = ("candidates", "students", "ensembles", "quantized")
"""The blocks that declare them, which are also the folders of `models/` that they lie in; no two share a name."""

_MAKERS = {"candidates": "finetune", "students": "distill", "ensembles": "combine", "quantized": "quantize"}
# Not all in one folder: ensembles read those of all candidates, and students may learn from ensembles.
_OUT_OF_FOLD = {
    "candidates": "out_of_fold",
    "students": "students",
    "ensembles": "combined",
    "quantized": "quantized",
}


@dataclass(frozen=True)
class Contestant:
    """One candidate, student, ensemble or quantized model. All paths are from the workspace's folder.

    Attributes:
        block: that declares it.
        params: its parameters, as they were written.
    """

    name: str
    block: str
    params: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        """Of its model."""
        return Path("models") / self.block / self.name

    @property
    def out_of_fold(self) -> Path:
        """The file of its out-of-fold predictions."""
        return Path("predictions") / _OUT_OF_FOLD[self.block] / f"{self.name}.parquet"

    @property
    def maker(self) -> str:
        """The item of the graph that makes it."""
        return f"{_MAKERS[self.block]}@{self.name}"

    @property
    def members(self) -> tuple[str, ...]:
        """The names of an ensemble's candidates; none of others."""
        return tuple(self.params.get("members", ())) if self.block == "ensembles" else ()

    @property
    def is_quantized(self) -> bool:
        """Whether it is another form of a model that is there already."""
        return self.block == "quantized"

    @property
    def made_of(self) -> tuple[str, ...]:
        """The names of the contestants that it is made of; none of one that is trained itself."""
        return (str(self.params.get("model", "")).partition("/")[2],) if self.is_quantized else self.members


def declared(root: Path) -> dict[str, Contestant]:
    """All contestants by name, in their order; what removed ones left behind is not looked at.

    Raises:
        ParamsError: if there is no candidate.
    """
    tree = block.load(root / block.PARAMS)
    candidates = tree.get("candidates")
    if not isinstance(candidates, dict) or not candidates:
        raise ParamsError(block.PARAMS, [Problem("candidates", "at least one candidate", repr(candidates))])
    return {one.name: one for one in _all(tree)}


def find(root: Path, name: str) -> Contestant:
    """The contestant of that name; a candidate where none is declared, so that what misses it there says so."""
    # One that was taken out may have left a folder of that name, so that the folders do not tell.
    found = (one for one in _all(block.load(root / block.PARAMS)) if one.name == name)
    return next(found, Contestant(name, "candidates", {}))


def _all(tree: Mapping[str, Any]) -> list[Contestant]:
    return [Contestant(str(name), kind, params) for kind in BLOCKS for name, params in (tree.get(kind) or {}).items()]
