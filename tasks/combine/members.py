"""The members of an ensemble: trained candidates, and what they said of train rows that they were not shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks import predictions, rows
from tasks.combination import Probabilities, align
from tasks.errors import BadInput
from tasks.files import read_json
from tasks.model import CARD

CANDIDATES = Path("models/candidates")
OUT_OF_FOLD = Path("predictions/out_of_fold")
_AGAIN = "Run `regraft run finetune`, then try again."


@dataclass(frozen=True)
class Members:
    """Trained candidates of the same classes.

    Attributes:
        names: in the order of the declaration.
        labels: the classes, sorted; the order of all columns.
        cards: the `candidate.json` of each.
    """

    names: list[str]
    labels: list[str]
    cards: list[dict[str, Any]]


@dataclass(frozen=True)
class OutOfFold:
    """What all members said of the train rows.

    Attributes:
        ids: of the rows.
        actual: the label of each row.
        parts: probabilities [rows, classes] of each member.
        folds: how many the members were cross-validated in.
    """

    ids: list[str]
    actual: npt.NDArray[np.str_]
    parts: list[Probabilities]
    folds: int


def read(root: Path, names: Sequence[str]) -> Members:
    """Reads what the members are.

    Raises:
        BadInput: if one has not been trained, or they were trained on other classes.
    """
    cards = []
    for name in names:
        card = CANDIDATES / name / CARD
        if not (root / card).is_file():
            raise BadInput(str(card), "a trained candidate", "no such file", _AGAIN)
        cards.append(read_json(root / card))
    known = [sorted(card["labels"]) for card in cards]
    for name, labels in zip(names, known, strict=True):
        if labels != known[0]:
            differing = ", ".join(sorted(set(labels) ^ set(known[0]))[:5])
            where = str(CANDIDATES / name)
            raise BadInput(where, f"the classes of {names[0]}", f"a difference in {differing}", _AGAIN)
    return Members(list(names), known[0], cards)


def out_of_fold(root: Path, members: Members) -> OutOfFold | None:
    """Reads the members' out-of-fold predictions; None if not all members have any that are like them.

    Those of a member with a warm start are of folds that started without, and say little of how it answers.

    Raises:
        BadInput: if they are of other rows, or were made in other folds.
    """
    if warm_started(members):
        return None
    tables = {name: rows.read(root / OUT_OF_FOLD / f"{name}.parquet") for name in members.names}
    if not all(table.num_rows for table in tables.values()):
        return None
    first = next(iter(tables.values()))
    ids, actual = rows.strings(first, "id"), rows.strings(first, "label")
    numbers = [int((card.get("notes") or {}).get("folds", 0)) for card in members.cards]
    for (name, table), number in zip(tables.items(), numbers, strict=True):
        where = str(OUT_OF_FOLD / f"{name}.parquet")
        if rows.strings(table, "id") != ids or rows.strings(table, "label") != actual:
            expected = f"predictions of the same {len(ids):,} rows as those of {members.names[0]}"
            raise BadInput(where, expected, f"{table.num_rows:,} rows that differ", _AGAIN)
        if number < 2 or number != numbers[0]:
            expected = f"predictions in {numbers[0]} folds, as those of {members.names[0]}"
            raise BadInput(where, expected, str(number), _AGAIN)
    parts = [_aligned(table, members.labels) for table in tables.values()]
    return OutOfFold(ids, np.asarray(actual, dtype=str), parts, numbers[0])


def warm_started(members: Members) -> list[str]:
    """The members that started from an earlier model."""
    pairs = zip(members.names, members.cards, strict=True)
    return [name for name, card in pairs if (card.get("params") or {}).get("warm_start", "none") != "none"]


def _aligned(table: pa.Table, labels: Sequence[str]) -> Probabilities:
    return align(predictions.probabilities(table), predictions.classes(table), labels)


def without(root: Path, members: Members) -> list[str]:
    """The members that have no out-of-fold predictions."""
    return [name for name in members.names if not rows.read(root / OUT_OF_FOLD / f"{name}.parquet", ["id"]).num_rows]
