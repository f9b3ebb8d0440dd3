"""Cleans the texts, corrects labels, merges duplicates and divides the rows into train, validation and test."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa

from tasks import block
from tasks.clean import corrected, corrections
from tasks.clean.candidate import Candidate, in_order, normal
from tasks.clean.classes import without_small
from tasks.clean.former import Former
from tasks.clean.judge import Conflict, Decision, Judge
from tasks.clean.params import CleanParams, Duplicates, Split
from tasks.clean.report import report
from tasks.clean.sides import Side, by_hash, by_time
from tasks.clean.written import sentences, written
from tasks.errors import BadInput
from tasks.files import replacing, write_json
from tasks.near import NearIndex
from tasks.progress import Progress, log
from tasks.records import Record
from tasks.rows import CLEAN, SPLITS, kept, read, with_kept, write
from tasks.rules import Rules

RAW_ROWS = Path("data/raw/rows.parquet")
FOLDER = Path("data/clean")
SET_ASIDE = pa.schema([*CLEAN, pa.field("reason", pa.string()), pa.field("near", pa.string())])
"""Columns of `set_aside.parquet`, before those that the user keeps: `near` is the id of the row that this one
duplicates, or null."""
CONFLICTS = pa.schema([pa.field("later", pa.string()), pa.field("earlier", pa.string())])
"""Columns of `conflicts.parquet`: the ids of two rows that are duplicates, or near ones, with different labels."""


def run(root: Path, item: str | None, record: Record) -> None:
    """Writes the three splits, `set_aside.parquet`, `conflicts.parquet`, `rules.json`, `report.json` and `report.md` to
    `data/clean/`.

    Rows in a file stand in the order of the raw table.

    Raises:
        BadInput: if a file of corrections cannot be used, fewer than two classes are left, or a split would be empty.
    """
    params = block.read(root, "clean", CleanParams)
    declared = corrections.read(root, params.corrections)
    raw = read(root / RAW_ROWS)
    rows, texts, touched = _candidates(raw, params.rules)
    side = _side(params.split, any(row.official_test for row in rows))
    right = corrected.apply(rows, declared, params.rules, lambda row: side(row) == "test")
    rows = right.rows
    former = Former(right.before, right.settled, _index(params.duplicates))
    judge = Judge(side, _index(params.duplicates), params.duplicates.conflicts == "keep", former)
    decisions = _judged(judge, rows, right.removed)
    _check_split(decisions, "train", params.split)
    decisions = without_small(rows, decisions, params.min_class_rows)
    _check_classes(rows, decisions, params.min_class_rows)
    for name in ("validation", "test"):
        _check_split(decisions, name, params.split)
    clean = raw.set_column(raw.schema.get_field_index("id"), "id", pa.array([row.id for row in rows], pa.string()))
    clean = clean.set_column(clean.schema.get_field_index("text"), "text", pa.array(texts, pa.string()))
    labels = pa.array([row.label for row in rows], pa.string())
    clean = clean.set_column(clean.schema.get_field_index("label"), "label", labels)
    _write_rows(root, clean, rows, decisions)
    _write_conflicts(root, judge.conflicts)
    summary = report(rows, texts, decisions, judge.conflicts, touched, right.report)
    _write_report(root, params.rules, summary)
    record.rows_in, record.rows_out = len(rows), len(rows) - summary["rows"]["set_aside"]
    for sentence in sentences(summary["corrections"]):
        log(sentence)
    log(", ".join(f"{name} {count:,}" for name, count in summary["rows"].items()))


def _candidates(raw: pa.Table, rules: Rules) -> tuple[list[Candidate], list[str], dict[str, int]]:
    """The rows by place, their cleaned texts, and how many rows each rule changed."""
    touched = {name: 0 for name, _ in rules.steps}
    progress = Progress("cleaning texts", raw.num_rows)
    columns = (raw[name].to_pylist() for name in ("id", "text", "label", "time", "official_test"))
    rows: list[Candidate] = []
    texts: list[str] = []
    names = zip(raw["id"].to_pylist(), raw["official_test"].to_pylist(), strict=True)
    of_test = {name for name, official in names if official}
    used: set[str] = set()
    for place, (name, text, label, time, official) in enumerate(zip(*columns, strict=True)):
        texts.append(rules.apply_counting(text, touched))
        if official:  # equal rows of an official test split all stay, so they need names of their own
            own = _unused(name, used)
            used.add(own)
        else:  # the two may have been numbered apart from each other
            own = f"{name}#source" if name in of_test else name
        rows.append(Candidate(place, own, normal(text), normal(texts[-1]), label, time, official))
        progress.update(place + 1)
    return rows, texts, touched


def _unused(name: str, used: set[str]) -> str:
    number, own = 1, name
    while own in used:
        number += 1
        own = f"{name}#{number}"
    return own


def _side(split: Split, official_test: bool) -> Side:
    if split.by == "hash":
        return by_hash(split.validation, 0.0 if official_test else split.test, split.salt)
    if split.validation_from is None:
        raise AssertionError("refused by the parameter model")
    if official_test == (split.test_from is not None):
        expected = "none with an official test split" if official_test else "a time, as there is no official test split"
        fix = "Remove it." if official_test else "Set it, or name ingest.test_sources."
        raise BadInput("clean.split.test_from", expected, str(split.test_from), fix)
    return by_time(split.validation_from, split.test_from)


def _index(duplicates: Duplicates) -> NearIndex | None:
    return NearIndex(duplicates.threshold, duplicates.shingle) if duplicates.near else None


def _judged(judge: Judge, rows: list[Candidate], removed: Mapping[int, str]) -> dict[int, Decision]:
    progress = Progress("looking for duplicates", len(rows))
    decisions: dict[int, Decision] = {}
    for done, row in enumerate(in_order(rows), start=1):
        reason = removed.get(row.place)
        decisions[row.place] = judge.one(row) if reason is None else Decision(None, "removed by hand", reason)
        progress.update(done)
    return decisions


def _check_split(decisions: dict[int, Decision], name: str, split: Split) -> None:
    if any(decision.split == name for decision in decisions.values()):
        return
    if split.by == "time":
        fix = "Choose other times in clean.split.validation_from and test_from."
    elif name == "train":
        fix = "Lower clean.split.validation and clean.split.test, or add rows."
    else:
        fix = f"Raise clean.split.{name}, or add rows."
    raise BadInput(f"clean.split, {name}", "at least one row", f"none of {len(decisions):,}", fix)


def _check_classes(rows: list[Candidate], decisions: dict[int, Decision], at_least: int) -> None:
    left = sorted({row.label for row in rows if decisions[row.place].split is not None})
    if len(left) >= 2:
        return
    there = len({row.label for row in rows})
    found = (f"only {left[0]!r}" if left else "none") + f" ({there} in the raw rows)"
    fix = f"Add rows of another class, or correct ingest.columns.label (clean.min_class_rows is {at_least})."
    raise BadInput("classes left to learn", "at least two", found, fix)


def _write_rows(root: Path, clean: pa.Table, rows: list[Candidate], decisions: dict[int, Decision]) -> None:
    own, columns = kept(clean), with_kept(CLEAN, kept(clean))
    for name in SPLITS:
        places = [row.place for row in rows if decisions[row.place].split == name]
        with replacing(root / FOLDER / f"{name}.parquet") as path:
            write(path, clean.take(places).select(columns.names).cast(columns))
    aside = [decisions[row.place] for row in rows if decisions[row.place].split is None]
    places = [row.place for row in rows if decisions[row.place].split is None]
    near = [None if one.near is None else one.near.id for one in aside]
    table = clean.take(pa.array(places, pa.int64())).select(columns.names)
    table = table.append_column("reason", pa.array([one.reason for one in aside], pa.string()))
    table = table.append_column("near", pa.array(near, pa.string()))
    columns = with_kept(SET_ASIDE, own)
    with replacing(root / FOLDER / "set_aside.parquet") as path:
        write(path, table.select(columns.names).cast(columns))


def _write_conflicts(root: Path, conflicts: Iterable[Conflict]) -> None:
    pairs = [{"later": one.later.id, "earlier": one.earlier.id} for one in conflicts]
    with replacing(root / FOLDER / "conflicts.parquet") as path:
        write(path, pa.Table.from_pylist(pairs, schema=CONFLICTS))


def _write_report(root: Path, rules: Rules, summary: dict[str, object]) -> None:
    write_json(root / FOLDER / "rules.json", rules.model_dump())
    write_json(root / FOLDER / "report.json", summary)
    with replacing(root / FOLDER / "report.md") as path:
        path.write_text(written(summary), encoding="utf-8")
