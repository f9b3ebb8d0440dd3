"""Columnar files: Parquet and Arrow."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.ingest.places import Place
from tasks.ingest.raw import Item, RawRecord, missing_columns

_BATCH = 1024
_ARROW_FILE = b"ARROW1"


def table_records(place: Place, kind: str, needs: Sequence[str], wanted: Sequence[str] | None) -> Iterator[Item]:
    """Reads the rows of a Parquet file, or of an Arrow file (IPC file or stream).

    A column that the `datasets` library marked as class names holds the names, not their numbers.

    Args:
        kind: parquet or arrow.
        needs: columns that must be there.
        wanted: the columns to read, None for all.

    Raises:
        BadInput: if a column that is needed is not there.
        pyarrow.ArrowInvalid: if the file is no such file, or damaged.
    """
    schema, batches = _parquet(place, wanted) if kind == "parquet" else _arrow(place, wanted)
    missing = set(needs) - set(schema.names)
    if missing:
        raise missing_columns(place.name, missing, schema.names)
    names = class_names(schema)
    row = 0
    for batch in batches:
        for values in batch.to_pylist():
            row += 1
            yield RawRecord(place.name, row, None, {k: class_name(v, names.get(k)) for k, v in values.items()})


def class_name(value: Any, names: list[str] | None) -> Any:
    """The name of a class given by its number; any other value as it is (-1 stands for no label)."""
    if names is None or not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None


def class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """For each column of class numbers, the names that the `datasets` library left in the schema."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: list(f["names"]) for name, f in features.items() if f.get("_type") == "ClassLabel"}
    except (KeyError, TypeError, AttributeError, ValueError):
        return {}


def _parquet(place: Place, wanted: Sequence[str] | None) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    file = pq.ParquetFile(place.path, memory_map=True)
    columns = _present(file.schema_arrow, wanted)
    return file.schema_arrow, file.iter_batches(_BATCH, columns=columns)


def _arrow(place: Place, wanted: Sequence[str] | None) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    with Path(place.path).open("rb") as file:
        start = file.read(len(_ARROW_FILE))
    source = pa.memory_map(place.path)
    if start == _ARROW_FILE:
        reader = pa.ipc.open_file(source)
        batches = (reader.get_batch(index) for index in range(reader.num_record_batches))
        return reader.schema, _slices(batches, _present(reader.schema, wanted))
    stream = pa.ipc.open_stream(source)
    return stream.schema, _slices(stream, _present(stream.schema, wanted))


def _slices(batches: Iterable[pa.RecordBatch], columns: list[str]) -> Iterator[pa.RecordBatch]:
    for batch in batches:  # a batch on disk may be of any size: turn only a part into Python objects at a time
        for start in range(0, batch.num_rows, _BATCH):
            yield batch.slice(start, _BATCH).select(columns)


def _present(schema: pa.Schema, wanted: Sequence[str] | None) -> list[str]:
    return [name for name in schema.names if wanted is None or name in wanted]
