"""Batches of translations that are done already, so that a run that was stopped goes on with the next one."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from tasks.snapshots import Snapshots

_WRITE_EVERY = 16  # batches


class BatchStore:
    """What came of each batch, known by what is in it: the same batch comes out the same.

    Args:
        snapshots: where the batches lie; their fingerprint is of all else that determines a translation.
    """

    def __init__(self, snapshots: Snapshots) -> None:
        found = snapshots.read()
        self._snapshots, self._earlier = snapshots, dict(found[0]) if found else {}
        self._done: dict[str, list[str]] = {}
        self._unwritten = 0

    def get(self, batch: Any, make: Callable[[], list[str]]) -> list[str]:
        """What came of a batch, made now if it was not done before.

        Args:
            batch: what is in it, as JSON can hold it.
        """
        name = hashlib.sha256(json.dumps(batch).encode()).hexdigest()
        if name not in self._done:
            if name not in self._earlier:
                self._earlier[name] = make()
                self._unwritten += 1
            self._done[name] = self._earlier[name]
        if self._unwritten == _WRITE_EVERY:
            self._write(self._earlier)
        return self._done[name]

    def finish(self) -> None:
        """Keeps the batches that were asked for, and no others: not those of rows as they were."""
        if self._unwritten or len(self._done) < len(self._earlier):
            self._write(self._done)
            self._snapshots.forget_others()

    def _write(self, batches: dict[str, list[str]]) -> None:
        self._snapshots.write(len(batches), {}, batches)
        self._unwritten = 0
