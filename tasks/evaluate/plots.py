"""The tables that DVC draws: confusions, the measures of each class, calibration, and risk against coverage."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from tasks import confidence
from tasks.confidence import Flags
from tasks.files import replacing
from tasks.scores import Counts, Floats, per_class


def write_confusion(path: Path, actual: Iterable[str], predicted: Iterable[str]) -> None:
    """Writes one line a row, `actual,predicted`: DVC's confusion template counts them itself."""
    _write(path, ("actual", "predicted"), zip(actual, predicted, strict=True))


def write_per_class(path: Path, classes: Sequence[str], counts: Counts) -> None:
    """Writes one line a class: `class,rows,precision,recall,f1`."""
    columns = (counts.actual.astype(int).tolist(), *(values.tolist() for values in per_class(counts)))
    _write(path, ("class", "rows", "precision", "recall", "f1"), zip(classes, *columns, strict=True))


def write_calibration(path: Path, sure: Floats, right: Flags, level: float) -> None:
    """Writes one line a bin of confidence that has rows: `from,to,rows,confidence,accuracy,low,high`.

    Args:
        sure: the confidence of each row [rows].
        right: whether each is predicted rightly [rows].
        level: of the interval of the accuracy, `low` to `high`.
    """
    found = confidence.bins(sure, right)
    lines = [(one.start, one.end, one.rows, one.confidence, one.accuracy, *one.interval(level)) for one in found]
    _write(path, ("from", "to", "rows", "confidence", "accuracy", "low", "high"), lines)


def write_risk_coverage(path: Path, sure: Floats, right: Flags) -> None:
    """Writes one line a point of the curve, of large ones not all: `coverage,error,threshold`.

    Args:
        sure: the confidence of each row [rows].
        right: whether each is predicted rightly [rows].
    """
    _write(path, ("coverage", "error", "threshold"), confidence.risk_coverage(sure, right).thinned(confidence.POINTS))


def _write(path: Path, header: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)
