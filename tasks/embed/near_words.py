"""The words of the train rows that are near to a word, in a space of word vectors."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tasks.embed import vector_files, word2vec
from tasks.embed.augment import Augment
from tasks.embed.function_words import is_replaceable
from tasks.embed.vocabulary import Sentences
from tasks.progress import log

_MIN_ROWS = 2  # of a word that stands in one row alone, no vector says what it is near to
_WINDOW = 2  # narrow ones find words that can stand for one another (Levy and Goldberg 2014)
_FEWEST_EPOCHS, _FEWEST_WORDS = 20, 200_000  # that training reads; with fewer, neighbours are chance (docs/log.md)


class NearWords:
    """Words that can stand for one another.

    Args:
        words: in lower case.
        vectors: [words, dimensions].
        nearest: near words of each word.
    """

    def __init__(self, words: Sequence[str], vectors: npt.NDArray[np.float32], nearest: int) -> None:
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        self._words, self._places = list(words), {word: place for place, word in enumerate(words)}
        self._units, self._nearest = vectors / np.maximum(lengths, 1e-12), nearest
        self._found: dict[str, list[str]] = {}

    def of(self, word: str) -> list[str]:
        """The near words of a word, in lower case, the nearest (by cosine) first; none of a word that is not known."""
        key = word.lower()
        place = self._places.get(key)
        if place is None:
            return []
        if key not in self._found:
            cosines = self._units @ self._units[place]
            cosines[place] = -np.inf
            order = np.argsort(-cosines, kind="stable")[: min(self._nearest, len(self._words) - 1)]
            self._found[key] = [self._words[other] for other in order]
        return self._found[key]

    def draw(self, word: str, generator: np.random.Generator) -> str:
        """One of the near words of a word that has some, with a capital where the word has one."""
        near = self.of(word)
        drawn = near[int(generator.integers(len(near)))]
        return drawn[:1].upper() + drawn[1:] if word[:1].isupper() else drawn


NONE = NearWords([], np.zeros((0, 1), dtype=np.float32), 1)
"""No word is near to any."""


def learn(sentences: Sentences, params: Augment, file: Path | None, seed: int) -> NearWords:
    """The near words that the train rows, or a file, know of.

    Args:
        sentences: the words of each train text.
        file: where vectors are read from; None to train them.

    Raises:
        BadInput: if the file cannot be used.
    """
    sentences = [[word.lower() for word in sentence] for sentence in sentences]
    words = _words(sentences)
    if not words:
        log("warning: no word stands in two train texts, so that none is known to be near to another")
        return NONE
    if file is None:
        return NearWords(words, _trained(sentences, words, seed), params.nearest)
    vectors, found = vector_files.read(file, params.vectors, words, None)
    log(f"augmentation: {params.vectors} holds {found.sum():,} of {len(found):,} words")
    kept = np.flatnonzero(found)
    return NearWords([words[place] for place in kept], vectors[kept], params.nearest)


def _trained(sentences: Sentences, words: list[str], seed: int) -> npt.NDArray[np.float32]:
    """Vectors [words, 100] of the words, from as many passes as few rows need."""
    epochs = max(_FEWEST_EPOCHS, -(-_FEWEST_WORDS // sum(map(len, sentences))))
    vectors, _ = word2vec.train(
        sentences,
        words,
        dimensions=100,
        architecture="skip_gram",
        window=_WINDOW,
        negative=5,
        epochs=epochs,
        seed=seed,
    )
    return vectors


def _words(sentences: Sentences) -> list[str]:
    """The words that can be replaced, and put in, sorted."""
    rows = Counter(word for sentence in sentences for word in set(sentence))
    return sorted(word for word, count in rows.items() if count >= _MIN_ROWS and is_replaceable(word))
