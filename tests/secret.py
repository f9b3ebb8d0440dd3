"""A search for a word in whatever files a stage writes, whichever way they hold it."""

import gzip
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import zstandard

_PIECE = 5  # characters; a piece as long as this says as much as the whole word: terms hold pieces of words
_ENCODINGS = ("utf-8", "utf-16-le", "utf-32-le")  # NumPy's arrays of text hold the last
_GZIP, _ZSTD, _ZIP, _PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"PAR1"


def found(word: str, folder: Path) -> list[str]:
    """The files below a folder that hold the word, or a piece of it, in any case; packed ones are unpacked."""
    pieces = {word[start : start + _PIECE].lower() for start in range(len(word) - _PIECE + 1)}
    needles = [piece.encode(encoding) for piece in sorted(pieces) for encoding in _ENCODINGS]
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [file.relative_to(folder).as_posix() for file in files if _holds(file.read_bytes(), needles)]


def _holds(content: bytes, needles: list[bytes]) -> bool:
    return any(needle in part for part in _unpacked(content) for needle in needles)


def _unpacked(content: bytes) -> Iterator[bytes]:
    """The content in lower case, and that of all that is packed in it."""
    yield content.lower()
    if content.startswith(_PARQUET):
        # What Parquet's own statistics and dictionaries hold is in the columns too.
        yield repr(pq.read_table(io.BytesIO(content)).to_pydict()).encode().lower()
    elif content.startswith(_ZIP):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield name.lower().encode()
                yield from _unpacked(archive.read(name))
    elif content.startswith(_GZIP):
        yield from _unpacked(gzip.decompress(content))
    elif content.startswith(_ZSTD):
        yield from _unpacked(zstandard.ZstdDecompressor().decompressobj().decompress(content))
