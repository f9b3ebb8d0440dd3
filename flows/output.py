"""Tables written row by row: CSV, TSV, JSON lines or Parquet, by the file's ending; memory does not grow."""

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import BadInput
from tasks.files import replacing

Row = dict[str, Any]
_COMPRESSED = {".gz": "gzip", ".zst": "zstd"}


class Writer(ABC):
    """Takes chunks of rows; the first chunk says which columns there are, in which order."""

    @abstractmethod
    def write(self, rows: Sequence[Row]) -> None:
        """Writes some rows."""

    def close(self) -> None:  # noqa: B027 - most writers have nothing to finish
        """Writes what is still to be written."""


class DelimitedWriter(Writer):
    """CSV or TSV, with a header; a missing value is an empty field."""

    def __init__(self, file: IO[str], path: Path, delimiter: str) -> None:
        self._file, self._path, self._delimiter = file, path, delimiter
        self._writer: csv.DictWriter[str] | None = None

    def write(self, rows: Sequence[Row]) -> None:
        """Writes some rows, and the header before the first."""
        if self._writer is None:
            self._writer = csv.DictWriter(self._file, _columns(rows), delimiter=self._delimiter, lineterminator="\n")
            self._writer.writeheader()
        for row in rows:
            new = row.keys() - set(self._writer.fieldnames)
            if new:
                raise _other_columns(self._path, sorted(new))
            self._writer.writerow({name: _plain(value) for name, value in row.items()})


class LinesWriter(Writer):
    """JSON lines."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, rows: Sequence[Row]) -> None:
        """Writes some rows."""
        for row in rows:
            self._file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")


class ParquetWriter(Writer):
    """Parquet, whose column types are those of the first chunk."""

    def __init__(self, path: Path, shown: Path) -> None:
        self._path, self._shown = path, shown
        self._writer: pq.ParquetWriter | None = None
        self._schema: pa.Schema | None = None

    def write(self, rows: Sequence[Row]) -> None:
        """Writes some rows."""
        names = self._schema.names if self._schema else _columns(rows)
        new = {name for row in rows for name in row} - set(names)
        if new:
            raise _other_columns(self._shown, sorted(new))
        columns = {name: [row.get(name) for row in rows] for name in names}
        try:
            if self._writer is None:
                self._schema = _schema(columns)
                self._writer = pq.ParquetWriter(self._path, self._schema, compression="zstd")
            self._writer.write_table(pa.table(columns, schema=self._schema))
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            fix = "Write .jsonl, whose rows may differ."
            raise BadInput(str(self._shown), "columns of one type each", str(error), fix) from None

    def close(self) -> None:
        """Writes the end of the file."""
        if self._writer is not None:
            self._writer.close()


@contextmanager
def writing(target: Path) -> Iterator[Writer]:
    """Yields the writer for a file; the file appears when all is written.

    Raises:
        BadInput: if the ending says no format that is known, or the rows do not fit the format.
    """
    compression = _COMPRESSED.get(target.suffix)
    ending = Path(target.stem).suffix if compression else target.suffix
    if ending not in {".csv", ".tsv", ".jsonl", ".parquet"} or (compression and ending == ".parquet"):
        known = "a name that ends in .csv, .tsv, .jsonl (also .gz or .zst after it) or .parquet"
        raise BadInput(str(target), known, repr(target.name), "Give the output another name.")
    with replacing(target) as partial:
        if ending == ".parquet":
            writer: Writer = ParquetWriter(partial, target)
            yield writer
            writer.close()
            return
        with fsspec.open(str(partial), "wt", encoding="utf-8", newline="", compression=compression) as file:
            if ending == ".jsonl":
                yield LinesWriter(file)
            else:
                yield DelimitedWriter(file, target, "\t" if ending == ".tsv" else ",")


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _schema(columns: dict[str, list[Any]]) -> pa.Schema:
    """Types as Arrow infers them; a column without any value becomes text."""
    fields = []
    for name, values in columns.items():
        kind = pa.array(values).type
        fields.append(pa.field(name, pa.string() if pa.types.is_null(kind) else kind))
    return pa.schema(fields)


def _plain(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list | bool) else value


def _other_columns(path: Path, new: list[str]) -> BadInput:
    found = "also " + ", ".join(map(repr, new))
    return BadInput(str(path), "rows with the columns of the first ones", found, "Write .jsonl, whose rows may differ.")
