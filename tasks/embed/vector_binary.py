"""Word vectors in word2vec's binary form: a word, a space, and its values as 32-bit floats (little-endian)."""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from tasks.embed import vector_text
from tasks.embed.wanted import Wanted
from tasks.errors import BadInput

_CHUNK = 1 << 20  # bytes
_LONGEST_WORD = 2000  # bytes
_FIX = "Get the file anew, or declare another one."


def is_binary(stream: BinaryIO, size: int) -> bool:
    """Whether what follows the header is no line of text; does not move the stream on."""
    place = stream.tell()
    line = stream.readline(_CHUNK)
    stream.seek(place)
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return True
    # A line of text may be wrong, too: it is one if its characters are.
    return not vector_text.is_line(line, size) and any(character < " " for character in text.rstrip())


def records(stream: BinaryIO, name: str, size: int, wanted: Wanted, count: int) -> Iterator[int]:
    """Reads `count` vectors of `size` values and gives those that are wanted to `wanted`.

    Yields:
        The number of vectors read so far.

    Raises:
        BadInput: if the file ends too early or too late, or something in it cannot be a word or a value.
    """
    buffer, start = b"", 0
    for done in range(count):
        where = f"{name}: vector {done + 1:,} of {count:,}"
        end = buffer.find(b" ", start)
        while end < 0 or len(buffer) <= end + 4 * size:
            if end < 0 and len(buffer) - start > _LONGEST_WORD:
                raise BadInput(where, "a word and a space", f"no space in {_LONGEST_WORD:,} bytes", _FIX)
            more = stream.read(_CHUNK)
            if not more:
                found = f"the end of the file after {done:,} whole ones"
                raise BadInput(where, f"{count:,} vectors of {size} values, as its first line says", found, _FIX)
            buffer, start = buffer[start:] + more, 0
            end = buffer.find(b" ")
        word = buffer[start:end].lstrip(b"\n")
        if word in wanted:
            wanted.put(word, _parsed(buffer, end + 1, size, f"{where} ({word.decode(errors='replace')})"))
        start = end + 1 + 4 * size
        yield done + 1
    if (buffer[start:] + stream.read(_CHUNK)).strip():
        raise BadInput(name, f"{count:,} vectors of {size} values, as its first line says", "more than these", _FIX)


def _parsed(buffer: bytes, start: int, size: int, where: str) -> npt.NDArray[np.float32]:
    vector: npt.NDArray[np.float32] = np.frombuffer(buffer, "<f4", size, start).astype(np.float32)
    if not np.isfinite(vector).all():
        odd = float(vector[int(np.isfinite(vector).argmin())])
        raise BadInput(where, "finite values", repr(odd), _FIX)
    return vector
