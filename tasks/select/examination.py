"""The examination: the winner on the test split. The only place that opens it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks import contestants, rows
from tasks.compute import Compute
from tasks.errors import BadInput
from tasks.files import read_json
from tasks.model import load
from tasks.progress import Progress
from tasks.scores import summary
from tasks.select.bootstrap import Outcome, interval, replicate
from tasks.select.params import SelectParams

TEST = Path("data/clean/test.parquet")
_CLEANING = Path("data/clean/report.json")
_INTERVALS = ("accuracy", "macro_f1")
_BATCH_ROWS = 1024  # rows a call, so that memory does not grow with the split


@dataclass(frozen=True)
class Examination:
    """What the winner reached on the test split.

    Attributes:
        rows: of the split.
        set_aside: test rows that are not among them, as their class has no train row, so that any answer would have
            been wrong; None if the cleaning report does not tell.
        device: that the winner ran on.
        measures: by name.
        intervals: lower and upper end, for accuracy, macro F1 and the metric of the choice.
    """

    rows: int
    set_aside: int | None
    device: str
    measures: dict[str, float]
    intervals: dict[str, tuple[float, float]]

    def as_json(self) -> dict[str, Any]:
        """The form in `reports/selection.json`."""
        intervals = {name: {"low": low, "high": high} for name, (low, high) in self.intervals.items()}
        return {"rows": self.rows, "set_aside": self.set_aside, **self.measures, "intervals": intervals}


def examine(root: Path, winner: str, params: SelectParams, computing: Compute) -> Examination:
    """Loads the winner and measures it on the test rows; call it once, after the choice is made.

    Raises:
        BadInput: if there are no test rows, or one has a label that the winner was never shown.
    """
    table = rows.read(root / TEST, ["text", "label"])
    texts, labels = rows.strings(table, "text"), rows.strings(table, "label")
    if not texts:
        raise BadInput(str(TEST), "at least one row", "none", "Give more rows, or a larger test share.")
    model = load(root / contestants.folder(root, winner), computing.threads, computing.device)
    index = {label: number for number, label in enumerate(model.labels)}
    unknown = sorted(set(labels) - set(index))
    if unknown:
        fix = "Give training rows of that class, or leave it out of the test source."
        raise BadInput(str(TEST), "only labels that there are training rows of", ", ".join(unknown), fix)
    actual = np.array([index[label] for label in labels], dtype=np.int64)
    progress = Progress("predicting test rows", len(texts))
    parts = []
    for start in range(0, len(texts), _BATCH_ROWS):
        parts.append(model.predict_proba(texts[start : start + _BATCH_ROWS]))
        progress.update(min(start + _BATCH_ROWS, len(texts)))
    probabilities = np.concatenate(parts)
    outcome = Outcome.of(actual, probabilities)
    wanted = list(dict.fromkeys([*_INTERVALS, params.metric]))
    replicated = replicate(actual, [outcome], wanted, classes=len(index), draws=params.draws, seed=computing.seed)
    return Examination(
        rows=len(texts),
        set_aside=read_json(root / _CLEANING).get("not_in_train", {}).get("test"),
        device=model.device,
        measures=summary(actual, probabilities),
        intervals={name: interval(values[0], params.level) for name, values in replicated.items()},
    )
