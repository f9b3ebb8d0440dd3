"""A store of DVC's: its cache, or a remote. Both hold files by their hashes, and the run cache."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.files import remove

_FILE = re.compile(r"(?P<head>[0-9a-f]{2})/(?P<rest>[0-9a-f]{30}(?:\.dir)?)")
_RUN = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}/[0-9a-f]{64}")


@dataclass(frozen=True, order=True)
class Entry:
    """A file of a store.

    Attributes:
        path: for the store's file system.
        size: bytes.
    """

    path: str
    size: int


class Store:
    """One store.

    Args:
        odb: DVC's, of its files.
        runs: DVC's, of the folder that holds the run cache; None if the store has none.
    """

    def __init__(self, odb: Any, runs: Any | None) -> None:
        self._odb, self._runs = odb, runs

    def files(self) -> dict[str, Entry]:
        """The files, by their hashes."""
        found = ((_FILE.fullmatch(name), entry) for name, entry in _walk(self._odb.fs, self._odb.path))
        return {f"{match['head']}{match['rest']}": entry for match, entry in found if match}

    def runs(self) -> list[Entry]:
        """The entries of the run cache."""
        if self._runs is None:
            return []
        return [entry for name, entry in _walk(self._runs.fs, self._folder()) if _RUN.fullmatch(name)]

    def leftovers(self) -> list[Entry]:
        """What was being written, or removed, when a process was killed."""
        found = [*_walk(self._odb.fs, self._odb.path), *(_walk(self._runs.fs, self._folder()) if self._runs else ())]
        return [entry for name, entry in found if any(part.endswith(".tmp") for part in name.split("/"))]

    def read(self, entry: Entry) -> bytes:
        """The content of a file."""
        content: bytes = self._odb.fs.cat_file(entry.path)
        return content

    def remove(self, entries: Iterable[Entry]) -> None:
        """Removes files; lists of folders first, so that no list names files that are gone."""
        paths = [entry.path for entry in entries]
        for some in ([path for path in paths if path.endswith(".dir")], [p for p in paths if not p.endswith(".dir")]):
            if some:
                self._odb.fs.remove(some)

    def remove_runs(self, entries: Iterable[Entry]) -> None:
        """Removes entries of the run cache. A folder of them goes as a whole, as DVC breaks on one that is empty."""
        paths = [entry.path for entry in entries]
        if not paths:
            return
        if self._odb.fs.protocol != "local":
            self._odb.fs.remove(paths)
            return
        going = {Path(path) for path in paths}
        for folder in sorted({path.parent for path in going}):
            if going.issuperset(folder.iterdir()):
                aside = folder.with_name(f".{folder.name}.tmp")
                remove(aside)
                folder.rename(aside)
                remove(aside)
        for path in going:
            path.unlink(missing_ok=True)

    def forget(self) -> None:
        """Makes DVC look again at what a remote holds; it remembers whole folders."""
        from dvc_data.hashfile.db import get_index

        get_index(self._odb).clear()

    def _folder(self) -> str:
        return str(self._runs.fs.join(self._runs.path, "runs")) if self._runs else ""


def _walk(fs: Any, folder: str) -> Iterator[tuple[str, Entry]]:
    """All files below a folder, by their names from there."""
    if not fs.exists(folder):
        return
    if fs.protocol == "local":
        for top, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(top, name)  # noqa: PTH118 - DVC's own form of the path
                yield os.path.relpath(path, folder), Entry(path, os.lstat(path).st_size)
        return
    for path, about in fs.fs.find(folder, detail=True).items():
        yield fs.as_posix(fs.relpath(path, folder)), Entry(path, int(about.get("size") or 0))
