"""`regraft gc`: frees space that nothing needs any more; `flows.retention` says what is needed.

The run cache goes first, then lists of folders, then files: a stop at any point leaves nothing that names what is gone.
"""

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flows import champion, hashes, remote, runs
from flows.explain import survey
from flows.graph import Graph
from flows.registry import Registry
from flows.retention import Needed, needed
from flows.store import Entry, Store
from flows.trouble import explained
from flows.workspace import STATE
from tasks.errors import BadInput, RegraftError
from tasks.files import remove
from tasks.retraining.retention_params import RetentionParams

_CHECKPOINTS = Path("scratch")
_PARTIAL = ".*.partial"
_WITH_PARTIALS = (Path(".regraft"), Path(".regraft/champions"), runs.FOLDER, STATE)


@dataclass(frozen=True)
class Part:
    """Files of one kind that can be freed.

    Attributes:
        kind: for people.
        entries: files, or folders with all that is in them.
        free: removes some of them.
    """

    kind: str
    entries: tuple[Entry, ...]
    free: Callable[[Sequence[Entry]], None]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(entry.size for entry in self.entries)


@dataclass(frozen=True)
class Plan:
    """What can be freed.

    Attributes:
        parts: in the order in which they go; kinds of which there is nothing are left out.
        needed: what is kept, and why.
        kept: bytes of the cache that are kept.
    """

    parts: tuple[Part, ...]
    needed: Needed
    kept: int

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(part.size for part in self.parts)


def plan(graph: Graph, keep: RetentionParams, *, with_remote: bool = False, own_cache: bool = False) -> Plan:
    """Finds what can be freed; the workspace must be held, so that no run is at work.

    Args:
        with_remote: whether to look at the remote too.
        own_cache: whether no other project uses the cache, where it lies outside of this one.

    Raises:
        InUse: if DVC is at work.
        BadInput: if the cache may be another project's too, git cannot tell what is needed, or the remote does not
            answer.
    """
    checkpoints = list(_checkpoints(graph))
    graph.clear_leftovers()
    with graph.locked() as repo:
        return _planned(graph.root, repo, keep, checkpoints, with_remote, own_cache)


def free(
    graph: Graph, agreed: Plan, keep: RetentionParams, *, with_remote: bool = False, own_cache: bool = False
) -> int:
    """Frees what was agreed to, as far as it still is not needed; returns how many bytes.

    Raises:
        InUse, BadInput: as `plan`.
    """
    paths = {(part.kind, entry.path) for part in agreed.parts for entry in part.entries}
    checkpoints, freed = list(_checkpoints(graph)), 0
    graph.clear_leftovers()
    with graph.locked() as repo:
        for part in _planned(graph.root, repo, keep, checkpoints, with_remote, own_cache).parts:
            entries = [entry for entry in part.entries if (part.kind, entry.path) in paths]
            part.free(entries)
            freed += sum(entry.size for entry in entries)
    runs.record(graph.root)  # so that what `dvc repro` has made counts as a run from now on
    return freed


def _planned(
    root: Path, repo: Any, keep: RetentionParams, checkpoints: Sequence[Entry], with_remote: bool, own_cache: bool
) -> Plan:
    if not own_cache:
        _check_is_ours(root, repo)
    cache, local = hashes.Cache(Path(repo.cache.local.path)), Store(repo.cache.local, repo.cache.legacy)
    need, files = needed(root, repo, keep, cache), local.files()
    partial = [_measured(path) for place in _WITH_PARTIALS for path in sorted((root / place).glob(_PARTIAL))]
    parts = [
        *_of_store(local, files, need, "cache"),
        Part("what killed commands left", (*local.leftovers(), *partial), _remove),
        Part("copies of models out of service", tuple(_copies(root, cache, need.names & files.keys())), _remove),
        Part("checkpoints of what is finished", tuple(checkpoints), _remove),
        Part("records of runs", tuple(_records(root, need)), _remove),
    ]
    if with_remote:
        parts += _of_remote(repo, cache, need)
    kept = sum(entry.size for name, entry in files.items() if name in need.names)
    return Plan(tuple(part for part in parts if part.entries), need, kept)


