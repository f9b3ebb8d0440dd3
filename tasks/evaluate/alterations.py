"""Ways to alter a text that no reader would answer otherwise for, to see whether a model does.

The idea of such tests is that of Ribeiro et al. (2020), "Beyond Accuracy: Behavioral Testing of NLP Models with
CheckList", section 2.2 (invariance).
"""

import re
import unicodedata
from collections.abc import Callable

import numpy as np

Alteration = Callable[[str, np.random.Generator], str]

_SHARE = 0.1  # of the words that get a slip of the pen; one at least
# Latin letters alone, by the blocks of Unicode that hold them: nobody mistypes Chinese by letters that change places.
_LETTERS = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
_WORD = re.compile(rf"[{_LETTERS}]{{4,}}")  # shorter ones may become other words
_ALPHANUMERIC = re.compile(rf"[0-9{_LETTERS}]")


def typos(text: str, generator: np.random.Generator) -> str:
    """Puts a slip of the pen into a tenth of the words of Latin letters, and into one at least."""
    words = list(_WORD.finditer(text))
    if not words:
        return text
    count = max(1, round(_SHARE * len(words)))
    for place in sorted(generator.choice(len(words), count, replace=False).tolist(), reverse=True):
        start, end = words[place].span()
        text = text[:start] + _slip(text[start:end], generator) + text[end:]
    return text


def lower(text: str, generator: np.random.Generator) -> str:
    """Makes all letters small."""
    return text.lower()


def upper(text: str, generator: np.random.Generator) -> str:
    """Makes all letters large."""
    return text.upper()


def punctuation(text: str, generator: np.random.Generator) -> str:
    """Takes punctuation out, except within words of Latin letters and numbers: don't, 3.5, a@b.org.

    A text of nothing else stays as it is.
    """
    parts: list[str] = []
    last = 0
    for start, end in _runs(text):
        before, after = text[max(start - 1, 0) : start], text[end : end + 1]
        if not (_ALPHANUMERIC.fullmatch(before) and _ALPHANUMERIC.fullmatch(after)):
            parts += [text[last:start], " "]
            last = end
    bare = " ".join("".join([*parts, text[last:]]).split())
    return bare if parts and bare else text


ALTERATIONS: dict[str, Alteration] = {"typos": typos, "lower": lower, "upper": upper, "punctuation": punctuation}
"""From the name of a way to what it does; what draws is only used by those that have a choice."""


def _slip(word: str, generator: np.random.Generator) -> str:
    """The word with two neighbouring letters exchanged, one left out, or one doubled; never the first one."""
    at, kind = int(generator.integers(1, len(word) - 1)), int(generator.integers(3))
    if kind == 0 and word[at] != word[at + 1]:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[: at + 1] + word[at:] if kind == 1 else word[:at] + word[at + 1 :]


def _runs(text: str) -> list[tuple[int, int]]:
    """Where runs of punctuation start and end."""
    runs: list[tuple[int, int]] = []
    for place, character in enumerate(text):
        if unicodedata.category(character).startswith("P"):
            if runs and runs[-1][1] == place:
                runs[-1] = (runs[-1][0], place + 1)
            else:
                runs.append((place, place + 1))
    return runs
