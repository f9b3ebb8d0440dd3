"""The words whose vectors are looked for in a file, and what was found of them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_LOWER, _EXACT = 1, 2


class Wanted:
    """Words as a file holds them (UTF-8), so that nothing else of it need be decoded.

    Attributes:
        vectors: float32 [words, dimensions], once `open` was called.
    """

    vectors: npt.NDArray[np.float32]

    def __init__(self, words: Sequence[str]) -> None:
        self._exact = {word.encode(): place for place, word in enumerate(words)}
        self._lower: dict[bytes, list[int]] = {}
        for place, word in enumerate(words):
            if word.lower() != word:
                self._lower.setdefault(word.lower().encode(), []).append(place)
        self._how = np.zeros(len(words), dtype=np.int8)

    def open(self, dimensions: int) -> None:
        """Makes room for vectors of so many dimensions."""
        self.vectors = np.zeros((len(self._how), dimensions), dtype=np.float32)

    def __contains__(self, word: bytes) -> bool:
        return word in self._exact or word in self._lower

    @property
    def found(self) -> npt.NDArray[np.bool_]:
        """Whether each word has a vector, its own or that of its lower-case form."""
        return self._how > 0

    def put(self, word: bytes, vector: npt.NDArray[np.float32]) -> None:
        """Takes the vector of a word of the file, unless it was there before."""
        place = self._exact.get(word)
        if place is not None and self._how[place] < _EXACT:
            self.vectors[place], self._how[place] = vector, _EXACT
        for other in self._lower.get(word, ()):
            if self._how[other] < _LOWER:
                self.vectors[other], self._how[other] = vector, _LOWER
