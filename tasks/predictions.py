"""`predictions/<candidate>.parquet`: what a candidate said of each row."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

FIXED = ("id", "split", "label", "predicted", "confidence")
"""The first columns. After them comes one column a class with its probability, in the model's order of classes."""

_PREFIX = "class:"


def column(label: str) -> str:
    """The column of a class: its own name, unless that is taken (then `class:` stands before it)."""
    return _PREFIX + label if label in FIXED or label.startswith(_PREFIX) else label


def build(
    ids: Sequence[str],
    split: str,
    actual: Sequence[str],
    classes: Sequence[str],
    probabilities: npt.NDArray[np.float64],
) -> pa.Table:
    """Puts predictions into their table.

    Args:
        ids: of the rows.
        split: that the rows are from.
        actual: the label of each row.
        classes: the names of the columns of `probabilities`.
        probabilities: [rows, classes].
    """
    best = probabilities.argmax(axis=1)
    arrays: list[pa.Array[Any]] = [
        pa.array(ids, pa.string()),
        pa.array([split] * len(ids), pa.string()),
        pa.array(actual, pa.string()),
        pa.array([classes[index] for index in best], pa.string()),
        pa.array(probabilities.max(axis=1), pa.float64()),
        *(pa.array(np.ascontiguousarray(probabilities[:, index]), pa.float64()) for index in range(len(classes))),
    ]
    return pa.Table.from_arrays(arrays, names=[*FIXED, *map(column, classes)])


def classes(table: pa.Table) -> list[str]:
    """The classes that a table of predictions knows, in the order of its columns."""
    return [name.removeprefix(_PREFIX) for name in table.column_names[len(FIXED) :]]


def probabilities(table: pa.Table) -> npt.NDArray[np.float64]:
    """The probabilities of a table of predictions [rows, classes]."""
    columns = [table.column(index).to_numpy() for index in range(len(FIXED), table.num_columns)]
    return np.column_stack(columns)
