"""Finds near duplicates: candidates by MinHash, then each pair checked exactly."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it takes long to import, and most that can import this have no need of it
    from datasketch import MinHash

_PERMUTATIONS = 128
_MISSED = 1e-6
_PIECE = 4096


@dataclass(frozen=True, slots=True)
class Sketch:
    """A text, the number of its distinct shingles, and its MinHash."""

    text: str
    size: int
    hashes: "MinHash"


class NearIndex:
    """Texts, findable by those that resemble them.

    MinHash with locality-sensitive hashing (Leskovec et al., Mining of Massive Datasets, 3.4) proposes pairs; what
    counts is the exact Jaccard similarity of their sets of character shingles. A pair at the threshold is missed
    with a probability below 1e-6, one above it still more rarely.

    Args:
        threshold: the Jaccard similarity from which texts are near duplicates.
        shingle: characters a shingle; a shorter text is a shingle of its own.
        seed: of the hash functions.
    """

    def __init__(self, threshold: float, shingle: int, seed: int = 1) -> None:
        from datasketch import MinHash, MinHashLSH

        self._threshold = threshold
        self._empty = MinHash(num_perm=_PERMUTATIONS, seed=seed)
        self._lsh = MinHashLSH(num_perm=_PERMUTATIONS, params=bands(threshold, _PERMUTATIONS))
        self._texts: dict[int, tuple[str, int]] = {}
        self._shingles = lru_cache(maxsize=8192)(lambda text: _shingles(text, shingle))

    def sketch(self, text: str) -> Sketch:
        """What `near` and `add` need of a text."""
        shingles = self._shingles(text)
        hashes = self._empty.copy()
        encoded = [shingle.encode() for shingle in shingles]
        for start in range(0, len(encoded), _PIECE):  # a long text at once would take 128 numbers a shingle
            hashes.update_batch(encoded[start : start + _PIECE])
        return Sketch(text, len(shingles), hashes)

    def near(self, sketch: Sketch) -> list[int]:
        """The numbers of the added texts that are near duplicates of this one, in ascending order."""
        own = self._shingles(sketch.text)
        found = []
        for number in sorted(self._lsh.query(sketch.hashes)):
            text, size = self._texts[number]
            if min(size, sketch.size) < self._threshold * max(size, sketch.size):
                continue  # sets of such different sizes cannot be so similar
            shared = len(own & self._shingles(text))
            if shared >= self._threshold * (size + sketch.size - shared):
                found.append(number)
        return found

    def add(self, number: int, sketch: Sketch) -> None:
        """Adds a text under a number."""
        self._lsh.insert(number, sketch.hashes)
        self._texts[number] = (sketch.text, sketch.size)


def bands(threshold: float, permutations: int) -> tuple[int, int]:
    """The number of bands, and of rows a band, that propose the fewest pairs and still miss hardly any.

    A pair of similarity s is missed with probability (1 - s^rows)^bands.
    """
    for rows in range(permutations // 2, 0, -1):  # the library wants two bands or more
        count = permutations // rows
        if (1 - threshold**rows) ** count <= _MISSED:
            return count, rows
    raise AssertionError("one row a band misses next to nothing at thresholds of 0.5 and above")


def _shingles(text: str, length: int) -> frozenset[str]:
    return frozenset(text[i : i + length] for i in range(max(1, len(text) - length + 1)))
