"""Stage `combine`: what it fits, on what, and what it refuses. The workspace has no clean rows at all to read."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from tasks import model, predictions, rows, temperature
from tasks.combination import Combination
from tasks.combine import stage
from tasks.combine.calibration import VOTES, calibrate
from tasks.combine.fitting import cross_fitted, fit, weights
from tasks.combine.params import MixtureParams, StackParams
from tasks.errors import BadInput, ParamsError
from tasks.files import read_json, sha256, write_json
from tasks.folds import folds
from tasks.records import Record
from tasks.temperature import Part
from tests.imports import ROOT
from tests.tasks.evaluated_workspace import CLASSES, write_model, write_params

ACTUAL = np.array(CLASSES * 20)
IDS = [f"train-{number}" for number in range(len(ACTUAL))]
FOLDS, SEED = 3, 7
METHODS = ("vote", "mean", "weighted", "stack")
MEMBERS = ["good", "odd"]


def said(seed: int, skill: float) -> Any:
    """Made-up probabilities of the rows of `ACTUAL`; more skill puts more on the row's own class."""
    scores = np.random.default_rng(seed).normal(size=(len(ACTUAL), len(CLASSES)))
    scores[np.arange(len(ACTUAL)), [CLASSES.index(label) for label in ACTUAL]] += skill
    return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)


GOOD, ODD = said(0, 1.5), said(1, 1.4)


def write_out_of_fold(root: Path, name: str, probabilities: Any, classes: Sequence[str] = CLASSES) -> None:
    path = root / "predictions/out_of_fold" / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    count = len(probabilities)
    rows.write(path, predictions.build(IDS[:count], "train", ACTUAL[:count].tolist(), classes, probabilities))


