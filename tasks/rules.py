"""Cleaning rules as data: each one a switch, applied in one fixed order.

The same rules act in two places: `clean.rules` on every row before duplicates are looked for, and
`features.<name>.rules` on what one feature set reads. They travel with a model as JSON (`model_dump`), beside a copy of
tasks/cleaning.py, which applies them.
"""

from collections.abc import MutableMapping
from functools import cached_property
from typing import Literal

from pydantic import Field, field_validator

from tasks.block import Block
from tasks.cleaning import Step, steps

Replacement = Literal["keep", "token", "remove"]
Segment = Literal["none", "auto", "chinese", "characters"]


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
    what is not written in Chinese characters stays as it is. `characters` makes each Chinese character a word of its
    own, in the texts that `auto` cuts: no dictionary can be wrong there, and another model of the same text disagrees
    in other places."""

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
        return steps(self.model_dump())
