"""Writes a Parquet file row by row, holding only a few rows at a time."""

from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

_ROWS = 8192
_CHARS = 8 * 2**20


class ChunkWriter:
    """Collects rows and writes them as row groups of at most 8,192 rows or about 8 Mi characters.

    Args:
        path: the file to write.
        schema: its columns.
        long: the column whose length counts.
    """

    def __init__(self, path: Path, schema: pa.Schema, long: str) -> None:
        self._path, self._schema, self._long = path, schema, long
        self.count = 0

    def __enter__(self) -> Self:
        self._writer = pq.ParquetWriter(self._path, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []
        self._chars = 0
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def add(self, row: dict[str, Any]) -> None:
        """Adds one row, given by column name."""
        self._rows.append(row)
        self._chars += len(row[self._long])
        self.count += 1
        if len(self._rows) >= _ROWS or self._chars >= _CHARS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
            self._rows, self._chars = [], 0