def declare(root: Path, method: str, members: Sequence[str] = MEMBERS, calibration: str = "none", **more: Any) -> None:
    blend = {"members": list(members), "method": method, "calibration": calibration, **more}
    write_params(root, [*MEMBERS, "other"], ensembles={"blend": blend})


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two members with out-of-fold predictions, and a candidate that is none, with a table that nobody can read."""
    for name, probabilities in {"good": GOOD, "odd": ODD}.items():
        write_model(tmp_path, name, notes={"folds": FOLDS})
        write_out_of_fold(tmp_path, name, probabilities)
    (tmp_path / "predictions/out_of_fold/other.parquet").write_bytes(b"broken")
    return tmp_path


def combine(root: Path) -> Record:
    record = Record(root, "combine@blend")
    stage.run(root, "blend", record)
    return record


def made(root: Path) -> dict[str, str]:
    folders = [root / "models/ensembles", root / "predictions/combined"]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(root)): sha256(file) for file in files}


def own(root: Path) -> Any:
    return predictions.probabilities(rows.read(root / "predictions/combined/blend.parquet"))


def test_weights_are_those_of_the_smallest_log_loss() -> None:
    right = [CLASSES.index(label) for label in ACTUAL]
    likely = np.stack([part[np.arange(len(ACTUAL)), right] for part in (GOOD, ODD, said(2, 0.0))], axis=1)
    found = weights(likely)
    assert sum(found) == pytest.approx(1, abs=1e-12) and min(found) >= 0
    grid = np.arange(0, 1.0001, 0.01)
    points = [(one, two, 1 - one - two) for one in grid for two in grid if one + two <= 1 + 1e-9]
    best = min(points, key=lambda point: float(-np.log(likely @ np.array(point)).mean()))
    assert found == pytest.approx(best, abs=0.011)
    assert min(found[:2]) > 0.1 and found[2] < 0.1  # both of the two that know something help


def test_a_member_that_only_does_harm_gets_no_weight_and_a_probability_of_zero_is_no_obstacle() -> None:
    assert weights(np.array([[0.9, 0.1], [0.8, 0.1], [0.0, 0.0]])) == (1.0, 0.0)
    assert weights(np.array([[0.9, 0.0], [0.0, 0.9]])) == pytest.approx((0.5, 0.5), abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_the_saved_ensemble_combines_what_its_members_say(workspace: Path, method: str) -> None:
    declare(workspace, method)
    record = combine(workspace)
    texts = ["invoice wifi", "holiday router router", "cable"]
    parts = [model.load(workspace / "models/candidates" / name, 1).predict_proba(texts) for name in MEMBERS]
    if method == "vote":
        votes = np.mean([np.eye(3)[part.argmax(axis=1)] for part in parts], axis=0)
        expected = (1 - 1e-6) * votes + 1e-6 * np.mean(parts, axis=0)
    elif method == "mean":
        expected = np.mean(parts, axis=0)
    elif method == "weighted":
        right = [CLASSES.index(label) for label in ACTUAL]
        first, second = weights(np.stack([part[np.arange(len(ACTUAL)), right] for part in (GOOD, ODD)], axis=1))
        expected = first * parts[0] + second * parts[1]
    else:
        regression = LogisticRegression(C=0.1).fit(np.log(np.hstack([GOOD, ODD])), ACTUAL)
        expected = regression.predict_proba(np.log(np.maximum(np.hstack(parts), 1e-6)))
    saved = model.load(workspace / "models/ensembles/blend", threads=1)
    assert saved.predict_proba(texts) == pytest.approx(expected, abs=1e-5)
    assert saved.describe["notes"] == {"folds": FOLDS}
    assert "temperature" not in read_json(workspace / "models/ensembles/blend/combination.json")
    assert (record.rows_in, record.rows_out) == (len(ACTUAL), len(ACTUAL))


@pytest.mark.parametrize("method", METHODS)
def test_its_own_out_of_fold_predictions_are_fitted_to_the_other_folds(workspace: Path, method: str) -> None:
    declare(workspace, method)
    combine(workspace)
    table = rows.read(workspace / "predictions/combined/blend.parquet")
    assert (rows.strings(table, "id"), rows.strings(table, "label")) == (IDS, ACTUAL.tolist())
    assert predictions.classes(table) == list(CLASSES)
    params = StackParams(members=MEMBERS, method="stack") if method == "stack" else MixtureParams(
        members=MEMBERS, method=method  # type: ignore[arg-type]
    )  # fmt: skip
    found, different = own(workspace), 0.0
    whole = fit(params, [GOOD, ODD], CLASSES, ACTUAL)([GOOD, ODD], CLASSES)
    for shown, held in folds(ACTUAL, FOLDS, SEED):
        combination = fit(params, [GOOD[shown], ODD[shown]], CLASSES, ACTUAL[shown])
        assert found[held] == pytest.approx(combination([GOOD[held], ODD[held]], CLASSES), abs=1e-12)
        different = max(different, float(abs(found[held] - whole[held]).max()))
    assert (different > 1e-4) == (method in ("weighted", "stack"))  # which the final fit, to all rows, would not be


@pytest.mark.parametrize(
    "params", [MixtureParams(members=MEMBERS, method="weighted"), StackParams(members=MEMBERS, method="stack")]
)
def test_the_label_of_a_row_has_no_part_in_what_is_said_of_it(params: Any) -> None:
    parts = folds(ACTUAL, FOLDS, SEED)
    before = cross_fitted(params, [GOOD, ODD], CLASSES, ACTUAL, parts)
    planted, held = ACTUAL.copy(), parts[0][1]
    planted[held] = np.roll(ACTUAL[held], 1)
    after = cross_fitted(params, [GOOD, ODD], CLASSES, planted, parts)
    assert np.array_equal(before[held], after[held])
    others = np.concatenate([rest for _, rest in parts[1:]])
    assert not np.allclose(before[others], after[others], atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_columns_of_members_are_matched_by_name(workspace: Path, method: str) -> None:
    declare(workspace, method)
    combine(workspace)
    before, found = own(workspace), read_json(workspace / "models/ensembles/blend/combination.json")
    write_out_of_fold(workspace, "odd", ODD[:, ::-1], CLASSES[::-1])
    combine(workspace)
    assert np.array_equal(own(workspace), before)
    assert read_json(workspace / "models/ensembles/blend/combination.json") == found


def test_only_the_members_out_of_fold_predictions_are_read(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: set[str] = set()
    read = rows.read

    def watched(path: Path, columns: list[str] | None = None) -> Any:
        opened.add(path.relative_to(workspace).as_posix())
        return read(path, columns)

    monkeypatch.setattr(rows, "read", watched)
    declare(workspace, "stack")
    combine(workspace)
    assert opened == {f"predictions/out_of_fold/{name}.parquet" for name in MEMBERS}
    assert not (workspace / "data").exists()


def test_members_are_copied_whole_and_the_time_is_told(workspace: Path) -> None:
    declare(workspace, "mean", ["odd", "good"])
    combine(workspace)
    for name in MEMBERS:
        for file in (workspace / "models/candidates" / name).iterdir():
            copied = workspace / "models/ensembles/blend/members" / name / file.name
            assert copied.read_bytes() == file.read_bytes()
    assert read_json(workspace / "models/ensembles/blend/combination.json")["members"] == ["odd", "good"]
    costs = read_json(workspace / "costs/fit/blend.json")
    assert costs["combine_seconds"] > 0 and costs["peak_memory_mb"] > 0


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_fitted_to_folds_that_had_no_warm_start(workspace: Path, method: str) -> None:
    """A member's folds start without its earlier model, so that they say little of how it answers itself."""
    card = workspace / "models/candidates/odd/candidate.json"
    write_json(card, read_json(card) | {"params": {"model": "transformer", "warm_start": "path:earlier"}})
    declare(workspace, method, calibration="temperature")
    if method in ("weighted", "stack"):
        with pytest.raises(BadInput, match=r"all members, found those of odd made without.*mean or vote"):
            combine(workspace)
        return
    combine(workspace)
    assert len(own(workspace)) == 0
    assert read_json(workspace / "models/ensembles/blend/candidate.json")["notes"]["calibration"]["kept"] is False


