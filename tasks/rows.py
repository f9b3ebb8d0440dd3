"""The table of rows that passes between the stages."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

RAW: pa.Schema = pa.schema(
    [  # type: ignore[arg-type]
        ("id", pa.string()),
        ("text", pa.string()),
        ("label", pa.string()),
        ("time", pa.string()),  # ISO 8601, null where the source has none
        ("source", pa.string()),  # the file, or `hub:` name, that the row came from
        ("row", pa.int64()),  # its number there, the first one being 1
        ("official_test", pa.bool_()),  # from `ingest.test_sources`
    ]
)
"""Columns of `data/raw/rows.parquet`; after them come those that the user keeps (`ingest.columns.keep`), as texts."""

REJECTED: pa.Schema = pa.schema(
    [  # type: ignore[arg-type]
        ("source", pa.string()),
        ("row", pa.int64()),
        ("line", pa.int64()),  # the physical line, null where the format has none
        ("reason", pa.string()),
        ("content", pa.string()),  # what was there, cut to a readable length
    ]
)
"""Columns of `data/raw/rejected.parquet`."""

CLEAN = pa.schema([field for field in RAW if field.name != "official_test"])
"""Columns of `data/clean/{train,validation,test}.parquet`; after them come those that the user keeps."""

SPLITS = ("train", "validation", "test")


def with_kept(schema: pa.Schema, names: Iterable[str]) -> pa.Schema:
    """A schema with columns that the user keeps after its own; they are texts, null where a row has no value."""
    return pa.schema([*schema, *(pa.field(name, pa.string()) for name in names)])


def kept(table: pa.Table) -> list[str]:
    """The columns of a raw or clean table that the user keeps."""
    return [name for name in table.column_names if name not in RAW.names]


def write(path: Path, table: pa.Table) -> None:
    """Writes a table as Parquet (zstd), with the same bytes for the same rows."""
    pq.write_table(table, path, compression="zstd")


def read(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Reads a Parquet table, or some of its columns."""
    return pq.read_table(path, columns=columns)


def strings(table: pa.Table, column: str) -> list[str]:
    """The values of a text column that holds no nulls."""
    return [str(value) for value in table.column(column).to_pylist()]
