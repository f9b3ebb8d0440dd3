"""What has been scored already: an index (SQLite) of the parts that lie in an output folder.

The parts are the truth; the index only makes it quick to ask. A part that was written when a run was killed is taken in
by the next run, and an index that is lost or damaged is made anew. So no row is scored twice, and none is lost. Of
parts that were moved away only the index knows: if it is lost too, their rows are scored once more, under new numbers.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from flows import batch_summary
from flows import part as parts
from tasks.errors import BadInput
from tasks.files import remove

INDEX = ".index.sqlite"
_TABLES = """
CREATE TABLE IF NOT EXISTS parts (number INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS seen (
    source INTEGER NOT NULL, digest BLOB NOT NULL, model INTEGER NOT NULL, rows INTEGER NOT NULL,
    PRIMARY KEY (source, digest, model)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    source INTEGER PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL, model INTEGER NOT NULL
);
CREATE TEMP TABLE passed (digest BLOB PRIMARY KEY, rows INTEGER NOT NULL) WITHOUT ROWID;
"""

Stamp = tuple[int, int]
"""Size of a file in bytes, and when it was changed last, in nanoseconds."""


class Scored:
    """The index of one output folder; used as a context manager by one run at a time.

    Args:
        folder: of the parts; is made if it is not there.

    Raises:
        BadInput: if the index cannot be read or written now, though it is not damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        with self._usable():
            try:
                self._db = self._opened()
            except sqlite3.OperationalError:
                raise  # locked, a full disk and the like: no damage, and a new index would not know of parts moved away
            except sqlite3.DatabaseError:
                for name in (INDEX, f"{INDEX}-journal"):
                    remove(folder / name)
                self._db = self._opened()
        try:
            self._take_in()
        except BaseException:
            self._db.close()
            raise
        # A new index knows of no part that was moved away, but the summary tells of them.
        self._told = batch_summary.last_part(folder)

    def _take_in(self) -> None:
        """Adds the parts that are there and not in the index."""
        known = {number for (number,) in self._db.execute("SELECT number FROM parts")}
        for number in parts.numbers(self._folder):
            if number not in known:
                self.add(number)

    def _opened(self) -> sqlite3.Connection:
        # Prefect may run a task in another thread than its flow, though never two at once here.
        db = sqlite3.connect(self._folder / INDEX, isolation_level=None, check_same_thread=False)
        try:
            db.executescript(_TABLES)
        except sqlite3.DatabaseError:
            db.close()
            raise
        return db

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def next_number(self) -> int:
        """The number of the next part: one that none ever had, even if parts were moved away since."""
        (last,) = self._db.execute("SELECT coalesce(max(number), 0) FROM parts").fetchone()
        return max(int(last), self._told) + 1

    def unchanged(self, source: str, stamp: Stamp, model: str | None) -> bool:
        """Whether a file is as it was when all of it had been scored.

        Args:
            model: that must have scored it; None for any.
        """
        found = self._db.execute(
            "SELECT size, changed, (SELECT name FROM names WHERE id = files.model) FROM files"
            " WHERE source = (SELECT id FROM names WHERE name = ?)",
            (source,),
        ).fetchone()
        return found is not None and (found[0], found[1]) == stamp and model in (None, found[2])

    def finished(self, source: str, stamp: Stamp, model: str) -> None:
        """Notes that all of a file has been scored.

        Args:
            model: that has answered each of its rows; empty where it need not be one and the same.
        """
        with self._transaction():
            self._db.execute("REPLACE INTO files VALUES (?, ?, ?, ?)", (self._id(source), *stamp, self._id(model)))

    def begin(self) -> None:
        """A file is about to be read from its first row on."""
        self._db.execute("DELETE FROM passed")

    def is_new(self, source: str, digest: bytes, model: str | None) -> bool:
        """Whether the next row of the file that is being read has not been scored yet.

        A row that a file has twice is to be scored twice, wherever in the file the two stand.

        Args:
            model: that must have scored it; None for any.
        """
        (passed,) = self._db.execute(
            "INSERT INTO passed VALUES (?, 1) ON CONFLICT (digest) DO UPDATE SET rows = rows + 1 RETURNING rows",
            (digest,),
        ).fetchone()
        (scored,) = self._db.execute(
            "SELECT coalesce(sum(rows), 0) FROM seen WHERE source = (SELECT id FROM names WHERE name = ?1)"
            " AND digest = ?2 AND (?3 IS NULL OR model = (SELECT id FROM names WHERE name = ?3))",
            (source, digest, model),
        ).fetchone()
        return bool(passed > scored)

    def add(self, number: int) -> None:
        """Takes a part in, whole or not at all."""
        note = parts.read(self._folder, number)
        with self._transaction():
            source, model = self._id(note["source"]), self._id(note["model"])
            self._db.executemany(
                "INSERT INTO seen VALUES (?, ?, ?, 1)"
                " ON CONFLICT (source, digest, model) DO UPDATE SET rows = rows + 1",
                ((source, one, model) for one in parts.seen(self._folder, number)),
            )
            self._db.execute("INSERT INTO parts VALUES (?)", (number,))

    def _id(self, name: str) -> int:
        self._db.execute("INSERT OR IGNORE INTO names (name) VALUES (?)", (name,))
        (found,) = self._db.execute("SELECT id FROM names WHERE name = ?", (name,)).fetchone()
        return int(found)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._usable():
            self._db.execute("BEGIN")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Turns what keeps a sound index from being used into an error that says so."""
        try:
            yield
        except sqlite3.OperationalError as error:
            place, fix = str(self._folder / INDEX), "Mend that, then run again."
            raise BadInput(place, "an index that can be written", str(error), fix) from None
