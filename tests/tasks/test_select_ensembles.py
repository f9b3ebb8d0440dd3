"""Stage `select`: ensembles compete with candidates, on the same rows, with the costs of all their members."""

from pathlib import Path
from typing import Any

import pytest

from tasks import model
from tasks.combination import Combination
from tasks.contestants import Contestant
from tasks.errors import BadInput
from tasks.files import read_json, write_json
from tasks.records import Record
from tasks.select import evidence, stage
from tests.tasks.evaluated_workspace import (
    CLASSES,
    answers,
    candidates,
    write_data,
    write_ensemble,
    write_model,
    write_params,
    write_results,
    write_words,
)

ACTUAL = list(CLASSES) * 20
TRAIN = list(CLASSES) * 4
MEMBERS = {"bayes": 0.75, "small": 0.25}
DECLARED = {"both": {"members": list(MEMBERS), "method": "weighted"}}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two candidates, and an ensemble of them that is better than either."""
    write_params(tmp_path, list(MEMBERS), "{draws: 100}", ensembles=DECLARED)
    write_data(tmp_path, ACTUAL)
    folders = {"bayes": write_model(tmp_path, "bayes"), "small": write_words(tmp_path, "small")}
    combination = Combination("weighted", tuple(MEMBERS.values()))
    write_ensemble(tmp_path / "models/ensembles/both", folders, combination)
    for name, wrong in {"bayes": range(0, 60, 3), "small": range(1, 60, 3)}.items():
        write_results(tmp_path, name, ACTUAL, answers(ACTUAL, wrong), {"fit_seconds": 30.0 if name == "bayes" else 2.5})
    costs = {"fit_seconds": 0.25, "size_mb": 3.0}
    write_results(tmp_path, "both", ACTUAL, answers(ACTUAL, []), costs, is_ensemble=True)
    return tmp_path


def select(root: Path) -> dict[str, Any]:
    stage.run(root, None, Record(root, "select"))
    found: dict[str, Any] = read_json(root / "reports/selection.json")
    return found


def test_an_ensemble_can_win_and_its_costs_are_those_of_its_members_and_its_own(workspace: Path) -> None:
    found = select(workspace)
    assert found["winner"] == "both"
    one = found["candidates"][0]
    assert one["name"] == "both"
    assert one["members"] == list(MEMBERS)
    assert "members" not in found["candidates"][1]
    assert (one["cost"]["fit_seconds"], one["cost"]["search_seconds"]) == (32.75, 80.0)
    texts = ["invoice wifi", "holiday"]
    selected = model.load(workspace / "models/selected", threads=1)
    own = model.load(workspace / "models/ensembles/both", threads=1)
    assert selected.predict_proba(texts) == pytest.approx(own.predict_proba(texts), abs=0)


def test_the_reports_tell_of_its_members_and_their_weights(workspace: Path) -> None:
    select(workspace)
    page = (workspace / "reports/report.html").read_text(encoding="utf-8")
    assert "ensemble (weighted) of bayes, small" in page
    assert "weight of bayes <b>0.75</b> (found)" in page
    assert "the time to fit is that of all of them together" in page
    assert "ensemble (weighted) | bayes, small |" in (workspace / "reports/report.md").read_text(encoding="utf-8")


def test_without_ensembles_the_report_does_not_tell_of_any(workspace: Path) -> None:
    write_params(workspace, list(MEMBERS), "{draws: 100}")
    found = select(workspace)  # what the ensemble left behind is not looked at
    assert {one["name"] for one in found["candidates"]} == set(MEMBERS)
    assert "nsembles answer" not in (workspace / "reports/report.html").read_text(encoding="utf-8")


def test_out_of_fold_it_competes_by_its_own_cross_fitted_predictions(workspace: Path) -> None:
    for name in MEMBERS:
        write_results(workspace, name, ACTUAL, answers(ACTUAL, range(5)), out_of_fold=answers(TRAIN, [0]))
    own = answers(TRAIN, [0, 1, 2])
    write_results(workspace, "both", ACTUAL, answers(ACTUAL, []), out_of_fold=own, is_ensemble=True)
    both = Contestant("both", "ensembles", {"members": list(MEMBERS)})
    read = evidence.read(workspace, [*candidates(MEMBERS), both])
    assert read.rows == "out_of_fold"
    assert {one.name: one.measures["accuracy"] for one in read.candidates} == {
        "bayes": pytest.approx(11 / 12),
        "small": pytest.approx(11 / 12),
        "both": 0.75,
    }


def test_an_ensemble_without_results_is_refused(workspace: Path) -> None:
    (workspace / "metrics/both.json").unlink()
    with pytest.raises(BadInput, match=r"metrics/both\.json"):
        select(workspace)


def test_the_picture_of_a_members_training_is_shown_once(workspace: Path) -> None:
    curve = [{"epoch": epoch, "train_loss": 1.0 / epoch, "validation_loss": 1.0} for epoch in (1, 2)]
    write_json(workspace / "plots/learning/small.json", curve)
    select(workspace)
    page = (workspace / "reports/report.html").read_text(encoding="utf-8")
    assert page.count("<h3>small</h3>") == 1 and "<h3>both</h3>" not in page