def _check_is_ours(root: Path, repo: Any) -> None:
    place = Path(repo.cache.local.path).resolve()
    if not place.is_relative_to(root.resolve()):
        fix = "If no other project uses it, add --own-cache."
        raise BadInput("DVC's cache", "a folder of this project", f"{place}, which others may use", fix)


def _of_store(store: Store, files: dict[str, Entry], need: Needed, where: str) -> Iterator[Part]:
    spare = tuple(entry for name, entry in sorted(files.items()) if name not in need.names)
    yield Part(f"runs in the run cache of the {where}", tuple(_spare_runs(store, need)), store.remove_runs)
    yield Part(f"files of the {where}", spare, store.remove)


def _spare_runs(store: Store, need: Needed) -> Iterator[Entry]:
    for entry in sorted(store.runs()):
        text = store.read(entry).decode(errors="replace")
        outs = hashes.named(text.partition("\nouts:\n")[2])
        if not outs or not outs <= need.names:
            yield entry


def _of_remote(repo: Any, cache: hashes.Cache, need: Needed) -> Iterator[Part]:
    """What the remote holds and nothing needs that this clone knows of."""
    name = remote.name_of(repo)
    if name is None:
        raise BadInput("--remote", "a remote", "none", "Set one: `dvc remote add --default NAME ADDRESS`.")
    where = remote.address(repo, name)
    with explained(where, "a list of its files", repo.config):
        remote.reach(repo, name, first=False)
        store = Store(repo.cloud.get_remote_odb(name, "gc --cloud"), remote.run_cache(repo, name, "gc --cloud"))
        files = store.files()
        # Of folders that this cache has not, only the remote knows what is in them.
        lists = [one for one in sorted(need.names & files.keys()) if one.endswith(".dir") and not cache.inside(one)]
        inner = {name for one in lists for name in hashes.listed(store.read(files[one]))}
        parts = list(_of_store(store, files, replace(need, names=need.names | inner), f"remote {name}"))

    def explaining(part: Part) -> Callable[[Sequence[Entry]], None]:
        def free(entries: Sequence[Entry]) -> None:
            with explained(where, "leave to remove files", repo.config):
                store.forget()
                part.free(entries)

        return free

    yield from (Part(part.kind, part.entries, explaining(part)) for part in parts)


def _copies(root: Path, cache: hashes.Cache, held: Set[str]) -> Iterator[Entry]:
    """Copies of models that are not in service, where the cache has all of their files."""
    stored = champion.stored(root)
    if not stored:
        return
    registry = Registry(root)
    serving, versions = registry.champion(), registry.versions()
    for version, folder in stored.items():
        if version not in versions or (serving and serving.version == version):
            continue
        names = champion.made(registry, version)
        inner = {name: cache.inside(name) for name in names}
        if inner and all(inner.values()) and names.union(*inner.values()) <= held:
            yield _measured(folder)


def _checkpoints(graph: Graph) -> Iterator[Entry]:
    """Checkpoints of items that are up to date, or gone; of the others a run goes on from them."""
    try:
        items = graph.items()
        findings = survey(graph, items)
    except RegraftError:  # the graph cannot be read at present, so any of them may be wanted
        return
    due = {name.partition("@")[2] for name, finding in findings.items() if finding.due}
    for fan in sorted({item.stage for name, item in items.items() if "@" in name}):
        for folder in sorted((graph.root / _CHECKPOINTS / fan).glob("*")):
            # An adapted encoder goes on from the end of its training, whenever it is due again.
            if folder.name not in due and not (fan == "adapt" and f"adapt@{folder.name}" in items):
                yield _measured(folder)


def _records(root: Path, need: Needed) -> Iterator[Entry]:
    for path in sorted((root / runs.FOLDER).glob("[!.]*.json")):
        if path.stem not in need.records:
            yield _measured(path)


def _measured(path: Path) -> Entry:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if not file.is_dir()]
    return Entry(str(path), sum(file.lstat().st_size for file in files))


def _remove(entries: Sequence[Entry]) -> None:
    for entry in entries:
        remove(Path(entry.path))
