"""A text as its words and what stands between them, so that words can be changed and the rest stays as it was."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from tasks.rules import Rules

# Chinese alone is cut: nothing else may change, or the words would not be found in the text again.
_CUT = Rules(unicode="none", control=False, segment="chinese", spaces=False)
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
# Kana and hangul. Not the middle dot (U+30FB), with which Chinese texts write foreign names.
_KANA = re.compile(r"[\u3041-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
_STRAY = 10  # Chinese characters to each of these from which they are strays: Japanese sentences have about as many


@dataclass
class Phrase:
    """A text in parts.

    Attributes:
        words: runs of letters, with the marks that belong to them, and digits; of Chinese, the words that jieba's
            algorithm finds.
        gaps: what stands before each word and after the last one, [words + 1]: spaces, punctuation, nothing.
    """

    words: list[str]
    gaps: list[str]

    @classmethod
    def of(cls, text: str) -> Self:
        """Takes a text apart."""
        words, gaps, end = [], [], 0
        for match in _word().finditer(_CUT.apply(text) if _is_chinese(text) else text):
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


@lru_cache(maxsize=1)
def _word() -> re.Pattern[str]:
    r"""A word. Python's `\w` leaves out vowel signs and tone marks, such as those of Hindi and Thai."""
    marks = "".join(
        character for character in map(chr, range(0x300, 0x20000)) if unicodedata.category(character).startswith("M")
    )
    run = rf"\w[\w{marks}\u200c\u200d]*"  # and the joiners that are a part of words in Indic scripts
    return re.compile(rf"{run}(?:['’]{run})*")  # noqa: RUF001 - a curly apostrophe


def _is_chinese(text: str) -> bool:
    """Whether there is Chinese to be cut; a text in Japanese or Korean is left, one with a stray kana is not."""
    return not text.isascii() and len(_HAN.findall(text)) >= max(1, _STRAY * len(_KANA.findall(text)))


def _may_touch(before: str, after: str) -> bool:
    """Whether two characters at the ends of words can stand side by side: Chinese has no spaces."""
    return any(unicodedata.name(character, "").startswith("CJK ") for character in (before, after))