@pytest.mark.parametrize("without", [["odd"], MEMBERS])
def test_without_out_of_fold_predictions_some_methods_work_and_others_say_what_to_do(
    workspace: Path, without: list[str]
) -> None:
    for name in without:
        write_out_of_fold(workspace, name, np.empty((0, 3)))
    for method in ("weighted", "stack"):
        declare(workspace, method)
        with pytest.raises(BadInput, match=rf"none of {', '.join(without)}\. Set cross_validation\.folds"):
            combine(workspace)
    assert not (workspace / "models/ensembles").exists()
    for method in ("vote", "mean"):
        declare(workspace, method)
        combine(workspace)
        table = rows.read(workspace / "predictions/combined/blend.parquet")
        assert (table.num_rows, predictions.classes(table)) == (0, list(CLASSES))
        assert model.load(workspace / "models/ensembles/blend", threads=1).describe["notes"] == {}


def test_the_strength_of_the_regularisation_acts(workspace: Path) -> None:
    declare(workspace, "stack", C=0.0001)
    combine(workspace)
    weak = own(workspace)
    declare(workspace, "stack", C=10.0)
    combine(workspace)
    assert own(workspace).max(axis=1).mean() > weak.max(axis=1).mean() + 0.1


def test_members_that_do_not_fit_together_are_refused(workspace: Path) -> None:
    declare(workspace, "mean", ["good", "other"])
    with pytest.raises(BadInput, match=r"other/candidate\.json: expected a trained candidate"):
        combine(workspace)
    write_model(workspace, "other", ["billing", "tax"])
    with pytest.raises(BadInput, match="expected the classes of good, found a difference in leave, network, tax"):
        combine(workspace)
    declare(workspace, "mean")
    write_out_of_fold(workspace, "odd", ODD[:50])
    with pytest.raises(BadInput, match=r"odd\.parquet: expected predictions of the same 60 rows as those of good"):
        combine(workspace)


def test_members_of_unlike_folds_are_refused(tmp_path: Path) -> None:
    for name, number in {"good": 3, "odd": 4}.items():
        write_model(tmp_path, name, notes={"folds": number})
        write_out_of_fold(tmp_path, name, GOOD)
    declare(tmp_path, "weighted")
    with pytest.raises(BadInput, match=r"odd\.parquet: expected predictions in 3 folds, as those of good, found 4"):
        combine(tmp_path)


def test_a_stack_of_rows_of_one_class_is_refused() -> None:
    with pytest.raises(BadInput, match="rows of two classes"):
        fit(StackParams(members=MEMBERS, method="stack"), [GOOD, ODD], CLASSES, np.full(len(GOOD), "leave"))


def test_an_ensemble_that_is_not_declared_is_refused(workspace: Path) -> None:
    write_params(workspace, MEMBERS)
    with pytest.raises(ParamsError, match=r"ensembles\.blend\.method"):
        combine(workspace)
    with pytest.raises(BadInput, match="the name of an ensemble"):
        stage.run(workspace, None, Record(workspace, "combine"))


def test_another_process_gives_the_same_bytes(workspace: Path) -> None:
    declare(workspace, "stack", calibration="temperature")
    combine(workspace)
    before = made(workspace)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "123"}
    subprocess.run([sys.executable, "-m", "tasks", "combine", "blend"], cwd=workspace, env=environment, check=True)
    assert made(workspace) == before
    assert len(before) > 5


