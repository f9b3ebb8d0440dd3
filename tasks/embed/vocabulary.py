"""The words of a text, and the vocabulary of the train rows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tasks.errors import BadInput

WORD = r"\w+(?=n['’]t\b)|n['’]t\b|['’](?:s|m|d|re|ve|ll)\b|\w+|[^\w\s]"  # noqa: RUF001 - a curly apostrophe
"""A word, in the syntax that Python's `re` and the library tokenizers share: a run of letters, digits and `_`; or a
single character that is neither these nor white space. English contractions are cut as in the Penn Treebank (`do n't`,
`it 's`), because the published word vectors know them so."""

PADDING, UNKNOWN = "[PAD]", "[UNK]"
"""What ids 0 and 1 are called. `WORD` finds neither in a text: brackets are characters of their own."""

Sentences = list[list[str]]


@dataclass(frozen=True)
class Vocabulary:
    """Words that have vectors, and how often they stand in the train rows.

    Attributes:
        words: without `PADDING` and `UNKNOWN`.
        counts: how often each word stands there.
        tokens: how many words of any kind stand there.
    """

    words: list[str]
    counts: list[int]
    tokens: int


def build(sentences: Sentences, min_rows: int, max_words: int | None) -> Vocabulary:
    """The vocabulary of the train rows, the most frequent word first; equally frequent ones by their characters.

    Args:
        min_rows: rows that must hold a word.
        max_words: the most words that are taken; None for all.

    Raises:
        BadInput: if no word is left.
    """
    rows = Counter(word for sentence in sentences for word in set(sentence))
    counts = count(sentences)
    words = sorted((word for word in counts if rows[word] >= min_rows), key=lambda word: (-counts[word], word))
    if not words:
        fix = "Lower `min_rows` of the feature set, or give more rows."
        raise BadInput("the train texts", f"words that stand in {min_rows} rows or more", "none", fix)
    words = words[:max_words]
    return Vocabulary(words, [counts[word] for word in words], counts.total())


def count(sentences: Sentences) -> Counter[str]:
    """How often each word stands in the texts."""
    return Counter(word for sentence in sentences for word in sentence)


def shared(sentences: Iterable[Sequence[str]]) -> Sentences:
    """The same texts, with one string object a word, which takes a fraction of the memory."""
    known: dict[str, str] = {}
    return [[known.setdefault(word, word) for word in sentence] for sentence in sentences]
