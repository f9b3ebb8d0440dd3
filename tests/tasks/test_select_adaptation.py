"""The report says whether an adapted encoder pays: by how much, and how surely."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.files import read_json, write_json
from tasks.records import Record
from tasks.select import adaptation, stage
from tests.tasks.evaluated_workspace import CLASSES, answers, write_data, write_model, write_results

ACTUAL = list(CLASSES) * 20
ENCODERS = {
    "base": {"source": "package:some"},
    "copy": {"source": "package:some", "objective": "none"},
    "far": {"source": "package:other"},
    "more": {"source": "base", "objective": "mlm"},
}
FEATURES = {
    "plain": {"kind": "encoder", "encoder": "base"},
    "adapted": {"kind": "encoder", "encoder": "more"},
    "longer": {"kind": "encoder", "encoder": "base", "max_tokens": 9},
    "other": {"kind": "encoder", "encoder": "far"},
    "terms": {"kind": "tfidf", "encoder": "none"},
}


def tree(*features: str, **own: Any) -> dict[str, Any]:
    """Parameters with a candidate on each of these feature sets, named as they are."""
    candidates = {name: {"features": name, "model": "logistic_regression", **own.get(name, {})} for name in features}
    return {"encoders": ENCODERS, "features": FEATURES, "candidates": candidates}


def test_a_twin_differs_in_nothing_but_the_encoder() -> None:
    every = tree("plain", "longer", "other", "terms", "adapted")
    assert adaptation.twins(every) == [("more", "adapted", "plain")]
    assert adaptation.twins(tree("plain", "adapted", adapted={"C": 9.0})) == []
    assert adaptation.twins(tree("plain", "adapted", plain={"C": 9.0}, adapted={"C": 9.0})) != []
    assert adaptation.twins({"candidates": {"one": {"features": "x"}}}) == []
    warm = {"warm_start": "path:earlier"}
    assert adaptation.twins(tree("plain", "adapted", plain=warm, adapted=warm)) == [], "they share the earlier encoder"
    same = tree("plain", "adapted")
    same["features"] = FEATURES | {"plain": {"kind": "encoder", "encoder": "copy"}}
    assert adaptation.twins(same) == [("more", "adapted", "plain")], "another name for the same source"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_data(tmp_path, ACTUAL)
    for name in ("plain", "adapted", "terms"):
        write_model(tmp_path, name)
    points = [
        {"epoch": epoch, "train_loss": loss, "held_out_loss": 3.0 - epoch} for epoch, loss in enumerate([None, 2.5, 1])
    ]
    write_json(tmp_path / "plots/adapt/more.json", points)
    write_json(tmp_path / "plots/adapt/base.json", [])
    return tmp_path


def select(root: Path, wrong: dict[str, range], params: dict[str, Any], **settings: Any) -> list[dict[str, Any]]:
    """Runs the stage on candidates that are wrong about these rows."""
    out_of_fold = answers(list(CLASSES) * 4, []) if settings.get("rows") == "out_of_fold" else None
    for name, rows in wrong.items():
        write_results(root, name, ACTUAL, answers(ACTUAL, rows), out_of_fold=out_of_fold)
    common = {"seed": 7, "threads": 1, "device": "cpu", "precision": "float32", "select": settings, "verdict": {}}
    (root / "params.yaml").write_text(json.dumps({**common, **params}))
    stage.run(root, None, Record(root, "select"))
    found: list[dict[str, Any]] = read_json(root / "reports/selection.json")["adaptation"]
    return found


CASES = [
    ({"adapted": range(3), "plain": range(20)}, "pays", True),
    ({"adapted": range(20), "plain": range(3)}, "does harm", False),
    ({"adapted": range(9), "plain": range(1, 11)}, "is not shown to pay", False),
]


@pytest.mark.parametrize(("wrong", "words", "pays"), CASES, ids=[words for _, words, _ in CASES])
@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
def test_a_gain_is_told_with_its_certainty(root: Path, metric: str, wrong: Any, words: str, pays: bool) -> None:
    (one,) = select(root, wrong, tree("plain", "adapted"), metric=metric)
    (gain,) = one["gains"]
    assert (one["encoder"], one["base"], one["objective"]) == ("more", "base", "mlm")
    assert one["held_out_loss"] == {"before": 3.0, "after": 1.0}
    assert (gain["candidate"], gain["twin"], gain["pays"]) == ("adapted", "plain", pays)
    assert gain["low"] < gain["gain"] < gain["high"]
    better = len(wrong["plain"]) - len(wrong["adapted"])
    assert np.sign(gain["gain"]) == np.sign(better), "a gain is an improvement, also of a loss"
    if metric == "accuracy":
        assert gain["gain"] == pytest.approx(better / len(ACTUAL))
    for report in ("report.html", "report.md"):
        text = (root / "reports" / report).read_text(encoding="utf-8")
        assert f"more {words}: with it, adapted reaches" in text
    assert "held-out loss" in (root / "reports/report.html").read_text(encoding="utf-8"), "the learning curve"


def test_it_is_compared_on_validation_rows_whatever_the_choice_is_made_on(root: Path) -> None:
    wrong = {"adapted": range(3), "plain": range(20)}
    (one,) = select(root, wrong, tree("plain", "adapted"), metric="accuracy", rows="out_of_fold")
    assert read_json(root / "reports/selection.json")["rows"] == "out_of_fold"
    assert one["gains"][0]["gain"] == pytest.approx(17 / 60)
    assert one["gains"][0]["low"] > 0
    assert "more has read their texts" in (root / "reports/report.html").read_text(encoding="utf-8")


def test_rows_whose_texts_an_encoder_has_read_do_not_decide_unless_it_is_declared(root: Path) -> None:
    for candidates, rows in ((("plain", "adapted"), "validation"), (("plain", "terms"), "out_of_fold")):
        for name in candidates:
            write_results(root, name, ACTUAL, answers(ACTUAL, []), out_of_fold=answers(list(CLASSES) * 4, []))
        settings = {"seed": 7, "threads": 1, "device": "cpu", "precision": "float32", "select": {}, "verdict": {}}
        (root / "params.yaml").write_text(json.dumps({**settings, **tree(*candidates)}))
        stage.run(root, None, Record(root, "select"))
        assert read_json(root / "reports/selection.json")["rows"] == rows


def test_an_adapted_encoder_without_a_twin_is_told(root: Path) -> None:
    (one,) = select(root, {"adapted": range(3), "terms": range(5)}, tree("terms", "adapted"))
    assert one["gains"] == []
    assert "Whether more pays is not known" in (root / "reports/report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("head", ["new", "brought"])
def test_a_loss_that_began_with_a_new_head_is_not_made_much_of(root: Path, head: str) -> None:
    points = read_json(root / "plots/adapt/more.json")
    write_json(root / "plots/adapt/more.json", [point | {"head": head} for point in points])
    (one,) = select(root, {"adapted": range(3), "plain": range(20)}, tree("plain", "adapted"))
    assert one["head"] == head
    for report in ("report.html", "report.md"):
        text = " ".join((root / "reports" / report).read_text(encoding="utf-8").split())
        assert ("a fall does not show that the encoder learned" in text) == (head == "new"), report


@pytest.mark.parametrize(("objective", "new"), [("mlm", "head that guesses"), ("tsdae", "decoder that rebuilds")])
def test_what_was_new_is_named_by_what_it_does(objective: str, new: str) -> None:
    one = adaptation.Adapted("more", "base", objective, 3.0, 2.0, "new", None, [], [])
    assert f"as the {new}" in one.loss_sentence


def test_nothing_is_said_where_no_candidate_reads_an_adapted_encoder(root: Path) -> None:
    assert select(root, {"plain": range(3), "terms": range(5)}, tree("terms", "plain")) == []
    assert "Adapted encoders" not in (root / "reports/report.html").read_text(encoding="utf-8")
