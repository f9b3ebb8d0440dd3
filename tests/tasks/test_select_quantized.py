"""Stage `select`: a quantized model competes on validation rows, and stands aside where the rows are out of fold."""

from pathlib import Path
from typing import Any

import pytest

from tasks import model
from tasks.contestants import Contestant
from tasks.files import read_json
from tasks.records import Record
from tasks.select import evidence, stage
from tasks.select.choice import choose
from tasks.select.params import Limits, SelectParams
from tests.tasks.evaluated_workspace import (
    CLASSES,
    answers,
    write_data,
    write_network,
    write_params,
    write_quantized,
    write_results,
)

ACTUAL = list(CLASSES) * 20
TRAIN = list(CLASSES) * 4
DECLARED = {"big": {"features": "tokens", "model": "transformer"}}
SMALL = {"model": "candidates/big", "weights": "int8"}
CONTESTANTS = [Contestant("big", "candidates", DECLARED["big"]), Contestant("small", "quantized", SMALL)]
REASON = "has no out-of-fold predictions"


@pytest.fixture
def workspace(tmp_path: Path, tiny_encoder: Path) -> Path:
    """A network, and its form of 8 bits, which is as good and smaller."""
    declare(tmp_path)
    write_data(tmp_path, ACTUAL)
    own = write_network(tmp_path, "big", tiny_encoder)
    write_quantized(tmp_path / "models/quantized/small", own, "int8")
    write_all(tmp_path)
    return tmp_path


def declare(root: Path, rows: str = "auto", **quantized: Any) -> None:
    write_params(root, DECLARED, f"{{draws: 100, rows: {rows}}}", quantized=quantized or {"small": SMALL})


def write_all(root: Path, *, folds: bool = False) -> None:
    costs = {"fit_seconds": 30.0, "size_mb": 90.0}
    held = answers(TRAIN, [0]) if folds else None
    write_results(root, "big", ACTUAL, answers(ACTUAL, [0]), costs, out_of_fold=held)
    other = {"fit_seconds": 0.5, "size_mb": 23.0}
    write_results(root, "small", ACTUAL, answers(ACTUAL, [0, 1]), other, is_quantized=True)


def select(root: Path) -> dict[str, Any]:
    stage.run(root, None, Record(root, "select"))
    found: dict[str, Any] = read_json(root / "reports/selection.json")
    return found


def test_on_validation_rows_the_smaller_of_the_tied_wins_with_the_costs_of_both(workspace: Path) -> None:
    found = select(workspace)
    assert (found["winner"], found["rows"]) == ("small", "validation")
    (one,) = (one for one in found["candidates"] if one["name"] == "small")
    assert (one["eligible"], one["cost"]["fit_seconds"], one["cost"]["search_seconds"]) == (True, 30.5, 40.0)
    selected = model.load(workspace / "models/selected", threads=1)
    assert selected.describe["notes"]["quantized"] == SMALL
    assert not (workspace / "models/selected/onnx").exists(), "it is one already"
    page = (workspace / "reports/report.html").read_text(encoding="utf-8")
    assert "transformer (ONNX, int8) on tokens" in page and "made of <b>candidates/big</b>" in page
    assert "does not compete" not in page


def test_out_of_fold_it_stands_aside_with_a_reason_and_changes_nothing(workspace: Path) -> None:
    write_all(workspace, folds=True)
    found = select(workspace)
    assert (found["winner"], found["rows"]) == ("big", "out_of_fold"), "auto goes by the models themselves"
    one, other = found["candidates"]
    assert (one["name"], other["name"], other["eligible"], other["tied_with_best"]) == ("big", "small", False, False)
    assert other["validation"]["accuracy"] == pytest.approx(58 / 60)
    assert REASON in other["breaches"][0]["reason"] and "select.rows to validation" in other["breaches"][0]["reason"]
    assert sum(REASON in reason for reason in found["reasons"]) == 1
    page, text = ((workspace / "reports" / name).read_text(encoding="utf-8") for name in ("report.html", "report.md"))
    assert "does not compete" in page and "transformer (ONNX, int8)" in page
    (line,) = (line for line in text.splitlines() if line.startswith("| small |"))
    (head,) = (line for line in text.splitlines() if line.startswith("| candidate |"))
    assert line.count("|") == head.count("|") and line.endswith("| does not compete |")
    assert "| 23.0 |" in line
    without = choose(evidence.read(workspace, CONTESTANTS[:1]), SelectParams(draws=100), seed=7)
    beside = choose(evidence.read(workspace, CONTESTANTS), SelectParams(draws=100), seed=7)
    assert beside.standings == without.standings
    declare(workspace, "validation")
    assert select(workspace)["winner"] == "small"


def test_one_that_was_taken_out_leaves_nothing_that_competes(workspace: Path) -> None:
    write_params(workspace, DECLARED, "{draws: 100}")
    found = select(workspace)
    assert [one["name"] for one in found["candidates"]] == ["big"]
    assert "small" not in (workspace / "reports/report.md").read_text(encoding="utf-8")


def test_a_limit_of_families_takes_it_for_what_it_is_made_of(workspace: Path) -> None:
    read = evidence.read(workspace, CONTESTANTS)
    assert {one.name: one.families for one in read.candidates} == {"big": ("transformer",), "small": ("transformer",)}
    allowed = SelectParams(draws=100, limits=Limits(families=["transformer"]))
    assert all(some.eligible for some in choose(read, allowed, seed=7).standings)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_selected_network_has_an_onnx_form_where_it_is_wanted(workspace: Path, wanted: bool) -> None:
    write_params(workspace, DECLARED, f"{{draws: 100, onnx: {str(wanted).lower()}}}")
    select(workspace)
    folder = workspace / "models/selected"
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert (folder / "onnx").exists() == wanted
    assert card.count("```python") == (3 if wanted else 2)
    assert ("onnxruntime==" in card) == wanted
