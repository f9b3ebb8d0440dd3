"""From which probability of one of two classes on the winner answers with it, and what that gives on the test rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.errors import BadInput
from tasks.scores import Floats
from tasks.select import precision, wording
from tasks.select.evidence import Evidence
from tasks.select.examination import Answers, Questions
from tasks.select.params import ThresholdParams
from tasks.select.precision import Bools
from tasks.select.tally import Tally, measures
from tasks.thresholds import Cutoff


@dataclass(frozen=True)
class OnTest:
    """What the threshold gives on the test rows.

    Attributes:
        before: without it, the more probable class being the answer.
        after: with it.
        intervals: of the measures with it; lower and upper end.
        met: whether the precision or recall is no less than was wanted; None where a metric was asked for, and where no
            row was answered with the class.
    """

    before: Tally
    after: Tally
    intervals: dict[str, tuple[float, float]]
    met: bool | None

    def as_json(self) -> dict[str, Any]:
        """The form in `reports/selection.json`."""
        intervals = {name: {"low": low, "high": high} for name, (low, high) in self.intervals.items()}
        return {"without": self.before.as_json(), **self.after.as_json(), "intervals": intervals, "met": self.met}


@dataclass(frozen=True)
class Chosen:
    """The threshold, and what is known of it.

    Attributes:
        asked: for what it was chosen.
        rows_name: the rows that it was chosen on, which are those of the choice, in words.
        before: on these rows, without it.
        after: on these rows, with it.
        test: on the test rows; None before the examination, and where there is no threshold.
    """

    cutoff: Cutoff
    asked: ThresholdParams
    rows_name: str
    before: Tally
    after: Tally
    test: OnTest | None = None

    def as_json(self) -> dict[str, Any]:
        """The form in `reports/selection.json`."""
        return {
            **vars(self.cutoff),
            "asked": {name: value for name, value in self.asked.model_dump().items() if value is not None},
            "fitted": {"without": self.before.as_json(), **self.after.as_json()},
            "test": None if self.test is None else self.test.as_json(),
        }


def fit(evidence: Evidence, winner: str, params: ThresholdParams, labels: Sequence[str]) -> Chosen:
    """Chooses the winner's threshold on the rows that the choice was made on.

    Args:
        labels: the classes that the winner knows.

    Raises:
        BadInput: if they are not two, or the class that is looked for is none of them.
    """
    if len(labels) != 2:
        fix = "Leave select.threshold out (null); select.abstain works with any number of classes."
        raise BadInput("select.threshold", "rows of two classes", f"{len(labels)} classes", fix)
    if params.label not in labels:
        fix = "Name one of them."
        raise BadInput("select.threshold.label", f"one of {', '.join(labels)}", repr(params.label), fix)
    other = labels[1] if params.label == labels[0] else labels[0]
    candidate, number = evidence.named(winner), evidence.classes.index(params.label)
    predicted = candidate.outcome.predicted == number
    sure = np.where(predicted, candidate.confidence, 1 - candidate.confidence)
    actual = evidence.actual == number
    found = Cutoff(params.label, other, _cutoff(sure, actual, params))
    answered = predicted if found.cutoff is None else sure >= found.cutoff
    name = f"{len(actual):,} {wording.ROWS[evidence.rows]}"
    return Chosen(found, params, name, Tally.of(actual, predicted), Tally.of(actual, answered))


def on_test(
    found: Chosen, questions: Questions, answers: Answers, *, level: float, draws: int, seed: int
) -> OnTest | None:
    """What the threshold gives on the test rows; None where there is none.

    Args:
        answers: of the winner.
        level: confidence of the intervals.
        draws: of the bootstrap.
    """
    if found.cutoff.cutoff is None:
        return None
    number = list(answers.classes).index(found.cutoff.label)
    actual = np.array([label == found.cutoff.label for label in questions.labels])
    before = Tally.of(actual, answers.probabilities.argmax(axis=1) == number)
    after = Tally.of(actual, found.cutoff.chosen(answers.classes, answers.probabilities) == number)
    intervals = after.intervals(level, draws, seed)
    aim, wanted = found.asked.aim
    met = None if wanted is None or aim not in intervals else after.measures[aim] >= wanted
    return OnTest(before, after, intervals, met)


def _cutoff(sure: Floats, actual: Bools, params: ThresholdParams) -> float | None:
    if params.precision is not None:
        return precision.lowest_threshold(sure, actual, params.precision, params.confidence)
    if params.recall is not None:
        return precision.highest_threshold(sure[actual], sure[~actual], params.recall, params.confidence)
    return _best(sure, actual, str(params.metric))


def _best(sure: Floats, actual: Bools, metric: str) -> float:
    """The threshold with the highest metric; of several that of fewest changes, the nearest to one half."""
    values = np.unique(sure)
    cutoffs = np.concatenate([[0.5], (values[:-1] + values[1:]) / 2])
    own, others = np.sort(sure[actual]), np.sort(sure[~actual])
    missed, rest = np.searchsorted(own, cutoffs), np.searchsorted(others, cutoffs)
    cells = np.stack([len(own) - missed, missed, len(others) - rest, rest], axis=1).astype(np.float64)
    reached = measures(cells)[metric]
    best = np.flatnonzero(reached == reached.max())
    return float(cutoffs[best[np.argmin(np.abs(cutoffs[best] - 0.5))]])
