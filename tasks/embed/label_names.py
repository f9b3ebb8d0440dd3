"""Names of classes as texts, which say in words what a class is about.

A text like a class's name most likely belongs to it: with few rows a class that is worth about one more row, and costs
none. Names as texts were used so without any row by Chang et al. 2008, "Importance of Semantic Representation: Dataless
Classification", section 3.
"""

import re
from collections.abc import Sequence

_BETWEEN = re.compile(r"[\s_\-./:]+|(?<=[a-z])(?=[A-Z])")
"""What parts the words of a name: `card_arrival`, `card-arrival`, `cards/arrival`, `cardArrival`."""


def as_text(label: str) -> str:
    """A label as words; empty if it has no letters, as numbers of classes have none."""
    text = " ".join(word for word in _BETWEEN.split(label) if word)
    return text if any(letter.isalpha() for letter in text) else ""


def first_rows(labels: Sequence[str]) -> dict[str, int]:
    """The number of the first row of each label."""
    first: dict[str, int] = {}
    for row, label in enumerate(labels):
        first.setdefault(label, row)
    return first
