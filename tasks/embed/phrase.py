"""A text as its words and what stands between them, so that words can be changed and the rest stays as it was."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Self

from tasks.rules import Rules

_WORD = re.compile(r"\w+(?:['’]\w+)*")  # noqa: RUF001 - a curly apostrophe
# Chinese alone is cut: nothing else may change, or the words would not be found in the text again.
_CUT = Rules(unicode="none", control=False, segment="auto", spaces=False)


@dataclass
class Phrase:
    """A text in parts.

    Attributes:
        words: runs of letters and digits; of Chinese, the words that jieba's algorithm finds.
        gaps: what stands before each word and after the last one, [words + 1]: spaces, punctuation, nothing.
    """

    words: list[str]
    gaps: list[str]

    @classmethod
    def of(cls, text: str) -> Self:
        """Takes a text apart."""
        words, gaps, end = [], [], 0
        for match in _WORD.finditer(_CUT.apply(text)):
            # Cutting only puts spaces in, so that the next place that holds the word is its own.
            start = text.index(match.group(), end)
            words.append(match.group())
            gaps.append(text[end:start])
            end = start + len(words[-1])
        return cls(words, [*gaps, text[end:]])

    def __str__(self) -> str:
        """The text again; words get a space between them where they would else become one."""
        parts = [self.gaps[0]]
        for number, word in enumerate(self.words):
            if number and not self.gaps[number] and not _may_touch(self.words[number - 1][-1], word[0]):
                parts.append(" ")
            parts += [word, self.gaps[number + 1]]
        return "".join(parts)

    def copy(self) -> Self:
        """The same text, to be changed."""
        return type(self)(list(self.words), list(self.gaps))

    def take_out(self, place: int) -> None:
        """Takes a word out, and one of two spaces round it."""
        before, after = self.gaps[place], self.gaps[place + 1]
        gap = before + (after[1:] if before[-1:].isspace() and after[:1].isspace() else after)
        if place == 0:
            gap = gap.lstrip()
        if place == len(self.words) - 1:
            gap = gap.rstrip()
        self.gaps[place : place + 2] = [gap]
        del self.words[place]

    def put_in(self, place: int, word: str) -> None:
        """Puts a word before the word at `place`, with spaces as that word has them."""
        gap = self.gaps[place]
        self.gaps.insert(place + 1, gap[-1:] if gap[-1:].isspace() else "")
        self.words.insert(place, word)


def is_latin(word: str) -> bool:
    """Whether a word is made of Latin letters alone."""
    return word.isalpha() and all(unicodedata.name(letter, "").startswith("LATIN ") for letter in word)


def _may_touch(before: str, after: str) -> bool:
    """Whether two characters at the ends of words can stand side by side: Chinese has no spaces."""
    return any(unicodedata.name(character, "").startswith("CJK ") for character in (before, after))
