"""`predictions/row_curve/<candidate>.parquet`: what models that learned from a share of the train rows say of others.

One line a validation row and model. The last model is the candidate itself, before it was calibrated, which learned
from all train rows. The file has no lines where a candidate has no such curve.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks import rows

FOLDER = Path("predictions/row_curve")

_SCHEMA: pa.Schema = pa.schema(
    [  # type: ignore[arg-type]
        ("share", pa.float64()),  # of the train rows that the model learned from
        ("rows", pa.int64()),  # how many these are
        ("id", pa.string()),  # of the validation row
        ("label", pa.string()),
        ("predicted", pa.string()),
        ("probability", pa.float64()),  # of the row's own label; 0 if the model does not know it
    ]
)


@dataclass(frozen=True)
class Step:
    """What the model of one share says of the validation rows.

    Attributes:
        share: of the train rows, above 0 and up to 1.
        rows: train rows that it learned from.
        predicted: the predicted label of each validation row.
        probabilities: that of each row's own label [validation rows].
    """

    share: float
    rows: int
    predicted: list[str]
    probabilities: npt.NDArray[np.float64]


def write(path: Path, ids: Sequence[str], labels: Sequence[str], steps: Sequence[Step]) -> None:
    """Writes the file.

    Args:
        ids: of the validation rows.
        labels: of these rows.
        steps: rising by share.
    """
    count = len(ids)
    columns: dict[str, list[Any]] = {
        "share": [step.share for step in steps for _ in range(count)],
        "rows": [step.rows for step in steps for _ in range(count)],
        "id": [*ids] * len(steps),
        "label": [*labels] * len(steps),
        "predicted": [label for step in steps for label in step.predicted],
        "probability": [value for step in steps for value in step.probabilities.tolist()],
    }
    rows.write(path, pa.table(columns, schema=_SCHEMA))


def read(path: Path) -> tuple[list[str], list[str], list[Step]]:
    """Reads ids and labels of the validation rows, and what the models say of them; all empty without a curve."""
    table = rows.read(path)
    shares = table.column("share").to_numpy()
    ends = [*np.flatnonzero(np.diff(shares) != 0) + 1, len(shares)]
    steps, start = [], 0
    for end in ends if len(shares) else []:
        part = table.slice(start, end - start)
        count, found = int(part.column("rows")[0].as_py()), part.column("probability").to_numpy()
        steps.append(Step(float(shares[start]), count, rows.strings(part, "predicted"), found))
        start = end
    first = table.slice(0, ends[0])
    return rows.strings(first, "id"), rows.strings(first, "label"), steps
