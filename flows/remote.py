"""The remote of DVC: what machines share, results and the run cache that says what they were made of.

Nothing is ever removed here, and files appear whole or not at all, so that a stop at any point does no harm.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows import hashes
from flows.secrets import redacted
from flows.trouble import explained
from tasks.errors import BadInput
from tasks.files import remove

_ENTRY = re.compile(r"runs/[0-9a-f]{2}/[0-9a-f]{64}/[0-9a-f]{64}$")


@dataclass(frozen=True)
class PullResult:
    """What a pull did.

    Attributes:
        remote: the remote's name; None if none is set, and then nothing was done.
        files: that came into the cache.
        runs: entries of the run cache that came.
        missing: outputs of `dvc.lock` that neither cache nor remote has.
        renewed: data of `.dvc` files that were of an earlier state.
    """

    remote: str | None = None
    files: int = 0
    runs: int = 0
    missing: tuple[str, ...] = ()
    renewed: tuple[str, ...] = ()


@dataclass(frozen=True)
class PushResult:
    """What a push did.

    Attributes:
        remote: the remote's name; None if none is set, and then nothing was done.
        files: that went to the remote.
        runs: entries of the run cache that went.
    """

    remote: str | None = None
    files: int = 0
    runs: int = 0


def pull(root: Path, repo: Any) -> PullResult:
    """Brings what `dvc.lock` names and is missing here, and the run cache, when a remote is set.

    Outputs that are not in the workspace are put there; those that are stay as they are, changed or not. Only data of
    `.dvc` files that are of an earlier state, which the cache keeps, give way to what git has brought: no run would
    make that. What not even the remote has is no error: a run makes it.

    Args:
        root: the workspace; it is held by the caller, and the current folder.
        repo: DVC's, of that workspace, with DVC's lock free.

    Raises:
        BadInput: if the remote cannot be reached or refuses, or the disk is full.
    """
    name = name_of(repo)
    if name is None:
        return PullResult()
    with explained(address(repo, name), "the files of dvc.lock", repo.config):
        reach(repo, name, first=False)
        runs = _transfer_runs(run_cache(repo, name, "pull"), repo.cache.legacy)
        files = repo.fetch()
        with repo.lock:
            repo._reset()
            outs = [out for out in repo.index.outs if out.use_cache and out.hash_info and out.protocol == "local"]
            absent = [out for out in outs if not out.exists]
            missing = [out for out in absent if out.changed_cache()]
            renewed = [out for out in outs if out not in absent and _is_earlier(repo, out)]
        at_hand = [out.fs_path for out in (*absent, *renewed) if out not in missing]
        if at_hand:
            repo.checkout(targets=at_hand)
    return PullResult(name, int(files), runs, _names(missing), _names(renewed))


def push(root: Path, repo: Any) -> PushResult:
    """Sends what `dvc.lock` names, what the registered models were made of, and the run cache, when a remote is set.

    Models go along so that another clone can bring the champion, or roll back to an earlier one.

    Args:
        root: the workspace; it is held by the caller, and the current folder.
        repo: DVC's, of that workspace, with DVC's lock free.

    Raises:
        BadInput: if the remote cannot be reached or refuses, or its disk is full.
    """
    name = name_of(repo)
    if name is None:
        return PushResult()
    with explained(address(repo, name), "room for the files of dvc.lock", repo.config):
        reach(repo, name, first=True)
        files = repo.push()
        runs_there = run_cache(repo, name, "push")
        if runs_there is not None:
            files += _push_models(root, repo)
        # In the end, so that the remote knows of no run whose files it has not.
        runs = _transfer_runs(repo.cache.legacy, runs_there)
    return PushResult(name, int(files), runs)


def bring(repo: Any, names: set[str], what: str = "the files of a model") -> None:
    """Brings files and folders into the cache, by their hashes, if it has not all of them and a remote is set.

    Args:
        what: they are, for people.

    Raises:
        BadInput: if the remote cannot be reached or refuses.
    """
    from dvc_data.hashfile.hash_info import HashInfo

    name, cache = name_of(repo), hashes.Cache(Path(repo.cache.local.path))
    if name is None:
        return
    with explained(address(repo, name), what, repo.config):
        for _ in range(2):  # lists of folders first, then what is in them
            absent = {HashInfo("md5", one) for one in cache.expanded(names) if not cache.path(one).is_file()}
            if absent:
                repo.cloud.pull(absent)


def name_of(repo: Any) -> str | None:
    """The name of the default remote; None if none is set."""
    name = repo.config["core"].get("remote")
    return str(name) if name else None


def address(repo: Any, name: str) -> str:
    """A remote for people: its name and where it is, without passwords."""
    url = repo.config["remote"].get(name, {}).get("url", "an unknown address")
    return redacted(f"remote {name} ({url})", repo.config)


def reach(repo: Any, name: str, first: bool) -> None:
    """Makes sure of a remote in a folder: DVC would take a disk that is not mounted for an empty remote.

    Args:
        first: whether the remote may be made by this; then the folder that it lies in must be there.
    """
    remote = repo.cloud.get_remote(name)
    if remote.fs.protocol != "local":
        return
    folder = Path(remote.path).parent if first else Path(remote.path)
    if not folder.is_dir():
        fix = "Mount it, or correct its address (`dvc remote modify`)."
        raise BadInput(address(repo, name), "a folder", f"no {folder}", fix)


def _is_earlier(repo: Any, out: Any) -> bool:
    """Whether data that a `.dvc` file names is of another state, which is not lost by bringing that one."""
    if not out.stage.is_data_source or not out.changed_checksum() or out.changed_cache():
        return False
    cache = hashes.Cache(Path(repo.cache.local.path))
    return all(cache.path(name).is_file() for name in cache.expanded([out.get_hash().value]))


def _names(outs: list[Any]) -> tuple[str, ...]:
    return tuple(sorted(map(str, outs)))


def run_cache(repo: Any, name: str, command: str) -> Any:
    """Where a remote keeps the run cache; None if it cannot: those over HTTP, or with versions of the cloud's own."""
    from dvc.config import RemoteConfigError
    from dvc.fs import HTTPFileSystem

    try:
        odb = repo.cloud.get_remote_odb(name, f"{command} --run-cache", hash_name="md5-dos2unix")
    except RemoteConfigError:
        return None
    return None if isinstance(odb.fs, HTTPFileSystem) else odb


