"""The ids that were seen, on disk, so that memory does not grow with the number of rows."""

import sqlite3
from pathlib import Path
from typing import Self

from tasks.files import remove


class SeenIds:
    """Remembers where each id was first used. The file exists only inside the `with` block.

    Args:
        path: the file to keep them in; one that a killed run left is overwritten.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        remove(self._path)
        self._base = sqlite3.connect(self._path, isolation_level=None)
        # Nothing in it outlives this run, so it needs no safety against a crash; 64 MiB of it stay in memory.
        for setting in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-65536"):
            self._base.execute(f"PRAGMA {setting}")
        self._base.execute("CREATE TABLE seen (id TEXT PRIMARY KEY, source TEXT, row INTEGER) WITHOUT ROWID")
        self._base.execute("BEGIN")
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()
        remove(self._path)

    def first_place(self, name: str, source: str, row: int) -> tuple[str, int] | None:
        """Notes that an id is used at a place.

        Returns:
            The source and row where it was used before, None if this is the first time.
        """
        new = self._base.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", (name, source, row)).rowcount
        if new:
            return None
        place: tuple[str, int] = self._base.execute("SELECT source, row FROM seen WHERE id = ?", (name,)).fetchone()
        return place
