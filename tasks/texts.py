"""Files of texts without labels."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from tasks import links
from tasks.errors import BadInput
from tasks.files import read_json

_COLUMN = "text"


def _check(value: list[str]) -> list[str]:
    endings = (".txt", ".csv", ".jsonl", ".parquet")
    if any("://" in one or one.startswith("hub:") or not one.endswith(endings) for one in value):
        raise ValueError(f"files or globs of files on this machine that end in {', '.join(endings)}")
    return value


Patterns = Annotated[list[str], AfterValidator(_check)]
"""Files, or globs of files, as a parameter declares them."""


def linked(root: Path, folder: Path, declared: Sequence[str]) -> list[Path]:
    """The files that a parameter declares, through the links that DVC looks at, in the order of the declaration.

    Args:
        folder: of the links, within the workspace.

    Raises:
        BadInput: if the links are not those to the files that are declared and there now.
    """
    index = root / folder / links.INDEX
    listed: dict[str, list[str]] = read_json(index) if index.is_file() else {}
    files = []
    for pattern in dict.fromkeys(declared):
        there = [root / folder / name for name in listed.get(pattern, [])]
        found = links.matching(root, pattern)
        if [file.resolve() for file in there] != [file.resolve() for file in found] or not there:
            raise BadInput(str(folder), f"links to the files of {pattern}", "other links, or none", links.REFRESH)
        files += there
    return list({file.resolve(): file for file in files}.values())


def read(file: Path) -> Iterator[str]:
    """Yields the texts of one file; a missing value is an empty text.

    Raises:
        BadInput: if a row cannot be read, or there is no column `text`.
    """
    name, kind = file.name, file.suffix
    try:
        if kind == ".parquet":
            yield from _parquet(file, name)
            return
        with file.open(encoding="utf-8-sig", newline="" if kind == ".csv" else None) as lines:
            if kind == ".csv":
                yield from _delimited(csv.DictReader(lines, strict=True), name)
            elif kind == ".jsonl":
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield _value(line, f"{name}, line {number}")
            else:
                yield from (line.rstrip("\n") for line in lines)
    except UnicodeDecodeError as error:
        raise BadInput(name, "text in UTF-8", f"byte {error.start} of another encoding", "Convert the file.") from None


def _delimited(rows: "csv.DictReader[str]", name: str) -> Iterator[str]:
    try:
        if _COLUMN not in (rows.fieldnames or []):
            raise _no_column(name, list(rows.fieldnames or []))
        for row in rows:
            yield row[_COLUMN] or ""
    except csv.Error as error:
        fix = "Correct that line, or save the texts as .jsonl."
        raise BadInput(f"{name}, line {rows.reader.line_num}", "a row of a CSV file", str(error), fix) from None


def _value(line: str, where: str) -> str:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise BadInput(where, "a JSON object", str(error), "Correct that line.") from None
    text = row.get(_COLUMN, False) if isinstance(row, dict) else False
    if text is not None and not isinstance(text, str):
        raise BadInput(where, f"a JSON object with a text in `{_COLUMN}`", "none", "Correct that line.")
    return text or ""


def _parquet(file: Path, name: str) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(file)
    except pa.ArrowInvalid as error:
        raise BadInput(name, "a Parquet file", " ".join(str(error).split()), "Write it anew.") from None
    if _COLUMN not in table.schema_arrow.names:
        raise _no_column(name, table.schema_arrow.names)
    kind = table.schema_arrow.field(_COLUMN).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise BadInput(f"{name}, column {_COLUMN}", "a column of strings", str(kind), "Write it anew.")
    for batch in table.iter_batches(columns=[_COLUMN]):
        yield from (text or "" for text in batch.column(0).to_pylist())


def _no_column(name: str, columns: list[str]) -> BadInput:
    found = ", ".join(columns) or "no column"
    return BadInput(name, f"a column `{_COLUMN}`", found, "Name the column of texts so.")
