"""The match: what champion and challenger made of the same test rows, and how that is told: by gain and losses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.scores import Floats, Ints
from tasks.select.examination import Answers


@dataclass(frozen=True)
class Match:
    """What champion and challenger made of the same test rows.

    Attributes:
        classes: every label that one of the two knows, sorted; other indices are into it.
        known: whether the champion [0] and the challenger [1] know a class, [2, classes].
        actual: the class of each row [rows].
        champion: probabilities of the champion [rows, classes]; 0 for a class that it does not know.
        challenger: those of the challenger.
    """

    classes: Sequence[str]
    known: np.ndarray[Any, np.dtype[np.bool_]]
    actual: Ints
    champion: Floats
    challenger: Floats

    @property
    def shared(self) -> Ints:
        """The numbers of the rows whose class both know: those that they are compared on."""
        return np.flatnonzero((self.known[0] & self.known[1])[self.actual])

    def on_shared(self) -> tuple[Ints, Floats, Floats, int]:
        """The rows to compare on: their classes, the probabilities of champion and challenger, how many classes count.

        Those that both know come first, and they alone count. An answer that is another class is wrong, as it would be
        in service, but makes no class of its own that a mean over classes would take in.
        """
        both = self.known[0] & self.known[1]
        order = np.argsort(~both, kind="stable")
        rows, place = self.shared, np.argsort(order)
        return place[self.actual[rows]], self.champion[rows][:, order], self.challenger[rows][:, order], int(both.sum())


@dataclass(frozen=True)
class Gain:
    """How much better the challenger is.

    Attributes:
        value: of the metric; negative if it is worse.
        low: that it is better by no less than this, at the declared confidence, however often one looks.
        high: that it is better by no more than this.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Loss:
    """A class whose recall is surely lower than the champion's.

    Attributes:
        label: the class.
        rows: of the class.
        champion: rows of it that the champion has right.
        challenger: rows of it that the challenger has right.
        p_value: of no loss, corrected for the number of classes that were looked at.
    """

    label: str
    rows: int
    champion: int
    challenger: int
    p_value: float


def match_of(labels: Sequence[str], champion: Answers, challenger: Answers) -> Match:
    """Both answers over all classes that one of the two knows."""
    classes = sorted({*champion.classes, *challenger.classes})
    index = {label: number for number, label in enumerate(classes)}
    known = np.zeros((2, len(classes)), dtype=np.bool_)
    spread: list[Floats] = []
    for number, some in enumerate((champion, challenger)):
        own = [index[label] for label in some.classes]
        known[number, own] = True
        wide = np.zeros((len(labels), len(classes)))
        wide[:, own] = some.probabilities
        spread.append(wide)
    return Match(classes, known, np.array([index[label] for label in labels], dtype=np.int64), *spread)
