"""From a raw record to a row: text, label, time and id, each in its one form."""

import hashlib
import math
import re
from datetime import UTC, date, datetime
from typing import Any

from tasks.ingest.params import Columns
from tasks.ingest.raw import RawRecord, Rejection, shown

_MONTH = re.compile(r"\d{4}(-(0[1-9]|1[0-2]))?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

Row = dict[str, Any]
"""A row of the schema `tasks.rows.RAW`, and the columns that are kept."""


def row_of(record: RawRecord, columns: Columns, max_chars: int, official_test: bool) -> Row | Rejection:
    """Makes a row of the raw table, or says why there is none.

    Args:
        columns: which column holds what.
        max_chars: the longest text that is taken, in characters.
        official_test: whether the record comes from an official test split.
    """
    values = record.values
    try:
        text = _text(values.get(columns.text), max_chars)
        label = _name(values.get(columns.label), "label")
        time = _time(values.get(columns.time)) if columns.time is not None else None
        name = _name(values.get(columns.id), "id") if columns.id is not None else content_id(text, label)
        kept = {column: _kept(values.get(column), column) for column in columns.keep}
    except ValueError as error:
        return Rejection(record.source, record.row, record.line, str(error), _content(record, columns))
    return {
        "id": name,
        "text": text,
        "label": label,
        "time": time,
        "source": record.source,
        "row": record.row,
        "official_test": official_test,
        **kept,
    }


def content_id(text: str, label: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of text and label (64 bits)."""
    return hashlib.sha256(f"{text}\0{label}".encode()).hexdigest()[:16]


def _text(value: Any, max_chars: int) -> str:
    if value is None:
        raise ValueError("no text")
    if not isinstance(value, str):
        raise ValueError(f"text of the wrong type: {_type(value)}")
    if len(value) > max_chars:
        raise ValueError(f"text too long: {len(value):,} characters, more than {max_chars:,}")
    if not value.strip():
        raise ValueError("empty text")
    return _storable(value, "text")


def _name(value: Any, what: str) -> str:
    """A label or id: a text, or a whole number as its digits; true and false as JSON writes them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or (isinstance(value, float) and math.isnan(value)):
        raise ValueError(f"no {what}")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # how pandas and JSON write an integer column that has gaps
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"{what} of the wrong type: {_type(value)}")
    if not value.strip():
        raise ValueError(f"no {what}")
    return _storable(value.strip(), what)


def _kept(value: Any, column: str) -> str | None:
    """The value of a column that is carried along, as a text."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str) and not value.strip():
        return None
    if isinstance(value, float) and not value.is_integer():
        return repr(value)
    if isinstance(value, date):
        return _time(value)
    return _name(value, column)


def _time(value: Any) -> str | None:
    """ISO 8601: a time with a zone in UTC, one without as it is; a year or a month stays one."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str):
        text = value.strip()
        if _MONTH.fullmatch(text):
            return text
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"unreadable time: {shown(text)[:60]!r} is not ISO 8601") from None
        return text if _DAY.fullmatch(text) else _moment(moment)
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, date):
        return value.isoformat()
    raise ValueError(f"unreadable time: {_type(value)}")


def _moment(moment: datetime) -> str:
    return moment.isoformat() if moment.tzinfo is None else moment.astimezone(UTC).isoformat()


def _storable(value: str, what: str) -> str:
    if "\0" in value:
        raise ValueError(f"NUL byte: in the {what}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"broken characters: half a surrogate pair in the {what}") from None
    return value


def _type(value: Any) -> str:
    return f"{type(value).__name__} {shown(value)[:60]}"


def _content(record: RawRecord, columns: Columns) -> str:
    names = [name for name in (columns.text, columns.label, columns.time, columns.id) if name is not None]
    names += columns.keep
    parts = {name: record.values.get(name) for name in dict.fromkeys(names)}
    # The shortest first: a long text must not hide the label that is wrong.
    ordered = sorted(parts.items(), key=lambda part: len(str(part[1])))
    return shown("; ".join(f"{name}: {value}" for name, value in ordered))
