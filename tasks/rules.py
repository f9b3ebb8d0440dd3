"""Cleaning rules as data: each one a switch, applied in one fixed order.

The same rules act in two places: `clean.rules` on every row before duplicates are looked for, and
`features.<name>.rules` on what one feature set reads. They travel with a model as JSON (`model_dump`), and
each is a documented regular expression or Unicode operation, so that they can be applied without this module.
"""

import html
import re
import sys
import unicodedata
from collections.abc import Callable, MutableMapping
from functools import cached_property, lru_cache, partial
from typing import Literal

from pydantic import Field, field_validator

from tasks.block import Block

Step = tuple[str, Callable[[str], str]]
"""The name of a rule (its key in the block) and the function that it stands for."""

_MARKUP = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>|</?[a-zA-Z][^<>]*>", re.DOTALL | re.IGNORECASE)
_SPACE_CONTROLS = re.compile(r"[\x0b\x0c\x1c-\x1f\x85]")
_CONTROLS = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_URL = re.compile(r"(?:https?://|ftp://|www\.)[^\s<>\"'\u3000-\u303f\uff00-\uffef]+", re.IGNORECASE)
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_MENTION = re.compile(r"(?<![\w.])@\w+")
_DIGIT = re.compile(r"\d")
_REPEATED = re.compile(r"(\D)\1{2,}")
_HAN_CHARACTER = r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
_HAN = re.compile(f"{_HAN_CHARACTER}+")
# Kana and hangul. Not the middle dot (U+30FB), with which Chinese texts write foreign names.
_JAPANESE_OR_KOREAN = re.compile(
    r"[\u3041-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]"
)
_FULL_WIDTH = {0x3000: " ", **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}}

Replacement = Literal["keep", "token", "remove"]
Segment = Literal["none", "auto", "chinese"]


class Rules(Block):
    """Which cleaning rules act. They act in the order in which they stand here.

    The defaults are light, as a transformer wants them: Unicode NFC, control characters, white space.
    A bag of words may want more: lower case, digits, stop words, punctuation.
    """

    html: bool = False
    """Markup: comments, scripts, styles and tags become a space, then entities (`&amp;`) the characters they name."""

    unicode: Literal["none", "NFC", "NFKC"] = "NFC"
    """Unicode normal form. NFC joins letters and accents; NFKC also turns compatibility forms (ligatures,
    full-width letters, superscripts) into plain ones."""

    control: bool = True
    """Control and invisible format characters are removed (line breaks and tabs stay; the zero-width joiners
    that emoji, Persian and Indic scripts need stay)."""

    full_width: bool = False
    """Full-width ASCII forms (U+FF01 to U+FF5E) and the ideographic space become half-width."""

    simplified: bool = False
    """Traditional Chinese becomes simplified (MediaWiki's tables, through zhconv)."""

    urls: Replacement = "keep"
    """Web addresses: kept, replaced by the word URL, or removed."""

    emails: Replacement = "keep"
    """E-mail addresses: kept, replaced by the word EMAIL, or removed."""

    mentions: Replacement = "keep"
    """User mentions (`@name`): kept, replaced by the word USER, or removed."""

    lower: bool = False
    """Letters become lower case."""

    digits: Literal["keep", "zero", "remove"] = "keep"
    """Decimal digits of any script: kept, each replaced by 0, or removed."""

    squeeze: bool = False
    """A character that stands three or more times in a row is kept twice (`sooooo` becomes `soo`); digits are not
    touched."""

    segment: Segment = "none"
    """Chinese is cut into words, with spaces between them (jieba's algorithm and dictionary, which knows simplified
    characters best). `auto` cuts texts that hold Chinese characters and no kana or hangul, `chinese` cuts all texts;
    what is not written in Chinese characters stays as it is."""

    stop_words: Literal["none", "english"] = "none"
    """Stop words that are removed: none, or scikit-learn's English list. Case does not matter."""

    own_stop_words: list[str] = Field(default_factory=list)
    """More words to remove, each as a whole word or run of words. In a text that is not cut into words (see `segment`)
    a word of Chinese characters is removed wherever it stands."""

    punctuation: bool = False
    """Punctuation and the symbols of mathematics and money become spaces (emoji stay)."""

    spaces: bool = True
    """Each run of white space, line breaks included, becomes one space; none is left at the ends."""

    @field_validator("own_stop_words")
    @classmethod
    def _no_empty_words(cls, words: list[str]) -> list[str]:
        if any(not word.strip() for word in words):
            raise ValueError("words that are not empty")
        return words

    def apply(self, text: str) -> str:
        """The text after all rules that are switched on."""
        for _, function in self.steps:
            text = function(text)
        return text

    def apply_counting(self, text: str, touched: MutableMapping[str, int]) -> str:
        """Like `apply`, and adds 1 to `touched[rule]` for each rule that changed the text."""
        for name, function in self.steps:
            after = function(text)
            if after != text:
                touched[name] = touched.get(name, 0) + 1
            text = after
        return text

    @cached_property
    def steps(self) -> list[Step]:
        """The rules that are switched on, in the order in which they act."""
        steps: dict[str, Callable[[str], str] | None] = {
            "html": _strip_markup if self.html else None,
            "unicode": partial(unicodedata.normalize, self.unicode) if self.unicode != "none" else None,
            "control": _remove_controls if self.control else None,
            "full_width": _to_half_width if self.full_width else None,
            "simplified": _to_simplified if self.simplified else None,
            "urls": _replacer(_URL, self.urls, "URL"),
            "emails": _replacer(_EMAIL, self.emails, "EMAIL"),
            "mentions": _replacer(_MENTION, self.mentions, "USER"),
            "lower": str.lower if self.lower else None,
            "digits": partial(_DIGIT.sub, "0" if self.digits == "zero" else "") if self.digits != "keep" else None,
            "squeeze": partial(_REPEATED.sub, r"\1\1") if self.squeeze else None,
            "segment": partial(_segment, how=self.segment) if self.segment != "none" else None,
            "stop_words": self._stop_words(),
            "punctuation": _remove_punctuation if self.punctuation else None,
            "spaces": _collapse_spaces if self.spaces else None,
        }
        return [(name, function) for name, function in steps.items() if function is not None]

    def _stop_words(self) -> Callable[[str], str] | None:
        words = {word.strip().casefold() for word in self.own_stop_words}
        if self.stop_words == "english":
            from sklearn.feature_extraction.text import (
                ENGLISH_STOP_WORDS,
            )  # a second to import, so only where it is needed

            words |= ENGLISH_STOP_WORDS
        if not words:
            return None
        plain, cut = _stop_word_pattern(words, segmented=False), _stop_word_pattern(words, segmented=True)
        return lambda text: (cut if _is_segmented(text, self.segment) else plain).sub("", text)


