"""The ways to alter a text without changing what it is about.

All have one form: they take the text's parts, which they change, how many words to change, the near words, and what
draws; they say whether there was anything to change.
"""

from collections.abc import Callable

import numpy as np

from tasks.embed.near_words import NearWords
from tasks.embed.phrase import Phrase, is_latin

_SHORTEST = 3  # letters of a word that stays readable when one of them changes

Alteration = Callable[[Phrase, int, NearWords, np.random.Generator], bool]


def swap(phrase: Phrase, count: int, near: NearWords, generator: np.random.Generator) -> bool:
    """Lets pairs of words change places until so many words have moved, and one pair at least."""
    if len(phrase.words) < 2:
        return False
    for _ in range(-(-count // 2)):
        one, other = generator.choice(len(phrase.words), 2, replace=False)
        phrase.words[one], phrase.words[other] = phrase.words[other], phrase.words[one]
    return True


def delete(phrase: Phrase, count: int, near: NearWords, generator: np.random.Generator) -> bool:
    """Takes words out; one is always left."""
    count = min(count, len(phrase.words) - 1)
    if count < 1:
        return False
    for place in sorted(_places(len(phrase.words), count, generator), reverse=True):
        phrase.take_out(place)
    return True


def insert(phrase: Phrase, count: int, near: NearWords, generator: np.random.Generator) -> bool:
    """Puts words in, each of them near to a word of the text, somewhere between the text's words."""
    known = [word for word in phrase.words if near.of(word)]
    for _ in range(count if known else 0):
        drawn = near.draw(known[generator.integers(len(known))], generator)
        # Not before the first word, where nothing says whether words are spaced; unless there is no other place.
        phrase.put_in(int(generator.integers(min(1, len(phrase.words) - 1), len(phrase.words))), drawn)
    return bool(known)


def synonyms(phrase: Phrase, count: int, near: NearWords, generator: np.random.Generator) -> bool:
    """Puts near words in the place of words."""
    known = [place for place, word in enumerate(phrase.words) if near.of(word)]
    for number in _places(len(known), count, generator):
        phrase.words[known[number]] = near.draw(phrase.words[known[number]], generator)
    return bool(known)


def characters(phrase: Phrase, count: int, near: NearWords, generator: np.random.Generator) -> bool:
    """Puts a slip of the pen into words of Latin letters."""
    latin = [place for place, word in enumerate(phrase.words) if len(word) >= _SHORTEST and is_latin(word)]
    for number in _places(len(latin), count, generator):
        phrase.words[latin[number]] = _slip(phrase.words[latin[number]], generator)
    return bool(latin)


def _slip(word: str, generator: np.random.Generator) -> str:
    """The word with two neighbouring letters exchanged, one letter left out, or one doubled."""
    at, kind = int(generator.integers(len(word) - 1)), int(generator.integers(3))
    middle = (word[at + 1] + word[at], word[at + 1], word[at] + word[at : at + 2])[kind]
    return word[:at] + middle + word[at + 2 :]


def _places(size: int, count: int, generator: np.random.Generator) -> list[int]:
    """So many different numbers below `size`, or all of them."""
    return [int(place) for place in generator.choice(size, min(count, size), replace=False)] if size else []


ALTERATIONS: dict[str, Alteration] = {
    "swap": swap,
    "delete": delete,
    "insert": insert,
    "synonyms": synonyms,
    "characters": characters,
}
"""From a key of `augment` to what it does."""
