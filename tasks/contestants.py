"""Where the models that compete are declared in `params.yaml`, and where they lie once they are trained."""

from pathlib import Path
from typing import Any

from tasks import block
from tasks.errors import ParamsError, Problem

BLOCKS = ("candidates", "students")
"""The blocks that declare them, which are also the folders of `models/` that they lie in; no two share a name."""


def declared(root: Path) -> dict[str, dict[str, Any]]:
    """The parameters of all contestants by name, in their order; what removed ones left behind is not looked at.

    Raises:
        ParamsError: if there is no candidate.
    """
    tree = block.load(root / block.PARAMS)
    candidates = tree.get(BLOCKS[0])
    if not isinstance(candidates, dict) or not candidates:
        raise ParamsError(block.PARAMS, [Problem(BLOCKS[0], "at least one candidate", repr(candidates))])
    return {str(name): params for one in BLOCKS for name, params in (tree.get(one) or {}).items()}


def block_of(root: Path, name: str) -> str:
    """The block that declares a contestant; `candidates` where none does, so that what misses it there says so."""
    tree = block.load(root / block.PARAMS)
    return next((one for one in BLOCKS if name in (tree.get(one) or {})), BLOCKS[0])


def folder(root: Path, name: str) -> Path:
    """The folder of a contestant's model, from the workspace's folder: `models/<block>/<name>`."""
    return Path("models") / block_of(root, name) / name
