"""A row on its way to a split."""

import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """What decides about a row.

    Attributes:
        place: its number in the raw table, from 0.
        id: its name.
        origin: the normal form of its raw text; its side hangs on this, so that a changed rule moves no row.
        key: the normal form of its cleaned text, which duplicates are told by.
        time: ISO 8601, or None.
        official_test: whether it belongs to an official test split.
    """

    place: int
    id: str
    origin: str
    key: str
    label: str
    time: str | None
    official_test: bool


def normal(text: str) -> str:
    """The form in which texts are compared: NFKC, case folded, each run of white space one space."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def in_order(candidates: list[Candidate]) -> list[Candidate]:
    """The order in which rows are judged: official test rows first, then by time, then as the sources have them."""
    return sorted(candidates, key=lambda one: (not one.official_test, one.time or "", one.place))