@pytest.mark.parametrize("method", ["mean", "weighted", "stack"])
def test_an_ensemble_gets_the_temperature_that_its_own_out_of_fold_predictions_want(
    workspace: Path, method: str
) -> None:
    declare(workspace, method, C=1e-2) if method == "stack" else declare(workspace, method)  # unsure by far
    combine(workspace)
    plain, path = own(workspace), workspace / "models/ensembles/blend"
    before = model.load(path, threads=1).predict_proba(["invoice wifi", "cable"])
    declare(workspace, method, calibration="temperature", **({"C": 1e-2} if method == "stack" else {}))
    combine(workspace)
    after = model.load(path, threads=1).predict_proba(["invoice wifi", "cable"])
    found, notes = read_json(path / "combination.json"), read_json(path / "candidate.json")["notes"]
    right = np.array([CLASSES.index(label) for label in ACTUAL])

    def loss(divisor: float) -> float:  # the second part is the prior, which weighs as much as a row
        soft = softmax(np.log(plain) / divisor, axis=1)
        return float(-np.log(soft[np.arange(len(right)), right]).sum() + 1 / divisor + np.log(divisor))

    best = min(np.geomspace(0.05, 20, 1001), key=loss)
    assert found["temperature"] == notes["calibration"]["temperature"] == pytest.approx(best, rel=0.02)
    assert found["temperature"] < 0.9, "the mean of several is not sure enough"
    assert (notes["folds"], notes["calibration"]["kept"], notes["calibration"]["rows"]) == (FOLDS, True, "out-of-fold")
    assert after == pytest.approx(softmax(np.log(before) / found["temperature"], axis=1), abs=1e-9)
    assert abs(after - before).max() > 0.01
    calibrated = own(workspace)
    assert np.array_equal(calibrated.argmax(axis=1), plain.argmax(axis=1))
    own_class = np.arange(len(right)), right
    assert -np.log(calibrated[own_class]).mean() < -np.log(plain[own_class]).mean()


def test_the_temperature_of_a_fold_is_that_of_the_others(workspace: Path) -> None:
    declare(workspace, "mean", calibration="temperature")
    combine(workspace)
    before = own(workspace)
    held = folds(ACTUAL, FOLDS, SEED)[0][1]
    planted = ACTUAL.copy()
    planted[held] = np.roll(ACTUAL[held], 1)
    parts = folds(ACTUAL, FOLDS, SEED)
    params = MixtureParams(members=MEMBERS, method="mean")
    mean = (GOOD + ODD) / 2
    fitted = [calibrate(params, Combination("mean"), mean, CLASSES, some, parts) for some in (ACTUAL, planted)]
    assert fitted[0][1] == pytest.approx(before, abs=1e-12)
    temperatures = [some[2]["calibration"]["temperature"] for some in fitted]
    assert temperatures[1] > 1.5 * temperatures[0], "other labels ask for another temperature in the end"
    wanted = temperature.find(
        [Part.of(mean[one][None], np.array([CLASSES.index(label) for label in planted[one]])) for _, one in parts]
    )
    assert wanted is not None
    expected = softmax(np.log(mean[held]) / wanted.crosswise[0], axis=1)
    assert before[held] == pytest.approx(expected, abs=1e-9), "which the labels of the fold itself do not change"


def test_an_ensemble_stays_as_it_is_where_a_temperature_cannot_be_had(workspace: Path) -> None:
    def notes(method: str) -> Any:
        declare(workspace, method, calibration="temperature")
        combine(workspace)
        assert "temperature" not in read_json(workspace / "models/ensembles/blend/combination.json")
        return read_json(workspace / "models/ensembles/blend/candidate.json")["notes"]["calibration"]

    assert notes("vote") == {"kept": False, "reason": VOTES}
    same = np.full_like(GOOD, 1 / 3)
    for name in MEMBERS:
        write_out_of_fold(workspace, name, same)
    assert "gain nothing" in notes("mean")["reason"]
    for name in MEMBERS:
        write_out_of_fold(workspace, name, np.empty((0, 3)))
    assert notes("mean") == {"kept": False, "reason": "no out-of-fold predictions"}


def test_votes_and_means_have_nothing_to_fit() -> None:
    for method in ("vote", "mean"):
        params = MixtureParams(members=MEMBERS, method=method)  # type: ignore[arg-type]
        assert fit(params, [GOOD, ODD], CLASSES, ACTUAL) == Combination(method)  # type: ignore[arg-type]
