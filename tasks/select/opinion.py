"""What models that were not shown a row make of it: train rows out of fold, and validation rows; never test rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks import predictions, rows
from tasks.contestants import Contestant
from tasks.scores import Floats, Ints
from tasks.select import evidence
from tasks.select.params import Rows


@dataclass(frozen=True)
class Row:
    """A row as a person is shown it.

    Attributes:
        split: that it stands in.
        number: its number in the source.
    """

    id: str
    split: str
    source: str
    number: int
    text: str
    label: str


@dataclass(frozen=True)
class Opinion:
    """The mean of what some models make of rows.

    Attributes:
        rows: train rows first, if they are among them.
        classes: every label of these rows and of the models, sorted.
        given: the label of each row, as an index into `classes` [rows].
        probabilities: [rows, classes].
        names: of the models.
    """

    rows: list[Row]
    classes: list[str]
    given: Ints
    probabilities: Floats
    names: list[str]

    def of_train(self) -> int:
        """How many of the rows are train rows."""
        return sum(row.split == "train" for row in self.rows)


def read_rows(root: Path, split: str) -> list[Row]:
    """The rows of a split of the clean data."""
    table = rows.read(root / "data/clean" / f"{split}.parquet", ["id", "source", "row", "text", "label"])
    columns = (table.column(name).to_pylist() for name in ("id", "source", "row", "text", "label"))
    return [Row(name, split, *rest) for name, *rest in zip(*columns, strict=True)]


def read(root: Path, contestants: Sequence[Contestant], *, with_train: bool) -> Opinion:
    """Reads what contestants predicted, and takes the mean of their probabilities.

    Args:
        contestants: at least one.
        with_train: whether train rows are among the rows; each contestant must have out-of-fold predictions then.

    Raises:
        BadInput: if predictions are missing, or are those of other rows.
    """
    parts: list[tuple[list[Row], list[str], Floats]] = []
    kinds: tuple[Rows, ...] = ("out_of_fold", "validation") if with_train else ("validation",)
    for which in kinds:
        found = read_rows(root, "train" if which == "out_of_fold" else "validation")
        parts.append((found, *_mean(root, contestants, which, found)))
    every = [row for found, _, _ in parts for row in found]
    classes = sorted({*(row.label for row in every), *(name for _, known, _ in parts for name in known)})
    index = {label: number for number, label in enumerate(classes)}
    probabilities = np.concatenate([_aligned(values, known, index) for _, known, values in parts])
    given = np.array([index[row.label] for row in every], dtype=np.int64)
    return Opinion(every, classes, given, probabilities, [one.name for one in contestants])


def _mean(root: Path, contestants: Sequence[Contestant], which: Rows, found: Sequence[Row]) -> tuple[list[str], Floats]:
    """Classes, and the mean probability of each [rows, classes]."""
    ids, labels = [row.id for row in found], [row.label for row in found]
    tables = [evidence.answers(root, evidence.file_of(one, which), which, ids, labels) for one in contestants]
    classes = sorted({name for table in tables for name in predictions.classes(table)})
    index = {label: number for number, label in enumerate(classes)}
    total = np.zeros((len(found), len(classes)))
    for table in tables:
        total += _aligned(predictions.probabilities(table), predictions.classes(table), index)
    return classes, total / len(tables)


def _aligned(values: Floats, known: Sequence[str], index: dict[str, int]) -> Floats:
    """Probabilities with a column for each class of `index`; 0 for those that are not known."""
    aligned = np.zeros((len(values), len(index)))
    aligned[:, [index[label] for label in known]] = values
    return aligned
