"""Files of the user's that parameters name, and without which a commit could not make its model again."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flows.registry import Registry
from tasks.block import PARAMS, load
from tasks.links import matching

_KEYS = (("clean", "corrections"), ("evaluate", "checks"))


def uncommitted(registry: Registry, repo: Any) -> list[str]:
    """Such files within the repository that no commit holds as they are; of data under DVC, the files that name it.

    Args:
        repo: DVC's, of the registry's workspace.
    """
    top = registry.top.resolve()
    tracked = [(Path(out.fs_path), Path(out.stage.path)) for out in repo.index.outs if out.protocol == "local"]
    found = []
    for file in _files(registry.root):
        holder = next((stage for out, stage in tracked if file.is_relative_to(out)), file)
        name = os.path.relpath(holder, registry.root.resolve())
        if holder.is_relative_to(top) and not _committed(registry, name):
            found.append(name)
    return list(dict.fromkeys(found))


def _files(root: Path) -> Iterator[Path]:
    """Whole paths; without following links, which git and DVC don't follow either."""
    params = load(root / PARAMS)
    for block, key in _KEYS:
        for pattern in (params.get(block) or {}).get(key) or []:
            yield from (Path(os.path.abspath(file)) for file in matching(root.resolve(), str(pattern)))  # noqa: PTH100


def _committed(registry: Registry, name: str) -> bool:
    # What git knows is in the index; what was changed or added since the last commit is told by its status.
    if not registry.git("--literal-pathspecs", "ls-files", "--", name).strip():
        return False
    return not registry.git("--literal-pathspecs", "status", "--porcelain", "--", name).strip()
