"""Word vectors as lines of text: a word, then its values."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from tasks.embed.wanted import Wanted
from tasks.errors import BadInput

_LONGEST_LINE = 1 << 20  # bytes; 4,096 values of 20 characters take a tenth of it
_NUMBER = re.compile(rb"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(nan|inf|infinity)", re.IGNORECASE)
_HEADER = re.compile(rb"\s*(\d+) +(\d+)\s*")
_FORMS = "word vectors of GloVe or word2vec"
_FIX = "Get the file anew, or declare another one."


@dataclass(frozen=True)
class Header:
    """The first line of a file of word2vec."""

    count: int
    dimensions: int


def first_line(stream: BinaryIO, name: str) -> tuple[Header | None, bytes]:
    """Reads the first line of a file: its header, or the first vector.

    Raises:
        BadInput: if it is neither.
    """
    line = stream.readline(_LONGEST_LINE)
    match = _HEADER.fullmatch(line)
    if match and int(match[1]) > 0 and int(match[2]) > 1:
        return Header(int(match[1]), int(match[2])), line
    if not line.endswith(b"\n") and len(line) == _LONGEST_LINE:
        raise BadInput(name, _FORMS, "no line in the first MiB", _FIX)
    return None, line


def dimensions(line: bytes, name: str) -> int:
    """The number of values in a line whose word may hold spaces.

    Raises:
        BadInput: if there are not at least a word and two values.
    """
    fields = line.rstrip().split(b" ")
    values = 0
    while values < len(fields) - 1 and _NUMBER.fullmatch(fields[-1 - values]):
        values += 1
    if values < 2:
        found = repr(line[:60].decode(errors="replace").rstrip()) if line else "an empty file"
        raise BadInput(f"{name}: line 1", _FORMS, found, _FIX)
    return values


def is_line(line: bytes, size: int) -> bool:
    """Whether a line ends in `size` numbers behind a word."""
    fields = line.rstrip().split(b" ")
    return len(fields) > size and all(_NUMBER.fullmatch(field) for field in fields[-size:])


def records(
    stream: BinaryIO, name: str, size: int, wanted: Wanted, count: int | None, start: bytes | None = None
) -> Iterator[int]:
    """Reads vectors line by line and gives those that are wanted to `wanted`.

    Args:
        size: values of each vector.
        count: vectors that the header tells of, None without a header.
        start: a line that was read already.

    Yields:
        The number of vectors read so far.

    Raises:
        BadInput: if a line has another number of values, a wanted one has values that are no finite numbers, or there
            are not `count` lines.
    """
    line = stream.readline(_LONGEST_LINE) if start is None else start
    number, done = 1 if start is not None else 2, 0
    while line:
        line = line.rstrip()
        if line:
            word, values = _split(line, size, f"{name}: line {number:,}")
            if word in wanted:
                wanted.put(word, _parsed(values, f"{name}: line {number:,}"))
            done += 1
            yield done
        line, number = stream.readline(_LONGEST_LINE), number + 1
    if count is not None and done != count:
        raise BadInput(name, f"{count:,} vectors, as its first line says", f"{done:,}", _FIX)


def _split(line: bytes, size: int, where: str) -> tuple[bytes, bytes]:
    """The word and the values of a line; some words of GloVe's largest files hold spaces."""
    spaces = line.count(b" ")
    if spaces == size:
        word, _, values = line.partition(b" ")
        return word, values
    parts = line.rsplit(b" ", size)
    surplus = line.split(b" ")[1:-size]
    # A word of several parts is possible, but a number before the values is one value too many.
    if spaces < size or any(_NUMBER.fullmatch(part) for part in surplus):
        raise BadInput(where, f"a word and {size} values, as in the lines before", f"{spaces} values", _FIX)
    return parts[0].rstrip(), b" ".join(parts[1:])


def _parsed(values: bytes, where: str) -> npt.NDArray[np.float32]:
    fields = values.split(b" ")
    odd = next((field for field in fields if not _NUMBER.fullmatch(field)), None)
    if odd is not None:
        raise BadInput(where, "values that are numbers", repr(odd.decode(errors="replace")), _FIX)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
        vector = np.array([float(field) for field in fields], dtype=np.float32)
    if not np.isfinite(vector).all():
        raise BadInput(where, "finite values", repr(fields[int(np.isfinite(vector).argmin())].decode()), _FIX)
    return vector
