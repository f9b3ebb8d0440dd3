"""`reports/review/`: which rows a person gets to see, in which order, and what the reports say of them."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tasks import contestants, predictions, rows, sheet
from tasks.clean.candidate import Candidate, normal
from tasks.clean.corrected import apply
from tasks.clean.stage import CONFLICTS, SET_ASIDE
from tasks.errors import BadInput
from tasks.files import read_json, write_json
from tasks.records import Record
from tasks.rules import Rules
from tasks.select import evidence, review, stage
from tests.tasks.evaluated_workspace import (
    CLASSES,
    answers,
    write_data,
    write_model,
    write_params,
    write_results,
    write_split,
)
from tests.tasks.test_corrections import given

VALIDATION = list(CLASSES) * 4
TRAIN = list(CLASSES) * 10
EVIL = '=cmd|"/c" <b>bold</b>'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """`sure` and `other` both doubt train row 3; each also has mistakes of its own."""
    write_params(tmp_path, ["sure", "other"])
    write_data(tmp_path, VALIDATION)
    write_split(tmp_path, "train", TRAIN, [EVIL if number == 3 else f"text {number}" for number in range(len(TRAIN))])
    for name, wrong, validation in (("sure", [3, 5], [2]), ("other", [3, 7, 8], [4])):
        write_model(tmp_path, name)
        oof = answers(TRAIN, wrong, sure=0.9 if name == "sure" else 0.7)
        write_results(tmp_path, name, VALIDATION, answers(VALIDATION, validation), out_of_fold=oof)
    return tmp_path


def write(root: Path, winner: str = "sure", most: int | None = None) -> review.Review:
    declared = contestants.declared(root)
    return review.write(root, evidence.read(root, list(declared.values())), winner, declared, most)


def lines(root: Path, name: str) -> list[dict[str, str]]:
    return [row for _, row in sheet.read(root / f"reports/review/{name}.csv", name, ["id", "correction", "remove"])]


def conflict(root: Path, pairs: list[tuple[str, str]], aside: list[dict[str, Any]] | None = None) -> None:
    """Writes what the clean stage found of duplicates with other labels."""
    table = pa.Table.from_pylist([{"later": one, "earlier": other} for one, other in pairs], schema=CONFLICTS)
    rows.write(root / "data/clean/conflicts.parquet", table)
    rows.write(root / "data/clean/set_aside.parquet", pa.Table.from_pylist(aside or [], schema=SET_ASIDE))


def test_all_rows_are_ranked_by_the_mean_and_what_both_doubt_comes_first(root: Path) -> None:
    found = write(root)
    ranked = lines(root, "label_errors")
    assert {row["id"] for row in ranked} == {
        *(f"train-{number}" for number in range(30)),
        *(f"validation-{number}" for number in range(12)),
    }, "each train and validation row once, and no test row"
    first = ranked[0]
    assert {key: first[key] for key in ("id", "split", "source", "row", "text", "label")} == {
        "id": "train-3", "split": "train", "source": "rows.csv", "row": "4", "text": EVIL, "label": "billing",
    }  # fmt: skip
    assert (first["suggested"], first["correction"], first["remove"], first["likely_error"]) == ("leave", "", "", "yes")
    # Means of 0.05 and 0.15 for the label, and of 0.9 and 0.7 for the other class.
    assert (first["label_probability"], first["suggested_probability"], first["score"]) == ("0.1", "0.8", "0.85")
    scores = [float(row["score"]) for row in ranked]
    assert scores == sorted(scores, reverse=True)
    assert ranked[-1]["likely_error"] == "no"
    assert (found.train, found.validation, found.names) == (30, 12, ["sure", "other"])
    assert found.likely == sum(row["likely_error"] == "yes" for row in ranked)
    assert [(one.text, one.label, one.suggested) for one in found.first[:1]] == [(EVIL, "billing", "leave")]


def test_the_winners_mistakes_are_ranked_by_its_confidence(root: Path) -> None:
    write(root)
    assert [row["id"] for row in lines(root, "confident_errors")] == ["train-3", "train-5", "validation-2"]
    assert write(root, "other").wrong == 4
    found = lines(root, "confident_errors")
    assert [row["id"] for row in found] == ["validation-4", "train-3", "train-7", "train-8"]
    assert [row["score"] for row in found] == ["0.9", "0.7", "0.7", "0.7"]
    assert found[0]["suggested_probability"] == "0.9"


def test_without_out_of_fold_predictions_validation_rows_alone_are_ranked(root: Path) -> None:
    for name in ("sure", "other"):
        write_results(root, name, VALIDATION, answers(VALIDATION, [2]))
    found = write(root)
    assert (found.train, found.validation) == (0, 12)
    assert {row["split"] for row in lines(root, "label_errors")} == {"validation"}
    assert "train" not in found.sentences[0]


def test_only_candidates_with_out_of_fold_predictions_have_a_vote(root: Path) -> None:
    write_results(root, "other", VALIDATION, answers(VALIDATION, [4]))
    found = write(root)
    assert (found.names, found.train) == (["sure"], 30)


def test_an_ensemble_has_no_vote(root: Path) -> None:
    write_params(root, ["sure", "other"], ensembles={"both": {"members": ["sure", "other"], "method": "mean"}})
    oof = answers(TRAIN, range(30))
    write_results(root, "both", VALIDATION, answers(VALIDATION, []), out_of_fold=oof, is_ensemble=True)
    assert write(root, "both").names == ["sure", "other"]
    assert len(lines(root, "confident_errors")) == 30


def test_near_duplicates_with_other_labels_come_in_groups(root: Path) -> None:
    aside = {"id": "gone", "text": "gone", "label": "leave", "source": "rows.csv", "row": 99}
    conflict(
        root,
        [
            ("train-11", "train-10"), ("train-4", "train-3"), ("train-12", "train-11"), ("gone", "validation-0"),
            ("train-20", "test-1"), ("small", "train-21"),
        ],
        [
            aside | {"reason": "conflicting label: near to validation-0, which is 'billing' in validation"},
            aside | {"id": "small", "reason": "class too small: 'leave' has 1 of 2 rows"},
        ],
    )  # fmt: skip
    found = write(root)
    got = lines(root, "near_duplicates")
    groups = [[row["id"] for row in got if row["group"] == str(number)] for number in (1, 2, 3)]
    assert groups[0] == ["train-3", "train-4"], "the group with the most suspicious row comes first"
    assert sorted(groups[1:]) == [["train-10", "train-11", "train-12"], ["validation-0", "gone"]]
    assert (found.groups, found.grouped) == (3, 7) and len(got) == 7
    (last,) = (row for row in got if row["id"] == "gone")
    assert (last["split"], last["text"], last["suggested"], last["score"]) == ("set aside", "gone", "", "")
    assert next(row for row in got if row["id"] == "train-3")["suggested"] == "leave"


def test_so_many_rows_as_wanted_are_written(root: Path) -> None:
    conflict(root, [("train-4", "train-3"), ("train-12", "train-11")])
    found = write(root, most=1)
    counts = {name: len(lines(root, name)) for name in ("label_errors", "near_duplicates", "confident_errors")}
    assert counts == {"label_errors": 1, "near_duplicates": 2, "confident_errors": 1}, "a group is never cut"
    assert (found.wrong, found.groups, found.train) == (3, 2, 30)


def test_predictions_of_other_rows_are_refused(root: Path) -> None:
    write_params(root, ["sure", "other"], select="{rows: validation}")
    declared = contestants.declared(root)
    found = evidence.read(root, list(declared.values()), "validation")
    write_split(root, "train", TRAIN[1:])
    with pytest.raises(BadInput, match=r"out_of_fold/sure\.parquet: expected the 29 rows"):
        review.write(root, found, "sure", declared)


def test_the_reports_tell_what_there_is_and_the_files_are_the_same_in_each_run(root: Path) -> None:
    write_params(root, ["sure", "other"], select="{review_rows: 5}")
    kept = []
    for _ in range(2):
        stage.run(root, None, Record(root, "select"))
        kept.append({file.name: file.read_bytes() for file in sorted((root / "reports/review").iterdir())})
    assert kept[0] == kept[1]
    assert list(kept[0]) == ["confident_errors.csv", "label_errors.csv", "near_duplicates.csv"]
    assert len(lines(root, "label_errors")) == 5
    page, text = ((root / f"reports/report.{kind}").read_text(encoding="utf-8") for kind in ("html", "md"))
    for part in ("reports/review/label_errors.csv: 30 train rows (out of fold) and 12 validation rows", "sure, other"):
        assert part in page
    section = page.split("<h2>Rows to review</h2>")[1].split("</section>")[0]
    assert "=cmd|&#34;/c&#34; &lt;b&gt;bold&lt;/b&gt;" in section and "<b>" not in section
    assert "data/corrections/labels.csv" in section
    lines_of = text.split("## Rows to review")[1].split("## ")[0]
    assert "| =cmd\\|&#34;/c&#34; &lt;b&gt;bold&lt;/b&gt; | billing | leave | 0.8500 |" in lines_of


def test_a_filled_in_table_is_what_the_clean_stage_reads(root: Path) -> None:
    write(root)
    table = (root / "reports/review/label_errors.csv").read_text(encoding="utf-8-sig").splitlines(keepends=True)
    filled = [row | {"correction": row["suggested"]} for row in csv.DictReader(table)]
    saved = io.StringIO(newline="")
    writer = csv.DictWriter(saved, list(filled[0]), delimiter=";")  # as some spreadsheet programs save it
    writer.writeheader()
    writer.writerows(filled[:1])
    corrections = given(root, saved.getvalue())
    row = Candidate(0, "train-3", normal(EVIL), normal(EVIL), "billing", None, False)
    assert [one.label for one in apply([row], corrections, Rules(), lambda one: False).rows] == ["leave"]


def test_the_mean_is_over_classes_that_not_all_models_know(root: Path) -> None:
    write_split(root, "train", [*TRAIN[:-1], "rare"])
    for name in ("sure", "other"):
        probabilities = np.hstack([answers([*TRAIN[:-1], "network"], []), np.zeros((30, 1))])
        known = CLASSES if name == "sure" else (*CLASSES, "rare")
        write_results(root, name, VALIDATION, answers(VALIDATION, []))
        labels = rows.strings(rows.read(root / "data/clean/train.parquet"), "label")
        _out_of_fold(root, name, labels, known, probabilities[:, : len(known)])
    write(root)
    first = lines(root, "label_errors")[0]
    assert (first["id"], first["label"], first["suggested"], first["score"]) == ("train-29", "rare", "network", "0.95")


def _out_of_fold(root: Path, name: str, labels: list[str], classes: tuple[str, ...], probabilities: Any) -> None:
    ids = [f"train-{number}" for number in range(len(labels))]
    table = predictions.build(ids, "train", labels, classes, probabilities)
    rows.write(root / f"predictions/out_of_fold/{name}.parquet", table)
    metrics = read_json(root / f"metrics/{name}.json")
    write_json(root / f"metrics/{name}.json", metrics | {"out_of_fold": metrics["validation"]})
