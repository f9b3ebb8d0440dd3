"""From which answers the winner abstains: thresholds of its confidence, and what they give on the test rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.scores import Floats
from tasks.select import precision, wording
from tasks.select.evidence import Evidence
from tasks.select.examination import Answers, Questions
from tasks.select.params import AbstainParams
from tasks.select.precision import Bools
from tasks.thresholds import Thresholds

_STEP = 0.01  # between the precisions that are tried where the one that is wanted cannot be reached
_LEAST = 0.5  # of them, which is also the least that can be asked for


@dataclass(frozen=True)
class Share:
    """How many of some rows are answered, and how many of these rightly.

    Attributes:
        rows: in all.
        answered: of them.
        right: of those answered.
    """

    rows: int
    answered: int
    right: int

    @property
    def coverage(self) -> float:
        """Share of the rows that are answered."""
        return self.answered / self.rows

    @property
    def precision(self) -> float | None:
        """Share of the answered rows that are right; None if there are none."""
        return self.right / self.answered if self.answered else None

    def as_json(self) -> dict[str, Any]:
        """The form in `reports/selection.json`."""
        return {"rows": self.rows, "answered": self.answered, "coverage": self.coverage, "precision": self.precision}


@dataclass(frozen=True)
class OnTest:
    """What the thresholds give on the test rows.

    Attributes:
        low: lower end of the precision's exact interval; None, as is `high`, if nothing is answered.
        high: upper end.
        met: whether the precision is no less than was wanted; None if nothing is answered.
    """

    share: Share
    low: float | None
    high: float | None
    met: bool | None

    def as_json(self) -> dict[str, Any]:
        """The form in `reports/selection.json`."""
        return {**self.share.as_json(), "low": self.low, "high": self.high, "met": self.met}


@dataclass(frozen=True)
class Abstention:
    """The thresholds, and what is known of them.

    Attributes:
        rows_name: the rows that they were fitted to, which are those of the choice, in words.
        share: of these rows.
        few: with a threshold for each class: classes that too few rows are taken for, so that they have that of all.
        unreached: the same: other classes in which no threshold reaches the precision, so that it always abstains.
        reachable: where no threshold reaches the precision: the next lower one that one reaches, and the share of the
            rows that it answers; None if there is none, or no need of it.
        test: on the test rows; None before the examination, and where no threshold reaches the precision.
    """

    thresholds: Thresholds
    rows_name: str
    share: Share
    few: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()
    reachable: tuple[float, float] | None = None
    test: OnTest | None = None

    def as_json(self) -> dict[str, Any]:
        """The form in `reports/selection.json`."""
        found = self.thresholds
        reachable = (
            None if self.reachable is None else dict(zip(("precision", "coverage"), self.reachable, strict=True))
        )
        return {
            "precision": found.precision,
            "confidence": found.confidence,
            "by": found.by,
            "reached": found.reached,
            "thresholds": dict(found.classes),
            "fitted": self.share.as_json(),
            "classes_with_few_rows": list(self.few),
            "classes_not_reached": list(self.unreached),
            "reachable": reachable,
            "test": None if self.test is None else self.test.as_json(),
        }


def fit(evidence: Evidence, winner: str, params: AbstainParams, labels: Sequence[str]) -> Abstention:
    """Fits the winner's thresholds to the rows that the choice was made on.

    Args:
        labels: the classes that the winner knows.
    """
    candidate = evidence.named(winner)
    predicted, sure = candidate.outcome.predicted, candidate.confidence
    right = predicted == evidence.actual
    overall = precision.lowest_threshold(sure, right, params.precision, params.confidence)
    classes: dict[str, float | None] = dict.fromkeys(labels, overall)
    few, unreached = [], []
    if params.by == "class":
        numbers = {label: number for number, label in enumerate(evidence.classes)}
        for label in labels:
            own = predicted == numbers.get(label, -1)
            if own.sum() < precision.fewest_rows(params.precision, params.confidence):
                few.append(label)
                continue
            classes[label] = precision.lowest_threshold(sure[own], right[own], params.precision, params.confidence)
            unreached += [label] if classes[label] is None else []
    found = Thresholds(params.precision, params.confidence, params.by, classes)
    names = [evidence.classes[number] for number in predicted.tolist()]
    return Abstention(
        found,
        f"{len(right):,} {wording.ROWS[evidence.rows]}",
        _share(found, names, sure, right),
        tuple(few),
        tuple(unreached),
        None if found.reached else _reachable(sure, right, params),
    )


def on_test(found: Abstention, questions: Questions, answers: Answers, level: float) -> OnTest | None:
    """What the thresholds give on the test rows; None where none reaches the precision.

    Args:
        answers: of the winner.
        level: confidence of the interval.
    """
    if not found.thresholds.reached:
        return None
    names = [answers.classes[number] for number in answers.probabilities.argmax(axis=1).tolist()]
    right = np.array([name == label for name, label in zip(names, questions.labels, strict=True)])
    share = _share(found.thresholds, names, answers.probabilities.max(axis=1), right)
    if share.precision is None:
        return OnTest(share, None, None, None)
    low, high = precision.interval(share.right, share.answered, level)
    return OnTest(share, low, high, share.precision >= found.thresholds.precision)


def _share(found: Thresholds, names: Sequence[str], sure: Floats, right: Bools) -> Share:
    """What is answered of rows; all of them where no threshold reaches the precision."""
    pairs = zip(names, sure.tolist(), strict=True)
    answered: Bools = np.array([not found.abstains(name, value) for name, value in pairs], dtype=np.bool_)
    return Share(len(right), int(answered.sum()), int(right[answered].sum()))


def _reachable(sure: Floats, right: Bools, params: AbstainParams) -> tuple[float, float] | None:
    """The highest lower precision that one threshold for all answers reaches, and its coverage."""
    steps = range(math.ceil(params.precision / _STEP - 1e-9) - 1, math.ceil(_LEAST / _STEP) - 1, -1)
    for wanted in (step * _STEP for step in steps):
        threshold = precision.lowest_threshold(sure, right, wanted, params.confidence)
        if threshold is not None:
            return round(wanted, 2), float((sure >= threshold).mean())
    return None
