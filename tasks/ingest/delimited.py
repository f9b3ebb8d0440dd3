"""Files of delimited fields: csv and tsv."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tasks.errors import BadInput
from tasks.ingest.lines import LIMIT, Line, Lines
from tasks.ingest.raw import Item, RawRecord, Rejection, missing_columns, shown

_DELIMITERS = {"csv": ",;\t|", "tsv": "\t"}
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "space"}

_RECORD_LIMIT = 1 << 20
"""The longest record that goes over several lines, in characters: beyond it a quote was never closed."""

_PEEKED = 200
"""Lines that the header may take up."""


@dataclass(frozen=True)
class Dialect:
    """How the fields of a file are told apart; `quote` None means that no character quotes."""

    delimiter: str
    quote: str | None

    def reader(self, lines: Iterator[str]) -> Any:
        """A csv reader that is strict about quotes, so that a broken one is noticed where it stands."""
        if self.quote is None:
            return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE, strict=True)
        return csv.reader(lines, delimiter=self.delimiter, quotechar=self.quote, strict=True)

    def __str__(self) -> str:
        return _NAMES.get(self.delimiter, repr(self.delimiter))


class _Unusable(Exception):
    """The record that is being read cannot be completed."""


class _Feed(Iterator[str]):
    """Hands lines to the csv reader and remembers those of the current record."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.start()

    def start(self) -> None:
        self.held: list[Line] = []
        self.chars = 0

    def __next__(self) -> str:
        line = next(self.lines)
        self.held.append(line)
        self.chars += len(line.text)
        if not line.whole or (len(self.held) > 1 and self.chars > _RECORD_LIMIT):
            raise _Unusable
        return line.text


_OPEN_QUOTE = "broken line: a quote is not closed properly (set ingest.quote to null if quotes are plain characters)"


def records(
    lines: Lines,
    source: str,
    kind: str,
    delimiter: str,
    quote: str | None,
    header: Sequence[str] | None,
    needs: Sequence[str],
    how: dict[str, str],
) -> Iterator[Item]:
    """Reads the records of a csv or tsv file; blank lines are no records.

    A record that cannot be completed (a quote that is never closed, a line above the limit) costs only its first
    line: reading goes on at the next.

    Args:
        kind: csv or tsv.
        delimiter: auto or one character.
        header: the names of the columns where the file has no header line.
        needs: columns that must be there.
        how: receives the delimiter that was chosen.

    Raises:
        BadInput: if the file is empty, or has no usable header, or not the columns that are needed.
    """
    csv.field_size_limit(LIMIT)
    dialect, names = _dialect(lines, source, kind, delimiter, quote, header, needs)
    how["delimiter"] = str(dialect)
    fields_of = _records(lines, dialect)
    if header is None:
        next(fields_of)
    for row, (held, fields, fault) in enumerate(fields_of, start=1):
        first = held[0].number
        reason = fault
        if reason is None and len(fields) != len(names):
            reason = f"broken line: {len(fields)} fields instead of {len(names)}"
        if reason is not None:
            content = "".join(line.text[:1000] for line in held[:10])
            yield Rejection(source, row, first, reason, shown(content.rstrip("\r\n")))
        else:
            yield RawRecord(source, row, first, dict(zip(names, fields, strict=True)))


def _records(lines: Lines, dialect: Dialect) -> Iterator[tuple[list[Line], list[str], str | None]]:
    feed = _Feed(lines)
    reader = dialect.reader(feed)
    while True:
        feed.start()
        fault = None
        fields: list[str] = []
        try:
            fields = next(reader)
        except StopIteration:
            return
        except (csv.Error, _Unusable):
            # Only the first line is given up; those after it may well be records of their own.
            whole = feed.held[0].whole
            fault = _OPEN_QUOTE if whole else f"line too long: more than {LIMIT:,} characters"
            lines.push_back(feed.held[1:])
            feed.held = feed.held[:1]
            reader = dialect.reader(feed)
        if fields or fault:
            if fault is None and any("\0" in line.text for line in feed.held):
                fault = "NUL byte"
            yield feed.held, fields, fault


def _dialect(
    lines: Lines,
    source: str,
    kind: str,
    delimiter: str,
    quote: str | None,
    header: Sequence[str] | None,
    needs: Sequence[str],
) -> tuple[Dialect, list[str]]:
    """The dialect with which the first record holds the columns that are needed, and the names of the columns."""
    peeked = list(islice(lines, _PEEKED))
    lines.push_back(peeked)
    choices = _DELIMITERS[kind] if delimiter == "auto" or kind == "tsv" else delimiter
    found: list[tuple[Dialect, list[str]]] = []
    for choice in choices:
        dialect = Dialect(choice, quote if choice != quote else None)
        first = _first(peeked, dialect)
        if first:
            found.append((dialect, first))
    if not found:
        raise BadInput(source, "a header line", "none that can be read", "Check the file, encoding and quoting.")
    if header is not None:
        if not set(needs) <= set(header):
            raise missing_columns(source, set(needs) - set(header), header)
        return _for_header(source, found, list(header))
    named = [(dialect, _names(first)) for dialect, first in found]
    usable = [(dialect, names) for dialect, names in named if set(needs) <= set(names)]
    if not usable:
        names = max((names for _, names in named), key=len)
        raise missing_columns(source, set(needs) - set(names), names)
    dialect, names = max(usable, key=lambda pair: len(pair[1]))  # the first one, among equals
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(source, "each column name once", f"{', '.join(twice)} twice", "Rename one in the header.")
    return dialect, names


def _for_header(source: str, found: list[tuple[Dialect, list[str]]], header: list[str]) -> tuple[Dialect, list[str]]:
    for dialect, first in found:
        if len(first) == len(header):
            return dialect, header
    counts = ", ".join(f"{len(first)} with {dialect}" for dialect, first in found)
    fix = "Name every column in ingest.header, or declare the delimiter."
    raise BadInput(source, f"{len(header)} fields a line, as in ingest.header", counts, fix)


def _first(peeked: list[Line], dialect: Dialect) -> list[str]:
    reader = dialect.reader(line.text for line in peeked)
    try:
        return next((fields for fields in reader if fields), [])
    except csv.Error:
        return []


def _names(first: list[str]) -> list[str]:
    names = [name.strip() for name in first]
    return [name or f"column_{number}" for number, name in enumerate(names, start=1)]
