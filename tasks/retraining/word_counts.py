"""The words of earlier and of new rows, counted."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.rules import Rules
from tasks.scores import Ints

_CELLS = 4_000_000  # words times draws held at once: about 100 MB at the peak
# Letters alone: dates and numbers of tickets are new every day, and say nothing.
_WORD = re.compile(r"[^\W\d_]+")
_RULES = Rules(lower=True, full_width=True, segment="auto")


@dataclass(frozen=True)
class WordCounts:
    """How often each word stands in each row.

    Attributes:
        words: sorted; at least one.
        before: a sparse matrix [earlier rows, words].
        after: a sparse matrix [new rows, words].
    """

    words: list[str]
    before: Any
    after: Any


def count(before: Sequence[str], after: Sequence[str]) -> WordCounts | None:
    """Counts words: runs of letters in lower case, Chinese cut into words; None if there is no word at all."""
    from sklearn.feature_extraction.text import CountVectorizer

    rows = [words_of(text) for text in [*before, *after]]
    if not any(rows):
        return None
    vectorizer = CountVectorizer(analyzer=list)
    matrix = vectorizer.fit_transform(rows)
    matrix.sort_indices()
    names = [str(word) for word in vectorizer.get_feature_names_out()]
    return WordCounts(names, matrix[: len(before)], matrix[len(before) :])


def totals(side: Any) -> Ints:
    """The sum over the rows of a matrix [rows, words]: [words, 1]."""
    sums: Ints = np.asarray(side.sum(axis=0), dtype=np.int64).reshape(-1, 1)
    return sums


def widths(words: int, draws: int) -> Iterator[int]:
    """How many of the draws are made at a time."""
    some = max(1, _CELLS // words)
    return (min(some, draws - start) for start in range(0, draws, some))


def permuted(before: Any, after: Any, draws: int, random: np.random.Generator) -> Iterator[Ints]:
    """The sums over the new rows where rows have changed sides at random, [words, some of the draws] at a time.

    The words of a row stay together, as they are not independent.

    Args:
        before: of the earlier rows, sparse [rows, words].
        after: of the new rows.
    """
    from scipy import sparse

    pooled = sparse.vstack([before, after]).astype(np.int64).T.tocsr()
    sides = np.repeat([0, 1], [before.shape[0], after.shape[0]])
    for width in widths(pooled.shape[0], draws):
        yield pooled @ random.permuted(np.tile(sides[:, None], width), axis=0)


def words_of(text: str) -> list[str]:
    """The words of a text, in their order."""
    return _WORD.findall(_RULES.apply(text))
