"""Which tokens make a word together, so that a word is hidden as a whole."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks import encoder as encoders
from tasks.errors import BadInput
from tasks.rules import Rules

NONE = -1
"""In place of the number of a word: a special token, or white space."""

_WORD = re.compile(r"\w+|[^\w\s]")
# Thai to Myanmar, Khmer, kana: written without spaces, and no segmenter is at hand; each character stands for itself.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30fa\u30fc-\u30ff]")
_UNCUT = re.compile(rf"{_UNSPACED.pattern}|[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_CUT = Rules(unicode="none", control=False, spaces=False, segment="auto")
_CHUNK = 1000  # texts tokenized at a time: the library keeps offsets and strings of all of them


@dataclass(frozen=True)
class Tokens:
    """One text's tokens.

    Attributes:
        ids: int64 [tokens], special tokens included.
        words: int64 [tokens], the number of each token's word within the text, or `NONE`.
    """

    ids: npt.NDArray[np.int64]
    words: npt.NDArray[np.int64]


class WordTokenizer:
    """Turns texts into tokens that know their words.

    Args:
        folder: of the encoder.
        max_tokens: longer texts lose their end.

    Raises:
        BadInput: if the encoder's tokenizer cannot tell where in the text a token stands.
    """

    def __init__(self, folder: Path, max_tokens: int) -> None:
        self._tokenizer: Any = encoders.open_tokenizer(folder)
        fix = "Take another encoder, or the objective simcse."
        if not self._tokenizer.is_fast:
            raise BadInput("the encoder", "a tokenizer of the library tokenizers", "one written in Python", fix)
        self.max_tokens = max_tokens
        self.pad_id = int(self._tokenizer.pad_token_id or 0)
        special = set(self._tokenizer.all_special_ids)
        self.plain_ids = np.array([one for one in range(len(self._tokenizer)) if one not in special], dtype=np.int64)

    @property
    def mask_id(self) -> int:
        """The token that stands in place of others.

        Raises:
            BadInput: if there is none.
        """
        if self._tokenizer.mask_token_id is None:
            fix = "Take another encoder, or the objective simcse or tsdae."
            raise BadInput("the encoder", "a tokenizer with a token that hides others", "none", fix)
        return int(self._tokenizer.mask_token_id)

    def __call__(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of each text."""
        return [
            one for start in range(0, len(texts), _CHUNK) for one in self._some(list(texts[start : start + _CHUNK]))
        ]

    def _some(self, texts: list[str]) -> list[Tokens]:
        made = self._tokenizer(
            texts,
            truncation=True,
            max_length=self.max_tokens,
            return_attention_mask=False,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
        )
        columns = ("input_ids", "offset_mapping", "special_tokens_mask")
        return [self._one(text, *row) for text, *row in zip(texts, *(made[name] for name in columns), strict=True)]

    @staticmethod
    def _one(text: str, ids: list[int], offsets: list[tuple[int, int]], special: list[int]) -> Tokens:
        words = words_of_characters(text)
        # By its last character: some tokens begin with the space before their word.
        own = [
            NONE if hidden or end <= start else words[end - 1]
            for (start, end), hidden in zip(offsets, special, strict=True)
        ]
        return Tokens(np.array(ids, dtype=np.int64), np.array(own, dtype=np.int64))


def words_of_characters(text: str) -> npt.NDArray[np.int64]:
    """The number of the word that each character belongs to, `NONE` for white space; int64 [characters].

    Words are runs of letters and digits, single punctuation marks, and in Chinese what jieba cuts. In text of a script
    without spaces that is not cut, each character is a word.
    """
    numbers: list[int] = []
    number = 0
    mixed = _UNSPACED.search(text) is not None
    for match in _WORD.finditer(_CUT.apply(text)):
        word = match.group()
        if mixed and _UNCUT.search(word):
            numbers += range(number, number + len(word))
            number += len(word)
        else:
            numbers += [number] * len(word)
            number += 1
    # Cutting adds spaces and nothing else, so that all other characters are there in their order.
    found = np.full(len(text), NONE, dtype=np.int64)
    found[[place for place, character in enumerate(text) if not character.isspace()]] = numbers
    return found
