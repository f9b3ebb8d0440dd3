"""What saved models answer on validation and on test rows, and how much better one is than another on the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks import compute, predictions, rows
from tasks.ladder.comparison import seed_noise
from tasks.model import load
from tasks.scores import Floats, Ints, summary
from tasks.select.bootstrap import Outcome, interval, replicate

_BATCH_ROWS = 1024
_DRAWS, _LEVEL, _SEED = 2000, 0.95, 1


@dataclass(frozen=True)
class Answers:
    """The answers of one model.

    Attributes:
        actual: the class of each row, as an index into the columns of `probabilities` [rows].
        probabilities: [rows, classes].
    """

    actual: Ints
    probabilities: Floats

    def score(self, metric: str) -> float:
        """A measure by its name, as in `tasks.scores.summary`."""
        return summary(self.actual, self.probabilities)[metric]


@dataclass(frozen=True)
class Gain:
    """How much better one recipe is than another.

    Attributes:
        by_seed: the differences; negative where it is worse.
        low: lower end of the interval of their mean.
        high: upper end.
    """

    by_seed: tuple[float, ...]
    low: float
    high: float

    @property
    def mean(self) -> float:
        """The mean difference over seeds."""
        return float(np.mean(self.by_seed))

    @property
    def verdict(self) -> str:
        """Whether the interval lies above 0, below it, or around it."""
        return "pays" if self.low > 0 else "does harm" if self.high < 0 else "not shown to pay"


def on_test(root: Path, contestant: str) -> Answers:
    """Loads a model of a workspace and lets it answer the test rows.

    A benchmark measures declared recipes on published test rows, each of them; the pipeline itself opens them for its
    winner alone.

    Args:
        contestant: folder and name below `models/`, such as `candidates/finetune`.
    """
    resources = compute.read(root)
    resources.apply()
    table = rows.read(root / "data/clean/test.parquet", ["text", "label"])
    texts, labels = rows.strings(table, "text"), rows.strings(table, "label")
    model = load(root / "models" / contestant, resources.threads, resources.device)
    starts = range(0, len(texts), _BATCH_ROWS)
    parts = [model.predict_proba(texts[start : start + _BATCH_ROWS]) for start in starts]
    return Answers(_numbers(labels, model.labels), np.concatenate(parts))


def on_validation(root: Path, name: str) -> Answers:
    """What the evaluate stage wrote of a candidate, ensemble or student."""
    table = rows.read(root / "predictions" / f"{name}.parquet")
    labels = rows.strings(table, "label")
    return Answers(_numbers(labels, predictions.classes(table)), predictions.probabilities(table))


def gain(own: Sequence[Answers], other: Sequence[Answers], metric: str) -> Gain:
    """The mean gain over seeds, with an interval from a paired bootstrap over the rows, widened by the seeds.

    All models of both recipes are measured on the same samples of the rows, and the difference of the two means over
    seeds is taken in each. To these `seed_noise` adds how far the mean may be off because of its few seeds. A single
    seed tells nothing of others, so that its interval is of the rows alone.

    Args:
        own: the answers of one recipe, one a seed.
        other: those of the recipe to compare with, of the same seeds, on the same rows in the same order.
        metric: `accuracy` or another measure that is better upwards.

    Raises:
        ValueError: if there are not as many of each, or they are not answers to the same rows.
    """
    actual = own[0].actual
    by_seed = tuple(one.score(metric) - two.score(metric) for one, two in zip(own, other, strict=True))
    if any(not np.array_equal(answers.actual, actual) for answers in (*own, *other)):
        raise ValueError("answers to other rows, or of models with other classes")
    outcomes = [Outcome.of(answers.actual, answers.probabilities) for answers in (*own, *other)]
    classes = own[0].probabilities.shape[1]
    values = replicate(actual, outcomes, [metric], classes=classes, draws=_DRAWS, seed=_SEED)[metric]
    differences = values[: len(own)].mean(axis=0) - values[len(own) :].mean(axis=0)
    if len(by_seed) > 1:
        differences = differences + seed_noise(by_seed, _DRAWS, _SEED)
    low, high = interval(differences, _LEVEL)
    return Gain(by_seed, low, high)


def _numbers(labels: Sequence[str], classes: Sequence[str]) -> Ints:
    numbers = {label: number for number, label in enumerate(classes)}
    return np.array([numbers[label] for label in labels], dtype=np.int64)
