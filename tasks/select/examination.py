"""The examination: the winner, and the champion if there is one, on the test split. The only place that opens it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks import rows
from tasks.compute import Compute
from tasks.errors import BadInput
from tasks.files import read_json
from tasks.model import load
from tasks.progress import Progress
from tasks.scores import Floats, summary
from tasks.select import replication
from tasks.select.params import SelectParams

TEST = Path("data/clean/test.parquet")
_CLEANING = Path("data/clean/report.json")
_BATCH_ROWS = 1024  # rows a call, so that memory does not grow with the split


@dataclass(frozen=True)
class Questions:
    """The test rows.

    Attributes:
        ids: of the rows.
        texts: of the rows.
        labels: the right ones.
    """

    ids: list[str]
    texts: list[str]
    labels: list[str]


@dataclass(frozen=True)
class Answers:
    """What a model made of the test rows.

    Attributes:
        classes: that it knows, in the order of its outputs.
        probabilities: [rows, classes].
        device: that it ran on.
    """

    classes: Sequence[str]
    probabilities: Floats
    device: str


@dataclass(frozen=True)
class Examination:
    """What the winner reached on the test split.

    Attributes:
        rows: of the split.
        set_aside: test rows that are not among them, as their class has no train row, so that any answer would have
            been wrong; None if the cleaning report does not tell.
        device: that the winner ran on.
        measures: by name.
        intervals: lower and upper end of each measure, by name.
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


def open_test(root: Path) -> Questions:
    """Reads the test rows; call it once, after the choice is made.

    Raises:
        BadInput: if there are none.
    """
    table = rows.read(root / TEST, ["id", "text", "label"])
    if not table.num_rows:
        raise BadInput(str(TEST), "at least one row", "none", "Give more rows, or a larger test share.")
    return Questions(*(rows.strings(table, name) for name in ("id", "text", "label")))


def answer(
    questions: Questions, folder: Path, computing: Compute, clean: Callable[[str], str] = str, who: str = "test rows"
) -> Answers:
    """Loads a model and lets it answer the test rows.

    Args:
        folder: of the trained model.
        clean: what it wants done to a text first.
        who: what is shown of the progress.
    """
    model = load(folder, computing.threads, computing.device)
    texts = [clean(text) for text in questions.texts]
    progress = Progress(f"predicting {who}", len(texts))
    parts = []
    for start in range(0, len(texts), _BATCH_ROWS):
        parts.append(model.predict_proba(texts[start : start + _BATCH_ROWS]))
        progress.update(min(start + _BATCH_ROWS, len(texts)))
    return Answers(model.labels, np.concatenate(parts), model.device)


def examine(root: Path, questions: Questions, answers: Answers, params: SelectParams, seed: int) -> Examination:
    """Measures the winner by its answers.

    Raises:
        BadInput: if a test row has a label that the winner was never shown.
    """
    index = {label: number for number, label in enumerate(answers.classes)}
    unknown = sorted(set(questions.labels) - set(index))
    if unknown:
        fix = "Give training rows of that class, or leave it out of the test source."
        raise BadInput(str(TEST), "only labels that there are training rows of", ", ".join(unknown), fix)
    actual = np.array([index[label] for label in questions.labels], dtype=np.int64)
    replicated = replication.replicate_all(actual, answers.probabilities, draws=params.draws, seed=seed)
    measures = summary(actual, answers.probabilities)
    return Examination(
        rows=len(actual),
        set_aside=read_json(root / _CLEANING).get("not_in_train", {}).get("test"),
        device=answers.device,
        measures=measures,
        intervals={
            name: replication.interval_of(name, measures[name], replicated[name], params.level) for name in measures
        },
    )
