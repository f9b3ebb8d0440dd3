"""JSON: one object a line, or one array of objects."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any, Self

import ijson

from tasks.errors import BadInput
from tasks.ingest.lines import LIMIT, Line, Lines
from tasks.ingest.places import Place
from tasks.ingest.raw import Item, RawRecord, Rejection, shown
from tasks.ingest.streams import open_bytes


def line_records(lines: Lines, source: str) -> Iterator[Item]:
    """Reads JSON Lines: one object a line; blank lines are no records."""
    return each_line(lines, source, _object)


def each_line(lines: Lines, source: str, parse: Callable[[str], dict[str, Any]]) -> Iterator[Item]:
    """Reads a file that holds one record a line; blank lines are no records.

    Args:
        parse: turns a line into its columns, or raises ValueError with the reason why it cannot.
    """
    row = 0
    for line in lines:
        text = line.bare
        if not text.strip():
            continue
        row += 1
        try:
            values = parse(_usable(line))
        except ValueError as error:
            yield Rejection(source, row, line.number, str(error), shown(text))
        else:
            yield RawRecord(source, row, line.number, values)


def array_records(place: Place, encoding: str) -> Iterator[Item]:
    """Reads the objects of a JSON file: of its top-level array, or of the first array of objects inside it.

    Raises:
        BadInput: if the file is no JSON, or has no such array. (A broken place cannot be stepped over, as
            nothing tells where the next object starts.)
    """
    try:
        prefix = _array(place, encoding)
        if prefix is None:
            fix = "Write an array of objects, or JSON Lines."
            raise BadInput(place.name, "an array of objects", "JSON without one", fix)
        with _Utf8(place, encoding) as file:
            for row, value in enumerate(ijson.items(file, prefix, use_float=True), start=1):
                if isinstance(value, dict):
                    yield RawRecord(place.name, row, None, value)
                else:
                    yield Rejection(place.name, row, None, f"not an object: {_kind(value)}", shown(value))
    except ijson.JSONError as error:
        found = " ".join(str(error).split())
        fix = "Correct it; if each line is an object of its own, declare ingest.format: jsonl."
        raise BadInput(place.name, "valid JSON", found[:200], fix) from None


def one_object_a_line(lines: Lines) -> bool:
    """Whether a `.json` file is JSON Lines after all: two lines that are whole objects."""
    seen = 0
    for line in lines:
        if not line.bare.strip():
            continue
        try:
            _object(_usable(line))
        except ValueError:
            return False
        seen += 1
        if seen == 2:
            return True
    return False


def _usable(line: Line) -> str:
    if not line.whole:
        raise ValueError(f"line too long: more than {LIMIT:,} characters")
    if "\0" in line.text:
        raise ValueError("NUL byte")
    return line.bare


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"broken line: no valid JSON ({error.msg} at character {error.pos + 1})") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; thousands of brackets
        raise ValueError(f"broken line: JSON out of all proportion ({error})") from None
    if not isinstance(value, dict):
        raise ValueError(f"not an object: {_kind(value)}")
    return value


def _kind(value: object) -> str:
    names = {list: "an array", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def _array(place: Place, encoding: str) -> str | None:
    """The ijson prefix of the members of the first array of objects."""
    opened = False
    with _Utf8(place, encoding) as file:
        for number, (prefix, event, _) in enumerate(ijson.parse(file)):
            if number == 0 and event == "start_array":
                return "item"
            if opened and event == "start_map":
                return str(prefix)
            opened = event == "start_array"
    return None


class _Utf8:
    """A text file in any encoding as UTF-8 bytes, which is what ijson reads."""

    def __init__(self, place: Place, encoding: str) -> None:
        self._text = io.TextIOWrapper(open_bytes(place), encoding=encoding, newline="")
        self._start = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._text.close()

    def read(self, size: int = -1) -> bytes:
        piece = self._text.read(size)
        if self._start:  # a byte order mark, where the declared codec leaves it in
            piece, self._start = piece.removeprefix("\ufeff"), size == 0  # ijson first asks for nothing
        return piece.encode()
