"""What is known of the candidates before the choice: rows, predictions of them, measures and costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tasks import predictions, rows
from tasks.contestants import Contestant
from tasks.errors import BadInput
from tasks.files import read_json
from tasks.scores import Floats, Ints
from tasks.select.bootstrap import Outcome
from tasks.select.params import Rows
from tasks.select.results import AGAIN, costs, present

_CLEAN = {"validation": Path("data/clean/validation.parquet"), "out_of_fold": Path("data/clean/train.parquet")}
_NAMED = 5  # candidates that an error lists

Measures = dict[str, Any]


@dataclass(frozen=True)
class Candidate:
    """The results of one contestant; what is made of others competes with them.

    Attributes:
        measures: of the rows that the choice is made on, by name.
        validation: measures of the validation rows.
        out_of_fold: measures of the train rows, each predicted by a model that was not shown it; None without
            cross-validation.
        costs: of fitting and predicting, by name.
        outcome: what it made of each row; classes are indices into `Evidence.classes`.
        confidence: the probability of the predicted class [rows].
        folder: of its model, from the workspace's folder.
        members: of an ensemble, the names of its candidates; none for others.
        families: the word in `model`; of an ensemble `ensemble`, and those of its members; of a quantized model that of
            what it is made of.
    """

    name: str
    measures: Measures
    validation: Measures
    out_of_fold: Measures | None
    costs: dict[str, Any]
    outcome: Outcome
    confidence: Floats
    folder: Path
    members: tuple[str, ...] = ()
    families: tuple[str, ...] = ()


@dataclass(frozen=True)
class Aside:
    """A contestant that has no predictions of the rows that the choice is made on, so that it cannot be chosen.

    Attributes:
        validation: measures of the validation rows.
        costs: of making it and predicting, by name.
    """

    name: str
    validation: Measures
    costs: dict[str, Any]

    @property
    def reason(self) -> str:
        """Why, and what to do about it, to go on after its name."""
        return (
            "has no out-of-fold predictions, as the models of the folds that it would be made of are not kept; set "
            "select.rows to validation to let it compete"
        )


@dataclass(frozen=True)
class Evidence:
    """The rows that the choice is made on, and what each candidate made of them.

    Attributes:
        rows: which rows they are.
        texts: of the rows.
        classes: every label, sorted.
        actual: the class of each row, as an index into `classes` [rows].
        aside: contestants that cannot be compared on these rows.
    """

    rows: Rows
    texts: list[str]
    classes: list[str]
    actual: Ints
    candidates: list[Candidate]
    aside: list[Aside] = field(default_factory=list)

    def named(self, name: str) -> Candidate:
        """The candidate of that name."""
        return next(candidate for candidate in self.candidates if candidate.name == name)


def read(root: Path, contestants: Sequence[Contestant], wanted: str = "auto", unlike: Sequence[str] = ()) -> Evidence:
    """Reads the results of these contestants; files of others are left alone.

    Args:
        wanted: the parameter `select.rows`.
        unlike: names of those whose out-of-fold predictions do not say how good their model is, as its encoder was
            adapted and has read the texts of all train rows, or as it started from an earlier model and they did not.

    Raises:
        BadInput: if a file is missing, predictions are of other rows than the split's, or out-of-fold predictions are
            wanted that a contestant does not have (but for quantized models, which then stand aside).
    """
    metrics = {one.name: read_json(present(root, f"metrics/{one.name}.json")) for one in contestants}
    trained = [one.name for one in contestants if not one.made_of]
    searched = [name for name in trained if read_json(present(root, f"plots/search/{name}.json"))]
    # Another form of a model must not change what the models themselves are compared on.
    own = {one.name: metrics[one.name] for one in contestants if not one.is_quantized}
    which = _which(own, wanted, [*searched, *unlike])
    left_out = [one for one in contestants if one.is_quantized and which == "out_of_fold"]
    aside = [Aside(one.name, metrics[one.name]["validation"], costs(root, one)) for one in left_out]
    everyone, contestants = contestants, [one for one in contestants if one not in left_out]
    split = rows.read(root / _CLEAN[which], ["id", "text", "label"])
    ids, texts, labels = (rows.strings(split, name) for name in ("id", "text", "label"))
    tables = {one.name: answers(root, file_of(one, which), which, ids, labels) for one in contestants}
    known = [label for table in tables.values() for label in predictions.classes(table)]
    classes = sorted({*known, *labels})
    index = {label: number for number, label in enumerate(classes)}
    actual = np.array([index[label] for label in labels], dtype=np.int64)
    candidates = []
    for one in contestants:
        name, table = one.name, tables[one.name]
        found = _candidate(root, one, which, metrics[name], table, actual, classes)
        candidates.append(replace(found, families=_families(one, everyone)))
    return Evidence(which, texts, classes, actual, candidates, aside)


def warm_started(tree: Mapping[str, Any]) -> list[str]:
    """The candidates and students that start from an earlier model.

    Args:
        tree: the parameters as they were written.
    """
    declared = {**tree["candidates"], **(tree.get("students") or {})}
    return [name for name, recipe in declared.items() if recipe.get("warm_start", "none") != "none"]


def answers(root: Path, file: str, which: Rows, ids: Sequence[str], labels: Sequence[str]) -> pa.Table:
    """Reads a file of predictions, which must be of these rows.

    Raises:
        BadInput: if it is missing, or of others.
    """
    table = rows.read(present(root, file))
    if rows.strings(table, "id") != list(ids) or rows.strings(table, "label") != list(labels):
        differing = f"{table.num_rows:,} rows that differ"
        raise BadInput(file, f"the {len(ids):,} rows of {_CLEAN[which]}", differing, AGAIN)
    return table


def _which(metrics: Mapping[str, Mapping[str, Any]], wanted: str, unlike: Sequence[str]) -> Rows:
    without = [name for name, found in metrics.items() if found.get("out_of_fold") is None]
    # A search chose its parameters by the labels of all train rows, and an adapted encoder has read their texts: out of
    # fold, both would be favoured. Folds start without an earlier model, so that a warm start would be held back.
    if wanted == "validation" or (wanted == "auto" and (without or unlike)):
        return "validation"
    if without:
        more = f" and {len(without) - _NAMED} more" if len(without) > _NAMED else ""
        fix = "Switch cross-validation on (`cross_validation.folds`), or set select.rows to validation."
        found = f"none of {', '.join(without[:_NAMED])}{more}"
        raise BadInput("select.rows", "out-of-fold predictions of every candidate", found, fix)
    return "out_of_fold"


def _candidate(
    root: Path,
    contestant: Contestant,
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
    return Candidate(
        name=contestant.name,
        measures=metrics[which],
        validation=metrics["validation"],
        out_of_fold=metrics.get("out_of_fold"),
        costs=costs(root, contestant),
        outcome=Outcome.of(actual, probabilities),
        confidence=table.column("confidence").to_numpy(),
        folder=contestant.folder,
        members=contestant.members,
    )


def _families(contestant: Contestant, every: Sequence[Contestant]) -> tuple[str, ...]:
    parts = [one for one in every if one.name in contestant.made_of] or [contestant]
    models = [str(part.params["model"]) for part in parts if "model" in part.params]
    return tuple(dict.fromkeys([*(["ensemble"] if contestant.members else []), *models]))


def file_of(contestant: Contestant, which: Rows) -> str:
    """Where a contestant's predictions of these rows are."""
    return f"predictions/{contestant.name}.parquet" if which == "validation" else str(contestant.out_of_fold)
