"""The rows that the choice is made on: validation, or out of fold."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks import rows
from tasks.errors import BadInput
from tasks.files import read_json, write_json
from tasks.records import Record
from tasks.select import evidence, stage
from tasks.select.choice import choose
from tasks.select.params import SelectParams
from tests.tasks.evaluated_workspace import (
    CLASSES,
    RECIPE,
    answers,
    candidates,
    write_data,
    write_model,
    write_params,
    write_results,
    write_split,
)

VALIDATION = list(CLASSES) * 4
TRAIN = list(CLASSES) * 40
NAMES = ["modest", "lucky"]
ROWS = ("out_of_fold", "validation")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """`lucky` is better on the few validation rows, `modest` on the many train rows."""
    write_params(tmp_path, NAMES)
    write_data(tmp_path, VALIDATION)
    write_split(tmp_path, "train", TRAIN)
    for name in NAMES:
        write_model(tmp_path, name, notes={"folds": 5})
    write_all(tmp_path)
    return tmp_path


def write_all(root: Path, *, without: tuple[str, ...] = ()) -> None:
    for name, wrong in {"modest": (range(3), range(4)), "lucky": ([], range(0, 120, 2))}.items():
        out_of_fold = None if name in without else answers(TRAIN, wrong[1])
        write_results(root, name, VALIDATION, answers(VALIDATION, wrong[0]), out_of_fold=out_of_fold)


def select(root: Path) -> dict[str, Any]:
    stage.run(root, None, Record(root, "select"))
    found: dict[str, Any] = read_json(root / "reports/selection.json")
    return found


def test_a_warm_start_is_judged_on_validation_rows(root: Path) -> None:
    """Its folds start without the earlier model, so that its gain would go unseen."""
    assert select(root)["rows"] == "out_of_fold"
    write_params(root, {name: RECIPE | {"warm_start": "path:earlier"} for name in NAMES})
    assert select(root)["rows"] == "validation"


def shown(file: Path) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", file.read_text(encoding="utf-8")).split())


def test_auto_takes_out_of_fold_where_every_candidate_has_it(root: Path) -> None:
    assert evidence.read(root, candidates(NAMES)).rows == "out_of_fold"
    write_all(root, without=("lucky",))
    assert evidence.read(root, candidates(NAMES)).rows == "validation"
    assert evidence.read(root, candidates(["modest"])).rows == "out_of_fold"  # who else there is does not matter


def test_auto_does_not_take_rows_that_a_search_chose_by(root: Path) -> None:
    write_json(root / "plots/search/modest.json", [{"trial": 0, "score": 0.9, "params": {"C": 1.0}, "best": True}])
    assert evidence.read(root, candidates(NAMES)).rows == "validation"
    assert evidence.read(root, candidates(["lucky"])).rows == "out_of_fold"
    assert evidence.read(root, candidates(NAMES), "out_of_fold").rows == "out_of_fold"


def test_the_rows_decide_the_choice(root: Path) -> None:
    winners = {
        rows: choose(evidence.read(root, candidates(NAMES), rows), SelectParams(), seed=7).winner for rows in ROWS
    }
    assert winners == {"out_of_fold": "modest", "validation": "lucky"}


def test_many_rows_make_narrower_intervals(root: Path) -> None:
    width = {}
    for kind in ROWS:
        (standing,) = choose(evidence.read(root, candidates(["modest"]), kind), SelectParams(), seed=7).standings
        width[kind] = standing.high - standing.low
    assert width["out_of_fold"] < width["validation"] / 2


def test_out_of_fold_without_predictions_names_who_lacks_them(root: Path) -> None:
    write_all(root, without=("lucky",))
    with pytest.raises(BadInput, match=r"select\.rows: expected out-of-fold .* none of lucky\..*cross_validation"):
        evidence.read(root, candidates(NAMES), "out_of_fold")


def test_out_of_fold_predictions_of_other_rows_are_refused(root: Path) -> None:
    write_split(root, "train", [*TRAIN[1:], "leave"])
    with pytest.raises(BadInput, match=r"out_of_fold/modest\.parquet: expected the 120 rows of data/clean/train"):
        evidence.read(root, candidates(NAMES))


def test_the_selection_says_which_rows_and_keeps_the_measures_of_both(root: Path) -> None:
    found = select(root)
    assert (found["rows"], found["winner"]) == ("out_of_fold", "modest")
    first = found["candidates"][0]
    assert (first["validation"]["rows"], first["out_of_fold"]["rows"]) == (12, 120)
    assert first["validation"]["accuracy"] == 0.75
    assert first["out_of_fold"]["accuracy"] == pytest.approx(116 / 120)
    assert set(first["validation"]) < set(first["out_of_fold"])  # the interval is of the rows that were compared
    assert "120 out-of-fold train rows" in found["reasons"][0]
    assert "in place of 12 validation rows" in found["reasons"][1]

    write_params(root, NAMES, select="{rows: validation}")
    found = select(root)
    assert (found["rows"], found["winner"]) == ("validation", "lucky")
    assert set(found["candidates"][0]["out_of_fold"]) < set(found["candidates"][0]["validation"])
    assert "12 validation rows" in found["reasons"][0]


def test_details_come_from_the_rows_that_were_compared(root: Path) -> None:
    select(root)
    page, text = shown(root / "reports/report.html"), (root / "reports/report.md").read_text(encoding="utf-8")
    card = (root / "models/selected/README.md").read_text(encoding="utf-8")
    assert "Out-of-fold train rows that modest is sure of" in page
    assert "cross-validation in 5 folds" in page
    hard = rows.read(root / "data/clean/train.parquet")["text"].to_pylist()[3]
    assert hard in page  # `modest` is wrong about the first four train rows
    assert "## Classes (out-of-fold train rows)" in text and "| billing | 40 |" in text
    assert "| class | out-of-fold train rows |" in card and "| billing | 40 |" in card
    assert "| measure | validation | out of fold | test |" in card
    chosen = re.search(r"\| macro F1 \| (.*?) \| (.*?) \|", card)
    assert chosen is not None
    assert "(" not in chosen[1] and "(" in chosen[2]  # the interval stands at the rows that were compared


def test_nothing_speaks_of_out_of_fold_where_there_is_none(root: Path) -> None:
    write_all(root, without=("lucky", "modest"))
    select(root)
    for file in ("reports/report.html", "reports/report.md", "models/selected/README.md"):
        assert "out of fold" not in shown(root / file).lower()
        assert "out-of-fold" not in shown(root / file).lower()


def test_the_other_rows_have_a_column_also_where_only_some_candidates_have_them(root: Path) -> None:
    write_all(root, without=("lucky",))
    select(root)
    table = (root / "reports/report.md").read_text(encoding="utf-8").split("## Candidates")[1].split("\n\n")[2]
    heading, _, *lines = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()]
    column = heading.index("out of fold")
    assert {line[1]: line[column] for line in lines} == {"lucky": "-", "modest": "0.9667"}


def test_test_rows_set_aside_stand_beside_the_test_figures(root: Path) -> None:
    assert select(root)["test"]["set_aside"] == 2
    for file in ("reports/report.html", "reports/report.md", "models/selected/README.md"):
        assert re.search(r"2 more( test rows)?[ ,].*set aside", shown(root / file)), file
    report = read_json(root / "data/clean/report.json")
    del report["not_in_train"]
    write_json(root / "data/clean/report.json", report)
    assert select(root)["test"]["set_aside"] is None


def test_a_fold_that_lacked_a_class_does_not_make_the_log_loss_infinite(root: Path) -> None:
    probabilities = answers(TRAIN, [])
    probabilities[0] = [0.0, 0.5, 0.5]
    write_results(root, "lucky", VALIDATION, answers(VALIDATION, []), out_of_fold=probabilities)
    write_params(root, NAMES, select="{metric: log_loss}")
    found = {one["name"]: one["out_of_fold"] for one in select(root)["candidates"]}
    assert found["lucky"]["log_loss"] == pytest.approx((36.04 + 119 * -np.log(0.9)) / 120, abs=1e-3)
