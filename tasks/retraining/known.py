"""Which labelled rows are new: those that no decision has known yet, told by 64 bits of a hash of id, text and label.

Eight bytes a known row are kept rather than the rows. Of n rows that are new, one is taken for one of m known ones with
a probability of n * m / 2^64, which is next to nothing.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks import rows
from tasks.errors import BadInput
from tasks.files import read_json, replacing

ROWS = Path("data/raw/rows.parquet")
Marks = npt.NDArray[np.uint64]

_TYPE = "<u8"  # the same bytes on every machine
_COLUMNS = ["id", "text", "label", "time", "source", "row"]
_BATCH_ROWS = 16_384


@dataclass(frozen=True)
class News:
    """What a table of rows has that was not known.

    Attributes:
        total: its rows.
        labels: how many of its rows are new, by their label; those with most first, then by name.
        marks: of all its rows, sorted, each once.
    """

    total: int
    labels: dict[str, int]
    marks: Marks

    @property
    def new(self) -> int:
        """How many of its rows are new."""
        return sum(self.labels.values())


def look(path: Path, known: Marks | None) -> News:
    """Counts the rows of a table in the form of `data/raw/rows.parquet` that are not known.

    Args:
        known: marks of the rows that are, sorted; None where nothing is known, so that all are new.
    """
    total, found = 0, Counter[str]()
    marks: list[Marks] = []
    for table, own in _batches(path):
        total += len(own)
        marks.append(own)
        labels = table.column("label").to_pylist()
        found.update(str(labels[row]) for row in np.flatnonzero(_is_new(own, known)))
    ordered = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return News(total, dict(ordered), np.unique(np.concatenate(marks)) if marks else _none())


def part(path: Path, known: Marks, target: Path, *, new: bool) -> int:
    """Writes the rows of a table that are new, or those that are not, as they are; returns how many.

    Only the columns that every table of rows has are kept. Memory does not grow with the table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    count = 0
    with pq.ParquetFile(path) as source, replacing(target) as partial:
        schema = pa.schema([source.schema_arrow.field(name) for name in _COLUMNS])
        with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
            for table, own in _batches(path):
                chosen = table.filter(pa.array(_is_new(own, known) == new))
                count += chosen.num_rows
                if chosen.num_rows:
                    writer.write_table(chosen)
    return count


def write(path: Path, marks: Marks) -> None:
    """Writes marks: eight bytes a row."""
    with replacing(path) as partial, partial.open("wb") as file:
        np.save(file, marks.astype(_TYPE), allow_pickle=False)


def read(path: Path) -> Marks:
    """Reads marks, sorted.

    Raises:
        BadInput: if the file is not what `write` wrote.
    """
    try:
        found = np.load(path, allow_pickle=False)
    except (ValueError, EOFError):
        found = None
    if found is None or found.dtype != np.dtype(_TYPE) or found.ndim != 1:
        fix = "Remove it: then the rows that the champion was made of count as known."
        raise BadInput(str(path), "a list of marks that Regraft wrote", "something else", fix)
    return np.sort(found.astype(np.uint64))


def name(marks: Marks) -> str:
    """A name for marks by their content: 16 hexadecimal digits."""
    return hashlib.sha256(marks.astype(_TYPE).tobytes()).hexdigest()[:16]


def labels_of(model: Path) -> set[str] | None:
    """The labels that a model knows; None if there is no model there."""
    from tasks.model import CARD

    card = model / CARD
    return set(read_json(card)["labels"]) if card.is_file() else None


def _batches(path: Path) -> Iterator[tuple[Any, Marks]]:
    """The table in parts of bounded size, each with the marks of its rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=_COLUMNS):
            table = pa.Table.from_batches([batch]).select(_COLUMNS)
            columns = (rows.strings(table, column) for column in ("id", "label", "text"))
            yield table, np.array([_mark(*row) for row in zip(*columns, strict=True)], dtype=np.uint64)


def _is_new(marks: Marks, known: Marks | None) -> npt.NDArray[np.bool_]:
    if known is None:
        return np.ones(len(marks), dtype=np.bool_)
    return np.isin(marks, known, invert=True)


def _mark(id_: str, label: str, text: str) -> int:
    # The lengths keep two rows apart that read the same when put together.
    told = f"{len(id_)} {len(label)} {id_} {label} {text}"
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "big")


def _none() -> Marks:
    return np.empty(0, dtype=np.uint64)
