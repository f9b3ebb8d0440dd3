"""Labelled texts: read from a public data set, and written as the clean stage writes a split."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.workspace import data
from tasks import rows
from tasks.embed.label_names import as_text

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Labelled:
    """Texts and the number of each one's class."""

    texts: list[str]
    labels: list[int]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, chosen: Indices) -> Self:
        """These rows, in this order."""
        return type(self)([self.texts[row] for row in chosen], [self.labels[row] for row in chosen])

    def __add__(self, other: "Labelled") -> "Labelled":
        return Labelled(self.texts + other.texts, self.labels + other.labels)


def read(name: str, split: str, column: str = "label") -> tuple[list[str], list[str]]:
    """The texts of a split of a data set, and the label of each, in the order of the file."""
    table = pq.read_table(data(name) / f"{split}.parquet", columns=["text", column])
    return rows.strings(table, "text"), rows.strings(table, column)


def read_classes(name: str, splits: Sequence[str]) -> list[Labelled]:
    """Splits of a data set; classes are numbered as the sorted names of the first split."""
    found = [read(name, split) for split in splits]
    numbers = {label: number for number, label in enumerate(sorted(set(found[0][1])))}
    return [Labelled(texts, [numbers[label] for label in labels]) for texts, labels in found]


def class_names(name: str) -> Labelled:
    """The name of each class of a data set's train rows as a text of it, in the order of `read_classes`."""
    names = sorted(set(read(name, "train")[1]))
    return Labelled([as_text(label) for label in names], list(range(len(names))))


def write(root: Path, split: str, labelled: Labelled) -> None:
    """Writes a split as the clean stage would; the names of classes sort as their numbers do."""
    (root / "data" / "clean").mkdir(exist_ok=True, parents=True)
    columns = {
        "id": [f"{split}-{number}" for number in range(len(labelled))],
        "text": labelled.texts,
        "label": [f"{label:03}" for label in labelled.labels],
    }
    rows.write(root / "data" / "clean" / f"{split}.parquet", pa.table(columns))


def sample(file: Path, target: Path, count: int | None) -> Path:
    """Copies a table of Parquet with `count` of its rows, drawn at random and left in their order; all for None."""
    table = pq.read_table(file)
    if count is not None and count < len(table):
        table = table.take(np.sort(np.random.default_rng(1).permutation(len(table))[:count]))
    pq.write_table(table, target)
    return target


def write_csv(file: Path, labelled: Sequence[tuple[str, str]]) -> None:
    """Writes texts and labels as a table with the columns `text` and `label`."""
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["text", "label"])
        writer.writerows(labelled)
