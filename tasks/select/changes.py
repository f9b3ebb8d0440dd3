"""What changes for the users of the champion if the winner takes its place: classes and rows won and lost."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.select.examination import Answers, Questions
from tasks.select.match import Match


@dataclass(frozen=True)
class ClassChange:
    """How many rows of a class both have right.

    Attributes:
        label: the class.
        rows: of the class.
        champion: rows of it that the champion has right.
        challenger: rows of it that the challenger has right.
        won: rows that the challenger alone has right.
        lost: rows that the champion alone has right.
    """

    label: str
    rows: int
    champion: int
    challenger: int
    won: int
    lost: int

    @property
    def difference(self) -> float:
        """By how much recall rises; negative if it falls."""
        return (self.challenger - self.champion) / self.rows


@dataclass(frozen=True)
class Flip:
    """A row that the champion has right and the challenger wrong."""

    text: str
    label: str
    predicted: str


def by_class(match: Match) -> list[ClassChange]:
    """The classes that both know and that have test rows: those that lose most recall first, those that gain most last.

    Of equals that with the larger loss in rows comes first, then they stand in the order of their names.
    """
    shared = match.shared
    actual = match.actual[shared]
    champion, challenger = (some[shared].argmax(axis=1) == actual for some in (match.champion, match.challenger))
    found = []
    for number in np.unique(actual).tolist():
        own = actual == number
        before, after = (int((some & own).sum()) for some in (champion, challenger))
        won, lost = int((challenger & ~champion & own).sum()), int((champion & ~challenger & own).sum())
        found.append(ClassChange(match.classes[number], int(own.sum()), before, after, won, lost))
    return sorted(found, key=lambda one: (one.difference, one.challenger - one.champion, one.label))


def flips(numbers: Sequence[int], questions: Questions, answers: Answers) -> list[Flip]:
    """The test rows of these numbers, with what the challenger says of them."""
    predicted = answers.probabilities.argmax(axis=1)
    return [Flip(questions.texts[row], questions.labels[row], answers.classes[predicted[row]]) for row in numbers]
