"""The rows of a span of time, as the tests of drift want them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from tasks import rows
from tasks.errors import BadInput
from tasks.plain_form import plain_form
from tasks.scores import Ints

_COLUMNS = ["text", "label"]


@dataclass(frozen=True)
class Window:
    """Rows without copies: of texts with the same plain form only the first one is there, as copies are no evidence.

    Attributes:
        raw: the texts as they came [rows].
        texts: the same, cleaned as they are now [rows].
        keys: their plain forms [rows].
        labels: None for a row that has none [rows].
        copies: rows that were left out.
    """

    raw: list[str]
    texts: list[str]
    keys: list[str]
    labels: list[str | None]
    copies: int = 0

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def label_counts(self) -> Counter[str]:
        """The rows of each label."""
        return Counter(label for label in self.labels if label is not None)

    def only(self, places: Ints) -> Self:
        """Some of the rows, in their order."""
        chosen = np.sort(places).tolist()
        columns = (self.raw, self.texts, self.keys, self.labels)
        raw, texts, keys, labels = ([column[place] for place in chosen] for column in columns)
        return type(self)(raw, texts, keys, labels, self.copies)

    def sample(self, most: int, random: np.random.Generator) -> Self:
        """All rows, or a random part of them if there are more than `most`."""
        return self if len(self) <= most else self.only(random.choice(len(self), most, replace=False))


def window(raw: list[str], labels: list[str | None], clean: Callable[[str], str] = str) -> Window:
    """Makes a window of rows, in their order.

    Args:
        raw: the texts as they came [rows].
        labels: [rows].
        clean: what is done to a text first.
    """
    first: dict[str, int] = {}
    texts = [clean(text) for text in raw]
    for number, text in enumerate(texts):
        first.setdefault(plain_form(text), number)
    places = list(first.values())
    return Window(
        [raw[place] for place in places],
        [texts[place] for place in places],
        list(first),
        [labels[place] for place in places],
        len(raw) - len(places),
    )


def read(path: Path, clean: Callable[[str], str]) -> Window:
    """Reads rows as ingest writes them.

    Raises:
        BadInput: if there is no such file, or it lacks texts or labels.
    """
    import pyarrow as pa

    expected, fix = "rows as in data/raw/rows.parquet", "Give a table that the stage ingest wrote, or a part of one."
    try:
        table = rows.read(path)
    except FileNotFoundError:
        raise BadInput(str(path), expected, "no such file", fix) from None
    except pa.ArrowInvalid as error:
        raise BadInput(str(path), expected, " ".join(str(error).split()), fix) from None
    missing = [name for name in _COLUMNS if name not in table.column_names]
    if missing:
        raise BadInput(str(path), expected, f"no column {' or '.join(missing)}", fix)
    labels = [None if label is None else str(label) for label in table["label"].to_pylist()]
    return window(rows.strings(table, "text"), labels, clean)
