"""What a reader yields: a raw record, or the reason why there is none."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.errors import BadInput

SHOWN = 500
"""Characters of a rejected row that are kept."""


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as its source has it.

    Attributes:
        source: the file, or `hub:` name, as it is shown to the user.
        row: its number in that source, the first one being 1; rejected rows count too.
        line: the physical line that it starts on, None where the format has none.
        values: the columns that were asked for, by name, in the order of the source.
    """

    source: str
    row: int
    line: int | None
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that cannot be used.

    Attributes:
        reason: the kind of fault; what differs from row to row follows after a colon.
        content: what was there, cut to `SHOWN` characters.
    """

    source: str
    row: int
    line: int | None
    reason: str
    content: str

    @property
    def kind(self) -> str:
        """The reason without what differs from row to row."""
        return self.reason.partition(":")[0]


Item = RawRecord | Rejection


def shown(value: object) -> str:
    """A short form of what was there, fit for UTF-8 (half a surrogate pair becomes `?`)."""
    text = value if isinstance(value, str) else repr(value)
    return text[:SHOWN].encode("utf-8", "replace").decode("utf-8")


def missing_columns(source: str, missing: Iterable[str], found: Sequence[str]) -> BadInput:
    """The error for a source that lacks columns; lists at most 50 of those that it has."""
    expected = ", ".join(f"a column {name!r}" for name in sorted(missing))
    columns = "only " + ", ".join(map(repr, found[:50])) if found else "none"
    return BadInput(source, expected, columns, "Correct ingest.columns (or ingest.delimiter or ingest.encoding).")
