"""Tables that people open in a spreadsheet program, fill in and save again: CSV as such programs want and leave it.

They read a file as UTF-8 only where it begins with a byte order mark, take a cell that begins with `=`, `+`, `-` or `@`
for a formula, and save with the delimiter of the country that they are set to; some name it in a line before all
others, as `sep=;`.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tasks.errors import BadInput

_DELIMITERS = (",", ";", "\t")
_LONGEST = 1 << 22  # characters of a cell; a text has a million at most
# The line may end in delimiters, where a program has taken it for a row.
_NAMED_DELIMITER = re.compile(r'"?sep=(?P<delimiter>[^"\r\n])"?(?P=delimiter)*(\r\n|\n|\Z)', re.IGNORECASE)
# Apostrophes of the cell's own are counted among those before it, so that taking one away gives back what was there.
_FORMULA, _GUARDED = re.compile(r"'*[=+\-@\t\r]"), re.compile(r"'+[=+\-@\t\r]")


def write(path: Path, columns: Sequence[str], lines: Iterable[Sequence[str | int | float]]) -> None:
    """Writes a table; a text that would be taken for a formula gets an apostrophe before it."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_guarded(cell) if isinstance(cell, str) else cell for cell in line] for line in lines)


def read(file: Path, name: str, needs: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields the line on which each row ends, and its cells by column; cells that are missing at its end are empty.

    Args:
        name: of the file, as errors give it.
        needs: columns that must be there. Their line tells the delimiter (comma, semicolon or tab), unless one above
            does.

    Raises:
        BadInput: if it is no such table.
    """
    csv.field_size_limit(_LONGEST)
    text = _decoded(file, name)
    named = _NAMED_DELIMITER.match(text)
    above, delimiter = (1, named["delimiter"]) if named else (0, _delimiter(text))
    lines = io.StringIO(text[named.end() :] if named else text, newline="")
    table = csv.DictReader(lines, restval="", strict=True, delimiter=delimiter)
    try:
        table.fieldnames = columns = [column.strip() for column in table.fieldnames or []]
        _check_columns(name, columns, needs)
        for row in table:
            line = table.reader.line_num + above
            if any(row.pop(None, [])):  # where csv puts fields beyond the last column
                where, fix = f"{name}, line {line}", "Put quotes round texts that hold the delimiter."
                raise BadInput(where, f"{len(columns)} fields, as in the first line", "more", fix)
            yield line, {column: _meant(cell) for column, cell in row.items()}
    except csv.Error as error:
        where = f"{name}, line {table.reader.line_num + above}"
        raise BadInput(where, "a row of a CSV file", str(error), "Correct its quotes, or save the file anew.") from None


def _guarded(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _meant(cell: str) -> str:
    return cell[1:] if _GUARDED.match(cell) else cell


def _decoded(file: Path, name: str) -> str:
    content = file.read_bytes()
    codec = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return content.decode(codec)
    except UnicodeDecodeError as error:
        found, fix = f"byte {error.start} of another encoding", "Save it as CSV in UTF-8."
        raise BadInput(name, "text in UTF-8", found, fix) from None


def _delimiter(text: str) -> str:
    """The delimiter that divides the first line into the most columns; the first one among equals."""
    first = text.partition("\n")[0]
    return max(_DELIMITERS, key=first.count)


def _check_columns(name: str, columns: Sequence[str], needs: Sequence[str]) -> None:
    missing = [column for column in needs if column not in columns]
    if missing:
        found = ", ".join(columns) or "no column"
        raise BadInput(name, f"the columns {', '.join(needs)}", found, "Correct its first line.")
    twice = [column for column in dict.fromkeys(columns) if column and columns.count(column) > 1]
    if twice:
        raise BadInput(name, "each column once", f"{', '.join(twice)} twice", "Take one of them out.")
