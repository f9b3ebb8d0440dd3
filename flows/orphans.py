"""Outputs of items that a fan-out has lost, as when a candidate is taken out of `params.yaml`.

DVC leaves such files where they are, where a stage that reads their whole folder would still find them.
So a run removes them; what made them stays in the run cache, and brings them back with the item.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flows.graph import Graph, readable
from tasks.block import load


@dataclass(frozen=True)
class Orphan:
    """An output whose item is gone.

    Attributes:
        name: its path in the workspace.
        path: its whole path.
        item: the item that made it.
    """

    name: str
    path: str
    item: str


def find(graph: Graph) -> list[Orphan]:
    """The outputs of items that `dvc.lock` knows but whose stage no longer fans out to them.

    Only what DVC has in its cache, unchanged, and only of stages that still fan out: the outputs of a stage that is
    gone as a whole may be wanted.
    """
    with graph.locked() as repo, readable():
        return [Orphan(str(out), out.fs_path, item) for item, out in _found(graph, repo)]


def clear(graph: Graph) -> None:
    """Removes what `find` finds."""
    with graph.locked() as repo, readable():
        for item, out in list(_found(graph, repo)):
            out.remove()
            graph.say(f"{out} is removed, as there is no {item} any more; the run cache keeps it.")


@contextmanager
def overlooked(repo: Any, orphans: Sequence[Orphan]) -> Iterator[None]:
    """Within it, DVC sees the workspace as it will be when the orphans are removed. Call it with DVC's lock held."""
    seen, known = repo.dvcignore, repo.state.ignore
    # DVC looks up a folder's hash by what it sees of the folder, so both must see the same.
    repo.dvcignore = repo.state.ignore = _Without(seen, orphans)
    try:
        yield
    finally:
        repo.dvcignore, repo.state.ignore = seen, known


class _Without:
    """DVC's filter of ignored files, which ignores the orphans too."""

    def __init__(self, inner: Any, orphans: Sequence[Orphan]) -> None:
        self._inner = inner
        self._paths = {orphan.path for orphan in orphans}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def walk(self, fs: Any, path: str, **options: Any) -> Iterator[tuple[str, Any, Any]]:
        for root, folders, files in self._inner.walk(fs, path, **options):
            for names in (folders, files):
                for name in [name for name in names if fs.join(root, name) in self._paths]:
                    if isinstance(names, dict):
                        del names[name]
                    else:
                        names.remove(name)
            yield root, folders, files

    def find(self, fs: Any, path: str, **options: Any) -> Iterator[str]:
        for root, _, files in self.walk(fs, path, **options):
            yield from (fs.join(root, name) for name in files)


def _found(graph: Graph, repo: Any) -> Iterator[tuple[str, Any]]:
    """Each such output with the name of the item that made it."""
    lock = graph.root / "dvc.lock"
    if not lock.exists():
        return
    entries = load(lock).get("stages") or {}
    stages = load(graph.root / "dvc.yaml")["stages"]
    fans = {name for name, stage in stages.items() if {"foreach", "matrix"} & set(stage)}
    folders = {stage.addressing.partition("@")[0]: stage.wdir for stage in repo.index.stages}
    names = {stage.addressing for stage in repo.index.stages}
    owned = [out.fs_path for stage in repo.index.stages for out in stage.outs]
    for name, entry in entries.items():
        fan = name.partition("@")[0]
        if name in names or fan not in fans or not entry.get("outs"):
            continue
        stage = repo.stage_cache._create_stage(entry, wdir=folders.get(fan, str(graph.root)))
        for out in stage.outs:
            if not any(_overlap(repo, out.fs_path, path) for path in owned) and _is_kept(out):
                yield name, out


def _overlap(repo: Any, one: str, other: str) -> bool:
    return bool(repo.fs.isin_or_eq(one, other) or repo.fs.isin(other, one))


def _is_kept(out: Any) -> bool:
    """Whether it is there, as it was made, and DVC's cache holds it too."""
    return bool(out.exists and not out.changed())
