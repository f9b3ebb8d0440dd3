"""The lines of a text file, numbered, with a limit on what is held of each."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from typing import Self

from tasks.ingest.places import Place
from tasks.ingest.streams import open_bytes

LIMIT = 16 * 2**20
"""The longest line that is held, in characters."""

_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Line:
    """One physical line.

    Attributes:
        number: the first one is 1.
        text: with its line break.
        whole: False for a line above the limit, of which `text` is only the beginning.
    """

    number: int
    text: str
    whole: bool = True

    @property
    def bare(self) -> str:
        """The text without its line break."""
        return self.text.rstrip("\r\n")


class Lines(Iterator[Line]):
    """Reads a text file line by line; lines can be given back.

    Lines end with `\\n`, `\\r\\n` or `\\r`. A line above the limit is skipped without being held whole.

    Args:
        place: a local file.
        encoding: a Python codec that is known to fit the whole file.
        limit: the longest line that is held, in characters.
    """

    def __init__(self, place: Place, encoding: str, limit: int = LIMIT) -> None:
        self._file = TextIOWrapper(open_bytes(place), encoding=encoding, newline="")
        self._limit = limit
        self._number = 0
        self._back: deque[Line] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __next__(self) -> Line:
        if self._back:
            return self._back.popleft()
        text = self._file.readline(self._limit)
        if not text:
            raise StopIteration
        self._number += 1
        if self._number == 1:
            text = text.removeprefix("\ufeff")  # where the declared codec leaves the byte order mark in
        if len(text) < self._limit or text.endswith(("\n", "\r")):
            return Line(self._number, text)
        self._skip_rest()
        return Line(self._number, text[:1000], whole=False)

    def push_back(self, lines: Iterable[Line]) -> None:
        """Gives lines back, to be read again next, in the order given."""
        self._back.extendleft(reversed(list(lines)))

    def _skip_rest(self) -> None:
        while piece := self._file.readline(_PIECE):
            if piece.endswith(("\n", "\r")):
                return
