"""`models/champion/`: the files of the model in service, brought into line with the registry."""

import shutil
from pathlib import Path
from typing import Any

from flows import hashes, remote
from flows.registry import Registry
from tasks.errors import BadInput
from tasks.files import read_json, remove, replacing, write_json

FOLDER = Path("models/champion")
NOTE = "champion.json"
"""The file in it that says which version it is."""
_MODEL = "models/selected"
_STORE = Path(".regraft/champions")
"""Holds each version in a folder of its own; `models/champion` is a link to one, so that it changes at once."""


def sync(root: Path, repo: Any) -> str | None:
    """Makes `models/champion/` the model that the registry says is in service, and returns its version.

    What a killed promotion left undone is done by that. Versions that are not there come from DVC's cache or remote.

    Args:
        repo: DVC's, of that workspace.

    Raises:
        BadInput: if the model's files cannot be had.
    """
    if not _has_git(repo):
        return None
    champion = Registry(root).champion()
    if champion is None:
        if (root / FOLDER).is_symlink():
            (root / FOLDER).unlink()
        return None
    if present(root) != champion.version:
        fetch(root, repo, champion.version)
        show(root, champion.version)
    return champion.version


def fetch(root: Path, repo: Any, version: str) -> None:
    """Puts a registered version's files into the store, from DVC's cache or remote, if they are not there.

    Raises:
        BadInput: if they cannot be had.
    """
    target = root / _STORE / version
    if (target / NOTE).is_file():
        return
    from dvc.exceptions import DvcException
    from dvc_data.index import DataIndexDirError

    registry = Registry(root)
    # DVC would look for a remote in the settings of that commit, which may not know of the present one.
    remote.bring(repo, made(registry, version))
    with replacing(target) as folder:
        try:
            repo.artifacts.download(registry.name, version=version, out=str(folder), force=True)
        except (DvcException, DataIndexDirError, OSError) as error:
            fix = "Run `dvc pull` where the project has a remote, or fetch from where that version was made."
            found = " ".join(str(error).split())
            raise BadInput(f"model {version}", "its files in DVC's cache or remote", found, fix) from error
        write_json(folder / NOTE, {"version": version})


def made(registry: Registry, version: str) -> set[str]:
    """The hashes of a registered version's model, as `dvc.lock` of its commit names them."""
    text = registry.git("show", f"{registry.versions()[version]}:./dvc.lock")
    return {name for outs in hashes.outputs(text).values() for path, name in outs.items() if path == _MODEL}


def keep(root: Path, version: str, model: Path) -> None:
    """Puts a copy of a model that is at hand into the store."""
    with replacing(root / _STORE / version) as folder:
        shutil.copytree(model, folder)
        write_json(folder / NOTE, {"version": version})


def show(root: Path, version: str) -> None:
    """Makes `models/champion` lead to a version of the store, in one step.

    Raises:
        BadInput: if something of the user's stands there.
    """
    place = root / FOLDER
    if place.exists() and not place.is_symlink():
        found, fix = (
            "a folder or file that is not ours",
            "Move it away: the champion is put there by `regraft promote`.",
        )
        raise BadInput(str(FOLDER), "a link that regraft keeps, or nothing", found, fix)
    place.parent.mkdir(exist_ok=True)
    partial = place.with_name(f".{place.name}.partial")
    remove(partial)
    partial.symlink_to(Path("..") / _STORE / version)
    partial.replace(place)


def stored(root: Path) -> dict[str, Path]:
    """The folder of each version in the store but the one that is shown."""
    shown = present(root)
    folders = {path.parent.name: path.parent for path in (root / _STORE).glob(f"[!.]*/{NOTE}")}
    return {version: folder for version, folder in sorted(folders.items()) if version != shown}


def present(root: Path) -> str | None:
    """The version whose files `models/champion/` holds; None if it holds none."""
    note = root / FOLDER / NOTE
    return str(read_json(note)["version"]) if note.is_file() else None


def _has_git(repo: Any) -> bool:
    from dvc.scm import NoSCM

    return not isinstance(repo.scm, NoSCM)