def _transfer_runs(source: Any, target: Any) -> int:
    """Copies entries of the run cache that the other side has not; returns how many.

    DVC's own way copies all of them each time, and goes on where one fails. An entry is named by its content.
    """
    from dvc.fs import generic

    if source is None or target is None:
        return 0
    there = set(_entries(target))
    wanted = [entry for entry in _entries(source) if entry not in there]
    if not wanted:
        return 0
    sources = [source.fs.join(source.path, *entry.split("/")) for entry in wanted]
    if target.fs.protocol == "local":
        _bring(source.fs, sources, target.fs, [Path(target.path, entry) for entry in wanted])
    else:
        generic.copy(
            source.fs, sources, target.fs, [target.fs.join(target.path, *entry.split("/")) for entry in wanted]
        )
    return len(wanted)


def _bring(fs: Any, sources: list[str], local: Any, targets: list[Path]) -> None:
    """Copies entries to this machine; their folders appear with them, as DVC breaks on one without any."""
    from dvc.fs import generic

    beside = {path.parent: path.parent.with_name(f".{path.parent.name}.tmp") for path in targets}
    for place in beside.values():
        remove(place)
    generic.copy(fs, sources, local, [str(beside[path.parent] / path.name) for path in targets])
    for folder, place in beside.items():
        if not folder.exists():
            place.rename(folder)
            continue
        for path in place.iterdir():
            path.replace(folder / path.name)
        place.rmdir()


def _entries(odb: Any) -> list[str]:
    runs = odb.fs.join(odb.path, "runs")
    if not odb.fs.exists(runs):
        return []
    paths = (odb.fs.as_posix(odb.fs.relpath(path, odb.path)) for path in odb.fs.find(runs))
    return sorted(path for path in paths if _ENTRY.match(path))


def _push_models(root: Path, repo: Any) -> int:
    """Sends what the commits of registered models name and this cache has; returns how many files went."""
    from dvc.scm import NoSCM
    from dvc_data.hashfile.hash_info import HashInfo

    from flows.registry import Registry

    if isinstance(repo.scm, NoSCM):
        return 0
    registry = Registry(root)
    cache = hashes.Cache(Path(repo.cache.local.path))
    named = hashes.committed(registry, set(registry.versions().values()))
    held = {name for name in cache.expanded(named) if cache.path(name).is_file()}
    return len(repo.cloud.push({HashInfo("md5", name) for name in held}).transferred)
