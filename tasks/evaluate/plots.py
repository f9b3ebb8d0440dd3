"""The tables that DVC draws: the confusion matrix and the measures of each class."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from tasks.files import replacing
from tasks.scores import Counts, per_class


def write_confusion(path: Path, actual: Iterable[str], predicted: Iterable[str]) -> None:
    """Writes one line a row, `actual,predicted`: DVC's confusion template counts them itself."""
    _write(path, ("actual", "predicted"), zip(actual, predicted, strict=True))


def write_per_class(path: Path, classes: Sequence[str], counts: Counts) -> None:
    """Writes one line a class: `class,rows,precision,recall,f1`."""
    columns = (counts.actual.astype(int).tolist(), *(values.tolist() for values in per_class(counts)))
    _write(path, ("class", "rows", "precision", "recall", "f1"), zip(classes, *columns, strict=True))


def _write(path: Path, header: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)
