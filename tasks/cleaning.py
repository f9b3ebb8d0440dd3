"""What the cleaning rules do to a text: each a regular expression or a Unicode operation.

A copy of this file lies beside each selected model, so it needs nothing but Python; the libraries zhconv-rs, rjieba and
scikit-learn only where the rules `simplified`, `segment` and `stop_words` are on.
"""

import html
import re
import sys
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

Step = tuple[str, Callable[[str], str]]
"""The name of a rule and the function that it stands for."""

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


def cleaner(rules: Mapping[str, Any]) -> Callable[[str], str]:
    """A function that applies all rules that are switched on.

    Args:
        rules: the value of each rule by its name, as in `cleaning.json` and under `rules` in `candidate.json`.
    """
    functions = [function for _, function in steps(rules)]

    def clean(text: str) -> str:
        for function in functions:
            text = function(text)
        return text

    return clean


def steps(rules: Mapping[str, Any]) -> list[Step]:
    """The rules that are switched on, in the order in which they act."""
    found: dict[str, Callable[[str], str] | None] = {
        "html": _strip_markup if rules["html"] else None,
        "unicode": partial(unicodedata.normalize, rules["unicode"]) if rules["unicode"] != "none" else None,
        "control": _remove_controls if rules["control"] else None,
        "full_width": _to_half_width if rules["full_width"] else None,
        "simplified": _to_simplified if rules["simplified"] else None,
        "urls": _replacer(_URL, rules["urls"], "URL"),
        "emails": _replacer(_EMAIL, rules["emails"], "EMAIL"),
        "mentions": _replacer(_MENTION, rules["mentions"], "USER"),
        "lower": str.lower if rules["lower"] else None,
        "digits": partial(_DIGIT.sub, "0" if rules["digits"] == "zero" else "") if rules["digits"] != "keep" else None,
        "squeeze": partial(_REPEATED.sub, r"\1\1") if rules["squeeze"] else None,
        "segment": partial(_segment, how=rules["segment"]) if rules["segment"] != "none" else None,
        "stop_words": _stop_words(rules),
        "punctuation": _remove_punctuation if rules["punctuation"] else None,
        "spaces": _collapse_spaces if rules["spaces"] else None,
    }
    return [(name, function) for name, function in found.items() if function is not None]


def _stop_words(rules: Mapping[str, Any]) -> Callable[[str], str] | None:
    words = {word.strip().casefold() for word in rules["own_stop_words"]}
    if rules["stop_words"] == "english":
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # a second to import: only where it is needed

        words |= ENGLISH_STOP_WORDS
    if not words:
        return None
    plain, cut = _stop_word_pattern(words, segmented=False), _stop_word_pattern(words, segmented=True)
    return lambda text: (cut if _is_segmented(text, rules["segment"]) else plain).sub("", text)


def _replacer(pattern: re.Pattern[str], how: str, token: str) -> Callable[[str], str] | None:
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


def _is_segmented(text: str, how: str) -> bool:
    # Most texts that need no cutting are told by `isascii`, which looks at one bit.
    if how == "none" or text.isascii() or not _HAN.search(text):
        return False
    return how == "chinese" or not _JAPANESE_OR_KOREAN.search(text)


def _segment(text: str, how: str) -> str:
    if not _is_segmented(text, how):
        return text
    return _HAN.sub(partial(_spaced, cut=list if how == "characters" else _words), text)


def _words(run: str) -> list[str]:
    import rjieba  # loads a dictionary

    return list(rjieba.cut(run))


def _spaced(run: re.Match[str], cut: Callable[[str], list[str]]) -> str:
    text, (start, end) = run.string, run.span()
    before = " " if start > 0 and text[start - 1].isalnum() else ""
    after = " " if end < len(text) and text[end].isalnum() else ""
    return before + " ".join(cut(run.group())) + after


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
