"""Which split a row belongs to: a function of the row alone, never of the other rows."""

import hashlib
from collections.abc import Callable

from tasks.clean.candidate import Candidate

Side = Callable[[Candidate], str | None]
"""Gives the split of a row, None where it cannot be told."""


def by_hash(validation: float, test: float, salt: str) -> Side:
    """Divides by a hash of the text.

    The share of each class in each split is that of all rows, give or take the luck of the draw.

    Args:
        validation: share of the rows.
        test: share of the rows; 0 where an official test split exists.
        salt: another salt gives another division.
    """

    def side(one: Candidate) -> str:
        if one.official_test:
            return "test"
        digest = hashlib.sha256(f"{salt}\0{one.origin}".encode()).digest()
        share = int.from_bytes(digest[:8], "big") / 2**64
        if share < test:
            return "test"
        return "validation" if share < test + validation else "train"

    return side


def by_time(validation_from: str, test_from: str | None) -> Side:
    """Divides by time; texts in ISO 8601 sort as their times do.

    Args:
        validation_from: the first time of validation.
        test_from: the first time of test, None where an official test split exists.
    """

    def side(one: Candidate) -> str | None:
        if one.official_test:
            return "test"
        if one.time is None:
            return None
        if test_from is not None and one.time >= test_from:
            return "test"
        return "validation" if one.time >= validation_from else "train"

    return side
