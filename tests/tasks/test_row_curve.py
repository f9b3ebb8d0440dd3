"""The learning curve by rows: which rows make a share, what is written, and what the report says of it."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks import row_curve
from tasks.contestants import Contestant
from tasks.embed import stage as embed
from tasks.errors import BadInput
from tasks.files import read_json, sha256
from tasks.finetune import row_curve as drawing
from tasks.finetune import stage as finetune
from tasks.finetune.params import MODELS
from tasks.records import Record
from tasks.row_curve import Step
from tasks.select import row_curve as curves
from tasks.select import stage as select
from tasks.select.params import SelectParams
from tests import tiny
from tests.tasks.evaluated_workspace import CLASSES, answers, write_data, write_model, write_params, write_results

SHARES = [0.125, 0.25, 0.5]


def test_a_share_has_so_many_rows_of_each_class_and_those_of_the_smaller_ones() -> None:
    labels = np.repeat(["many", "some", "few"], [80, 40, 3])
    labels = np.random.default_rng(1).permutation(labels)
    parts = drawing.nested(labels, SHARES, seed=3)
    assert [len(part) for part in parts] == [10 + 5, 20 + 10 + 1, 40 + 20 + 2]
    for share, part in zip(SHARES, parts, strict=True):
        assert (labels[part] == "many").sum() == 80 * share
        assert (np.diff(part) > 0).all()
    assert set(parts[0]) < set(parts[1]) < set(parts[2])
    again, other = (drawing.nested(labels, SHARES, seed) for seed in (3, 4))
    assert [part.tolist() for part in again] == [part.tolist() for part in parts]
    assert [part.tolist() for part in other] != [part.tolist() for part in parts]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a classical candidate, one without a curve, one that cannot learn from a few rows, a network."""
    root = tmp_path_factory.mktemp("row_curve")
    tiny.clean_rows(root)
    features = {
        "terms": {"kind": "tfidf", "encoder": "none", "min_rows": 1},
        "topics": {"kind": "tfidf", "encoder": "none", "min_rows": 1, "dimensions": 4},
        "words": {"kind": "words", "encoder": "none", "dimensions": 8, "epochs": 1, "vectors": "random"},
    }
    terms = {"features": "terms", "model": "logistic_regression", "C": 10.0}
    candidates = {
        "curved": terms,
        "plain": {**terms, "learning_curve": []},
        "discriminant": {"features": "topics", "model": "linear_discriminant", "learning_curve": [0.05, 0.5]},
        "average": {"features": "words", "model": "average", "hidden": 4, "epochs": 1},
    }
    tiny.params(root, features=features, candidates=candidates)
    (root / "links" / "vectors").mkdir(parents=True)
    for name in features:
        embed.run(root, name, Record(root, f"embed@{name}"))
    for name in candidates:
        finetune.run(root, name, Record(root, f"finetune@{name}"))
    return root


def test_each_model_of_a_share_is_measured_and_the_last_one_is_the_candidate(trained: Path) -> None:
    points = read_json(trained / "plots/row_curve/curved.json")
    assert [(point["share"], point["rows"]) for point in points] == [(0.125, 6), (0.25, 12), (0.5, 24), (1.0, 48)]
    (whole,) = read_json(trained / "plots/learning/curved.json")
    assert points[-1]["validation_macro_f1"] == whole["validation_macro_f1"]
    assert points[-1]["validation_loss"] == whole["validation_loss"], "before its temperature, as the others are"
    assert points[0]["validation_loss"] > points[-1]["validation_loss"]
    ids, labels, steps = row_curve.read(trained / row_curve.FOLDER / "curved.parquet")
    assert len(ids) == 18
    for step, point in zip(steps, points, strict=True):
        assert (step.share, step.rows) == (point["share"], point["rows"])
        assert np.mean(np.array(step.predicted) == np.array(labels)) == pytest.approx(point["validation_accuracy"])
        assert -np.log(step.probabilities).mean() == pytest.approx(point["validation_loss"])
    assert read_json(trained / "costs/fit/curved.json")["learning_curve_seconds"] > 0


def test_candidates_without_a_curve_have_empty_files(trained: Path) -> None:
    for name in ("plain", "average"):
        assert read_json(trained / f"plots/row_curve/{name}.json") == []
        assert row_curve.read(trained / row_curve.FOLDER / f"{name}.parquet") == ([], [], [])


def test_a_share_that_nothing_can_be_learned_from_is_left_out(trained: Path) -> None:
    assert [point["rows"] for point in read_json(trained / "plots/row_curve/discriminant.json")] == [24, 48]


