"""What is known of the candidates before the choice: rows, predictions of them, measures and costs."""

from collections.abc import Mapping, Sequence
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
from tasks.select.params import Rows

_CLEAN = {"validation": Path("data/clean/validation.parquet"), "out_of_fold": Path("data/clean/train.parquet")}
_PREDICTIONS = {"validation": "predictions/{}.parquet", "out_of_fold": "predictions/out_of_fold/{}.parquet"}
_AGAIN = "Run `regraft run` (it makes what is missing), then select again."
_NAMED = 5  # candidates that an error lists

Measures = dict[str, Any]


@dataclass(frozen=True)
class Candidate:
    """One candidate's results.

    Attributes:
        measures: of the rows that the choice is made on, by name.
        validation: measures of the validation rows.
        out_of_fold: measures of the train rows, each predicted by a model that was not shown it; None without
            cross-validation.
        costs: of fitting and predicting, by name.
        outcome: what it made of each row; classes are indices into `Evidence.classes`.
        confidence: the probability of the predicted class [rows].
    """

    name: str
    measures: Measures
    validation: Measures
    out_of_fold: Measures | None
    costs: dict[str, Any]
    outcome: Outcome
    confidence: Floats


@dataclass(frozen=True)
class Evidence:
    """The rows that the choice is made on, and what each candidate made of them.

    Attributes:
        rows: which rows they are.
        texts: of the rows.
        classes: every label, sorted.
        actual: the class of each row, as an index into `classes` [rows].
    """

    rows: Rows
    texts: list[str]
    classes: list[str]
    actual: Ints
    candidates: list[Candidate]

    def named(self, name: str) -> Candidate:
        """The candidate of that name."""
        return next(candidate for candidate in self.candidates if candidate.name == name)


def read(root: Path, names: list[str], wanted: str = "auto") -> Evidence:
    """Reads the results of the candidates named; files of others are left alone.

    Args:
        wanted: the parameter `select.rows`.

    Raises:
        BadInput: if a file is missing, predictions are of other rows than the split's, or out-of-fold predictions are
            wanted that a candidate does not have.
    """
    metrics = {name: read_json(_present(root, f"metrics/{name}.json")) for name in names}
    searched = [name for name in names if read_json(_present(root, f"plots/search/{name}.json"))]
    which = _which(metrics, wanted, searched)
    split = rows.read(root / _CLEAN[which], ["id", "text", "label"])
    ids, texts, labels = (rows.strings(split, name) for name in ("id", "text", "label"))
    tables = {name: rows.read(_present(root, _PREDICTIONS[which].format(name))) for name in names}
    known = [label for table in tables.values() for label in predictions.classes(table)]
    classes = sorted({*known, *labels})
    index = {label: number for number, label in enumerate(classes)}
    actual = np.array([index[label] for label in labels], dtype=np.int64)
    candidates = []
    for name, table in tables.items():
        if rows.strings(table, "id") != ids or rows.strings(table, "label") != labels:
            where, found = _PREDICTIONS[which].format(name), f"{table.num_rows:,} rows that differ"
            raise BadInput(where, f"the {len(ids):,} rows of {_CLEAN[which]}", found, _AGAIN)
        candidates.append(_candidate(root, name, which, metrics[name], table, actual, classes))
    return Evidence(which, texts, classes, actual, candidates)


def _which(metrics: Mapping[str, Mapping[str, Any]], wanted: str, searched: Sequence[str]) -> Rows:
    without = [name for name, found in metrics.items() if found.get("out_of_fold") is None]
    # A search chose its parameters by the labels of all train rows, so that these would favour it.
    if wanted == "validation" or (wanted == "auto" and (without or searched)):
        return "validation"
    if without:
        more = f" and {len(without) - _NAMED} more" if len(without) > _NAMED else ""
        fix = "Switch cross-validation on (`cross_validation.folds`), or set select.rows to validation."
        found = f"none of {', '.join(without[:_NAMED])}{more}"
        raise BadInput("select.rows", "out-of-fold predictions of every candidate", found, fix)
    return "out_of_fold"


def _candidate(
    root: Path,
    name: str,
    which: Rows,
    metrics: Mapping[str, Measures],
    table: pa.Table,
    actual: Ints,
    classes: list[str],
) -> Candidate:
    index = {label: number for number, label in enumerate(classes)}
    own = [index[label] for label in predictions.classes(table)]
    probabilities = np.zeros((table.num_rows, len(classes)))
    probabilities[:, own] = predictions.probabilities(table)
    fit, predict = (read_json(_present(root, f"costs/{kind}/{name}.json")) for kind in ("fit", "predict"))
    return Candidate(
        name=name,
        measures=metrics[which],
        validation=metrics["validation"],
        out_of_fold=metrics.get("out_of_fold"),
        costs=fit | predict,
        outcome=Outcome.of(actual, probabilities),
        confidence=table.column("confidence").to_numpy(),
    )


def _present(root: Path, file: str) -> Path:
    path = root / file
    if not path.is_file():
        raise BadInput(file, "the file of a declared candidate", "no such file", _AGAIN)
    return path