def _replacer(pattern: re.Pattern[str], how: Replacement, token: str) -> Callable[[str], str] | None:
    if how == "keep":
        return None
    return partial(pattern.sub, token if how == "token" else "")


def _stop_word_pattern(words: set[str], *, segmented: bool) -> re.Pattern[str]:
    # Longest first, so that of two words that start alike the longer one is removed whole.
    ordered = sorted(words, key=lambda word: (-len(word), word))
    # What is one stop word here may be two words for jieba; within a longer word it is none.
    han = "|".join((" ?" if segmented else "").join(word) for word in ordered if _HAN.fullmatch(word))
    if segmented and han:
        han = f"(?<!{_HAN_CHARACTER})(?:{han})(?!{_HAN_CHARACTER})"
    other = "|".join(re.escape(word) for word in ordered if not _HAN.fullmatch(word))
    # An apostrophe (straight or curly) joins: the list has "can", which must not be cut out of "can't".
    bounded = rf"(?<![\w'\u2019])(?:{other})(?![\w'\u2019])" if other else ""
    return re.compile("|".join(filter(None, [han, bounded])), re.IGNORECASE)


def _strip_markup(text: str) -> str:
    return html.unescape(_MARKUP.sub(" ", text))


def _remove_controls(text: str) -> str:
    return _CONTROLS.sub("", _SPACE_CONTROLS.sub(" ", text))


def _to_half_width(text: str) -> str:
    return text.translate(_FULL_WIDTH)


def _to_simplified(text: str) -> str:
    from zhconv_rs import zhconv  # its tables take a while to load

    return str(zhconv(text, "zh-hans"))


def _is_segmented(text: str, how: Segment) -> bool:
    # Most texts that need no cutting are told by `isascii`, which looks at one bit.
    if how == "none" or text.isascii() or not _HAN.search(text):
        return False
    return how == "chinese" or not _JAPANESE_OR_KOREAN.search(text)


def _segment(text: str, how: Segment) -> str:
    return _HAN.sub(_cut_into_words, text) if _is_segmented(text, how) else text


def _cut_into_words(run: re.Match[str]) -> str:
    import rjieba  # loads a dictionary

    text, (start, end) = run.string, run.span()
    before = " " if start > 0 and text[start - 1].isalnum() else ""
    after = " " if end < len(text) and text[end].isalnum() else ""
    return before + " ".join(rjieba.cut(run.group())) + after


def _remove_punctuation(text: str) -> str:
    return text.translate(_punctuation())


@lru_cache(maxsize=1)
def _punctuation() -> dict[int, str]:
    kinds = {"Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk"}
    # Skin tones are of kind Sk, but belong to the emoji before them.
    codes = (c for c in range(sys.maxunicode + 1) if unicodedata.category(chr(c)) in kinds)
    return {code: " " for code in codes if not 0x1F3FB <= code <= 0x1F3FF}


def _collapse_spaces(text: str) -> str:
    return " ".join(text.split())
