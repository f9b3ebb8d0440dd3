"""What the models at hand are made of: the commit, and the entry of the selection in `dvc.lock`."""

import hashlib
import json
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from flows.registry import Appointment, Registry
from tasks.block import load
from tasks.errors import BadInput
from tasks.links import CHAMPION

_LOCK, _STAGE = "dvc.lock", "select"


def registry_of(root: Path) -> Registry | None:
    """The registry of a workspace; None if it is in no git repository."""
    try:
        return Registry(root)
    except BadInput:
        return None


def revision(registry: Registry | None) -> dict[str, Any] | None:
    """The present commit, and whether files that git knows are changed; None without git."""
    if registry is None:
        return None
    known = registry.git("rev-list", "--max-count=1", "--all").strip()
    commit = registry.head() if known else None
    return {"commit": commit, "dirty": bool(registry.git("status", "--porcelain", "--untracked-files=no").strip())}


def made(root: Path) -> str | None:
    """A hash of what the selection was made of; None if nothing was selected yet.

    The champion is no part of it: to put a model into service makes no other model.
    """
    path = root / _LOCK
    return _hash(load(path)) if path.is_file() else None


def made_by(registry: Registry, champion: Appointment) -> str | None:
    """The same of the commit that a champion was made at; None if that does not tell."""
    try:
        text = registry.git("show", f"{champion.commit}:./{_LOCK}")
    except BadInput:
        return None
    tree = YAML(typ="safe").load(StringIO(text))
    return _hash(tree) if isinstance(tree, dict) else None


def record_lock(registry: Registry | None, message: str) -> bool:
    """Commits `dvc.lock`, and it alone, if it is not committed as it is; returns whether.

    Raises:
        BadInput: if git refuses.
    """
    if registry is None or not (registry.root / _LOCK).is_file():
        return False
    if not registry.git("status", "--porcelain", "--", _LOCK).strip():
        return False
    registry.git("add", "--", _LOCK)
    registry.git("commit", "--quiet", "--message", message, "--", _LOCK)
    return True


def _hash(tree: Mapping[str, Any]) -> str | None:
    entry = (tree.get("stages") or {}).get(_STAGE)
    if entry is None:
        return None
    deps = {dep["path"]: dep for dep in entry.get("deps", []) if dep["path"] != CHAMPION.as_posix()}
    known = json.dumps([deps, entry.get("params")], sort_keys=True, default=str)
    return hashlib.sha256(known.encode()).hexdigest()
