"""What is known of the candidates before the choice: validation rows, predictions, measures and costs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tasks import predictions, rows
from tasks.errors import BadInput
from tasks.files import read_json
from tasks.scores import Floats, Ints
from tasks.select.bootstrap import Outcome

VALIDATION = Path("data/clean/validation.parquet")
_AGAIN = "Run `regraft run` (it makes what is missing), then select again."


@dataclass(frozen=True)
class Candidate:
    """One candidate's results.

    Attributes:
        measures: of all validation rows, by name.
        costs: of fitting and predicting, by name.
        outcome: what it made of each row; classes are indices into `Evidence.classes`.
        confidence: the probability of the predicted class [rows].
    """

    name: str
    measures: dict[str, float]
    costs: dict[str, Any]
    outcome: Outcome
    confidence: Floats


@dataclass(frozen=True)
class Evidence:
    """The validation rows and what each candidate made of them.

    Attributes:
        texts: of the rows.
        classes: every label, sorted.
        actual: the class of each row, as an index into `classes` [rows].
    """

    texts: list[str]
    classes: list[str]
    actual: Ints
    candidates: list[Candidate]

    def named(self, name: str) -> Candidate:
        """The candidate of that name."""
        return next(candidate for candidate in self.candidates if candidate.name == name)


def read(root: Path, names: list[str]) -> Evidence:
    """Reads the results of the candidates named; files of others are left alone.

    Raises:
        BadInput: if a file is missing, or predictions are of other rows than the validation split's.
    """
    validation = rows.read(root / VALIDATION, ["id", "text", "label"])
    ids, texts, labels = (rows.strings(validation, name) for name in ("id", "text", "label"))
    tables = {name: rows.read(_present(root, f"predictions/{name}.parquet")) for name in names}
    known = [label for table in tables.values() for label in predictions.classes(table)]
    classes = sorted({*known, *labels})
    index = {label: number for number, label in enumerate(classes)}
    actual = np.array([index[label] for label in labels], dtype=np.int64)
    candidates = []
    for name, table in tables.items():
        if rows.strings(table, "id") != ids or rows.strings(table, "label") != labels:
            where, found = f"predictions/{name}.parquet", f"{table.num_rows:,} rows that differ"
            raise BadInput(where, f"the {len(ids):,} rows of {VALIDATION}", found, _AGAIN)
        candidates.append(_candidate(root, name, table, actual, classes))
    return Evidence(texts, classes, actual, candidates)


def _candidate(root: Path, name: str, table: pa.Table, actual: Ints, classes: list[str]) -> Candidate:
    index = {label: number for number, label in enumerate(classes)}
    own = [index[label] for label in predictions.classes(table)]
    probabilities = np.zeros((table.num_rows, len(classes)))
    probabilities[:, own] = predictions.probabilities(table)
    fit, predict = (read_json(_present(root, f"costs/{kind}/{name}.json")) for kind in ("fit", "predict"))
    return Candidate(
        name=name,
        measures=read_json(_present(root, f"metrics/{name}.json"))["validation"],
        costs=fit | predict,
        outcome=Outcome.of(actual, probabilities),
        confidence=table.column("confidence").to_numpy(),
    )


def _present(root: Path, file: str) -> Path:
    path = root / file
    if not path.is_file():
        raise BadInput(file, "the file of a declared candidate", "no such file", _AGAIN)
    return path
