"""What the winner gets wrong on the rows compared: which classes, which pairs, which rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.scores import Ints, count, per_class
from tasks.select import wording
from tasks.select.evidence import Candidate, Evidence


@dataclass(frozen=True)
class ClassScore:
    """How one class fares; `number` is its place in the confusion matrix, from 1."""

    number: int
    label: str
    rows: int
    predicted: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Pair:
    """A class whose rows are taken for another: how many, and the share of its rows."""

    actual: str
    predicted: str
    rows: int
    share: float


@dataclass(frozen=True)
class HardRow:
    """A row that the winner is sure of, and wrong about."""

    text: str
    label: str
    predicted: str
    confidence: float


def class_scores(evidence: Evidence, candidate: Candidate) -> list[ClassScore]:
    """Each class that has rows or predictions, in the order of the confusion matrix."""
    counts = count(evidence.actual, candidate.outcome.predicted, len(evidence.classes))
    columns = (counts.actual.astype(int).tolist(), counts.predicted.astype(int).tolist())
    scores = (values.tolist() for values in per_class(counts))
    lines = zip(evidence.classes, *columns, *scores, strict=True)
    return [ClassScore(number, *line) for number, line in enumerate(lines, start=1)]


def confusion(evidence: Evidence, candidate: Candidate) -> Ints:
    """Rows of each class that were predicted as each class [actual, predicted]."""
    classes = len(evidence.classes)
    cells = evidence.actual * classes + candidate.outcome.predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def confused_pairs(matrix: Ints, classes: Sequence[str], most: int) -> list[Pair]:
    """The pairs with the most rows, at most `most` of them; among equals, the larger share first."""
    totals = matrix.sum(axis=1)
    rows, columns = np.nonzero(matrix)
    pairs = [
        Pair(classes[row], classes[column], int(matrix[row, column]), float(matrix[row, column] / totals[row]))
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if row != column
    ]
    return sorted(pairs, key=lambda pair: (-pair.rows, -pair.share, pair.actual, pair.predicted))[:most]


def hardest_rows(evidence: Evidence, candidate: Candidate, most: int) -> list[HardRow]:
    """The rows that were predicted wrongly with the highest confidence, at most `most` of them."""
    wrong = np.flatnonzero(candidate.outcome.predicted != evidence.actual)
    worst = wrong[np.argsort(-candidate.confidence[wrong], kind="stable")][:most]
    return [
        HardRow(
            text=wording.cut(evidence.texts[row]),
            label=evidence.classes[evidence.actual[row]],
            predicted=evidence.classes[candidate.outcome.predicted[row]],
            confidence=float(candidate.confidence[row]),
        )
        for row in worst.tolist()
    ]
