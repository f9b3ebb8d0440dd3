"""The hashes by which DVC's cache names files, as `dvc.lock` and `.dvc` files name them.

They are found by their form. So more may be found than are outputs, never fewer, also in a file that git's markers of a
conflict have spoilt; and a commit is read within milliseconds.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from flows.registry import Registry
from tasks.errors import BadInput

_FORM = re.compile(r"(?<![0-9a-fA-F])[0-9a-f]{32}(?:\.dir)?(?![0-9a-zA-Z])")
_DIR = ".dir"
_PASSED_BY = frozenset({".git", ".dvc", ".venv", ".regraft", "links", "scratch", "__pycache__", "node_modules"})
"""Folders of the workspace that hold no pipeline of the project."""


def named(text: str) -> set[str]:
    """All that have the form of a hash in a text."""
    return set(_FORM.findall(text))


def outputs(text: str) -> dict[str, dict[str, str]]:
    """The hash of each output that a `dvc.lock` names, by the item that made it and the output's path.

    Raises:
        BadInput: if it is no such file.
    """
    try:
        tree = YAML(typ="safe").load(text) or {}
        return {
            item: {str(out["path"]): str(out.get("md5")) for out in entry.get("outs") or []}
            for item, entry in (tree.get("stages") or {}).items()
        }
    except (YAMLError, KeyError, TypeError, AttributeError) as error:
        found = " ".join(str(error).split())
        raise BadInput("dvc.lock", "a file as DVC writes it", found, "Mend it, or let `git checkout` do it.") from None


def present(root: Path) -> set[str]:
    """Those that the workspace's files of DVC name as they are now."""
    found: set[str] = set()
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in _PASSED_BY]
        for name in files:
            if _is_dvc_s(name):
                found |= named(Path(folder, name).read_text(encoding="utf-8", errors="replace"))
    return found


def committed(registry: Registry, commits: Iterable[str]) -> set[str]:
    """Those that the workspace's files of DVC name in any of these commits.

    Raises:
        BadInput: if git does not have one of them.
    """
    blobs = {blob for commit in sorted(commits) for blob in _blobs(registry, commit)}
    return {name for blob in sorted(blobs) for name in named(registry.git("cat-file", "blob", blob))}


def _blobs(registry: Registry, commit: str) -> Iterator[str]:
    for line in registry.git("ls-tree", "-r", "-z", commit).split("\0"):
        about, _, path = line.partition("\t")
        if path and _is_dvc_s(path.rpartition("/")[2]):
            yield about.split()[2]


def _is_dvc_s(name: str) -> bool:
    return name == "dvc.lock" or (name.endswith(".dvc") and name != ".dvc")


class Cache:
    """The files of DVC's cache, by their hashes.

    Args:
        folder: that holds them, such as `.dvc/cache/files/md5`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where the file of a hash lies, if it is there."""
        return self.folder / name[:2] / name[2:]

    def expanded(self, names: Iterable[str]) -> set[str]:
        """The same hashes, with those of all files in the folders among them."""
        found: set[str] = set(names)
        return found | {inner for name in found if name.endswith(_DIR) for inner in self.inside(name)}

    def inside(self, name: str) -> set[str]:
        """The hashes of the files in a folder; none if its list is not here, or is spoilt."""
        try:
            return listed(self.path(name).read_bytes())
        except FileNotFoundError:
            return set()


def listed(content: bytes) -> set[str]:
    """The hashes of the files that DVC's list of a folder names; none if it is spoilt."""
    try:
        return {str(entry["md5"]) for entry in json.loads(content)}
    except (ValueError, KeyError, TypeError):
        return set()
