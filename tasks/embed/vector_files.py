"""Word vectors from a file of GloVe or word2vec, read in constant memory.

The form is told from the content: word2vec's files start with a line of two numbers (words, dimensions), which lines of
text or binary records follow; GloVe's start with the first word at once. Each may be packed with gzip.
"""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from tasks.embed import vector_binary, vector_text
from tasks.embed.wanted import Wanted
from tasks.errors import BadInput
from tasks.progress import Progress

_REPORT_EVERY = 10_000  # vectors
_FIX = "Get the file anew, or declare another one."


def read(
    file: Path, name: str, words: Sequence[str], dimensions: int | None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Reads the vectors of some words.

    A word that is not in the file gets the vector of its lower-case form, if that is there. Of a word that the file
    holds twice, the first vector counts. Only the vectors that are wanted are checked for odd values.

    Args:
        name: how the user calls the file, for messages.
        dimensions: that the file must have, None if that does not matter.

    Returns:
        Vectors [words, dimensions], zeros where there is none, and [words] whether there is one.

    Raises:
        BadInput: if the file is missing, of another form or broken, has other dimensions, or holds none of the words.
    """
    wanted = Wanted(words)
    with _opened(file, name) as stream:
        header, start = vector_text.first_line(stream, name)
        size = header.dimensions if header else vector_text.dimensions(start, name)
        if dimensions is not None and size != dimensions:
            fix = "Correct or leave out `dimensions` of the feature set, or declare another file."
            raise BadInput(name, f"vectors of {dimensions} dimensions, as declared", f"{size} dimensions", fix)
        wanted.open(size)
        if header is None:
            records = vector_text.records(stream, name, size, wanted, None, start)
        else:
            binary = vector_binary.is_binary(stream, size)
            records = (vector_binary if binary else vector_text).records(stream, name, size, wanted, header.count)
        progress = Progress(f"reading {name}", header.count if header else None, "vectors")
        done = 0
        for done in records:
            if done % _REPORT_EVERY == 0:
                progress.update(done)
        progress.update(done, found=int(wanted.found.sum()))
    if not wanted.found.any():
        fix = "Is it of another language, or are the `rules` of the feature set not those that it was made with?"
        raise BadInput(name, "vectors of words of the train rows", f"none in {done:,} vectors", fix)
    return wanted.vectors, wanted.found


@contextmanager
def _opened(file: Path, name: str) -> Iterator[BinaryIO]:
    try:
        with file.open("rb") as plain:
            magic = plain.peek(4)[:4]
            if magic.startswith(b"PK\x03\x04"):
                raise BadInput(name, "word vectors, plain or packed with gzip", "a zip archive", "Unpack it.")
            if not magic.startswith(b"\x1f\x8b"):
                yield plain
                return
            with gzip.open(plain) as unpacked:
                yield unpacked  # type: ignore[misc]  # a buffered binary stream in all but name
    except FileNotFoundError:
        raise BadInput(
            name, "a file of word vectors", "no such file", "Correct `vectors` of the feature set."
        ) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(name, "a whole gzip file", str(error), _FIX) from None