def test_the_curve_changes_nothing_of_the_model(trained: Path) -> None:
    one, other = (trained / "models/candidates" / name for name in ("curved", "plain"))
    assert sha256(one / "model.skops") == sha256(other / "model.skops")
    cards = [read_json(folder / "candidate.json") for folder in (one, other)]
    assert "learning_curve" not in cards[0]["params"]
    assert cards[0] | {"name": ""} == cards[1] | {"name": ""}


def test_the_same_rows_give_the_same_bytes_again(trained: Path, tmp_path: Path) -> None:
    root = tmp_path / "again"
    shutil.copytree(trained, root)
    files = ["plots/row_curve/curved.json", "predictions/row_curve/curved.parquet"]
    before = [sha256(root / file) for file in files]
    finetune.run(root, "curved", Record(root, "finetune@curved"))
    assert [sha256(root / file) for file in files] == before


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ([0.5, 0.25], "shares that rise"),
        ([0.7], "at most 0.5"),
        ([0.5, 1.0], "less than 1"),
        ([0.0, 0.5], "greater than"),
    ],
)
def test_shares_that_make_no_curve_are_refused(shares: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MODELS["naive_bayes"].model_validate({"features": "f", "model": "naive_bayes", "learning_curve": shares})


ACTUAL = list(CLASSES) * 20


def step(share: float, rows: int, wrong: Any) -> Step:
    probabilities = answers(ACTUAL, wrong)
    own = np.array([CLASSES.index(label) for label in ACTUAL])
    predicted = [CLASSES[number] for number in probabilities.argmax(axis=1)]
    return Step(share, rows, predicted, probabilities[np.arange(len(ACTUAL)), own])


STEPS = [step(0.25, 3, range(40)), step(0.5, 6, range(24)), step(1.0, 12, range(3))]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two candidates, one of which has a curve."""
    write_data(tmp_path, ACTUAL)
    for name, steps in {"best": [], "curved": STEPS}.items():
        write_model(tmp_path, name)
        write_results(tmp_path, name, ACTUAL, answers(ACTUAL, range(len(name) // 4)), steps=steps)
    write_params(tmp_path, ["best", "curved"], select="{draws: 200}")
    return tmp_path


@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
def test_the_last_doubling_is_a_paired_gain_of_what_the_choice_is_made_by(workspace: Path, metric: str) -> None:
    params = SelectParams.model_validate({"metric": metric, "draws": 500})
    names = [Contestant(name, "candidates", {}) for name in ("best", "curved")]
    (found,) = curves.read(workspace, names, params, seed=1)
    assert [point.rows for point in found.points] == [3, 6, 12]
    assert found.start.rows == 6
    if metric == "accuracy":
        assert [point.value for point in found.points] == pytest.approx([1 / 3, 0.6, 0.95])
        assert found.gain == pytest.approx(0.35)
    else:
        assert found.gain == pytest.approx(found.points[1].value - found.points[2].value) and found.gain > 0
    # 21 rows of 60 turn right and none turns wrong: no other rows have a part in a paired interval.
    share = 21 / 60
    spread = 1.96 * (share * (1 - share) / 60) ** 0.5
    if metric == "accuracy":
        assert (found.low, found.high) == pytest.approx((share - spread, share + spread), abs=0.03)
    assert "helped" in found.sentence(metric, 0.95)


def test_the_report_says_whether_more_rows_would_help(workspace: Path) -> None:
    select.run(workspace, None, Record(workspace, "select"))
    (found,) = read_json(workspace / "reports/selection.json")["row_curves"]
    assert found["name"] == "curved"
    page = (workspace / "reports/report.html").read_text(encoding="utf-8")
    markdown = (workspace / "reports/report.md").read_text(encoding="utf-8")
    for text in (page, markdown):
        assert "Would more rows help?" in text
        assert "Going from 6 train rows to all 12 helped: the macro F1 of curved goes from" in text
    assert "12 rows: 0.9500" in page


def test_without_a_curve_the_report_says_nothing_of_it(workspace: Path) -> None:
    write_params(workspace, ["best"], select="{draws: 100}")
    select.run(workspace, None, Record(workspace, "select"))
    assert read_json(workspace / "reports/selection.json")["row_curves"] == []
    assert "Would more rows help?" not in (workspace / "reports/report.html").read_text(encoding="utf-8")


def test_a_missing_file_is_told(workspace: Path) -> None:
    (workspace / row_curve.FOLDER / "best.parquet").unlink()
    with pytest.raises(
        BadInput, match=r"predictions/row_curve/best\.parquet: expected the file of a declared candidate"
    ):
        select.run(workspace, None, Record(workspace, "select"))
