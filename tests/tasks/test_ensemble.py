"""The saved form of an ensemble, and how answers are combined: each method against a calculation by hand."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tasks import ensemble, model
from tasks.combination import Combination, align, stacked
from tasks.errors import BadInput
from tasks.files import read_json, write_json
from tasks.rules import Rules
from tests.tasks.evaluated_workspace import CLASSES, write_ensemble, write_model, write_vectors, write_words

TEXTS = ["invoice wifi", "holiday holiday", "router payment cable", "ROUTER"]
ONE = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]])
TWO = np.array([[0.1, 0.7, 0.2], [0.1, 0.6, 0.3]])
THREE = np.array([[0.0, 0.1, 0.9], [0.3, 0.3, 0.4]])


def build(folder: Path, members: Sequence[Path], combination: Combination) -> Path:
    return write_ensemble(folder, {f"m{number}": member for number, member in enumerate(members)}, combination)


def test_the_mean_and_the_weighted_mean() -> None:
    assert Combination("mean")([ONE, TWO], CLASSES) == pytest.approx((ONE + TWO) / 2)
    weighted = Combination("weighted", (0.75, 0.25))([ONE, TWO], CLASSES)
    assert weighted == pytest.approx(np.array([[0.475, 0.4, 0.125], [0.175, 0.525, 0.3]]))


def test_votes_are_counted_and_the_mean_probability_decides_a_tie() -> None:
    found = Combination("vote")([ONE, TWO, THREE], CLASSES)
    # The first row has a vote for each class; the mean probabilities are 0.233, 0.367 and 0.4.
    assert found.argmax(axis=1).tolist() == [2, 1]
    assert found == pytest.approx(np.array([[1, 1, 1], [0, 2, 1]]) / 3, abs=1e-5)
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-12)


def test_the_stack_is_the_softmax_of_a_linear_map_of_log_probabilities() -> None:
    regression = LogisticRegression()
    regression.classes_, regression.n_features_in_ = np.array(CLASSES), 6
    regression.coef_ = np.random.default_rng(0).normal(size=(3, 6))
    regression.intercept_ = np.array([0.1, 0.0, -0.1])
    found = Combination("stack", regression=regression)([ONE, THREE], CLASSES)
    read = np.log(np.concatenate([ONE, np.maximum(THREE, 1e-6)], axis=1))
    scores = np.exp(read @ regression.coef_.T + regression.intercept_)
    assert found == pytest.approx(scores / scores.sum(axis=1, keepdims=True))


def test_columns_are_put_in_order_by_name_and_unknown_classes_have_no_probability() -> None:
    found = align(ONE, ["c", "a", "d"], ["a", "b", "c", "d"])
    assert found.tolist() == [[0.3, 0.0, 0.6, 0.1], [0.5, 0.0, 0.2, 0.3]]


@pytest.mark.parametrize("method", ["vote", "mean", "weighted", "stack"])
def test_a_saved_ensemble_answers_as_its_members_combined_by_hand(tmp_path: Path, method: str) -> None:
    backwards = tuple(reversed(CLASSES))
    folders = [write_model(tmp_path, "nb"), write_words(tmp_path, "cnn", backwards)]
    members = [model.load(folder, threads=1) for folder in folders]
    parts = [align(member.predict_proba(TEXTS), member.labels, CLASSES) for member in members]
    regression = LogisticRegression().fit(stacked(parts), ["billing", "leave", "network", "leave"])
    combination = Combination(
        method,  # type: ignore[arg-type]
        weights=(0.75, 0.25) if method == "weighted" else (),
        regression=regression if method == "stack" else None,
    )
    saved = model.load(build(tmp_path / "both", folders, combination), threads=1)
    done: list[int] = []
    assert saved.predict_proba(TEXTS, done.append) == pytest.approx(combination(parts, CLASSES), abs=1e-12)
    assert (saved.family, saved.labels, saved.device) == ("ensemble", list(CLASSES), "cpu")
    assert done == sorted(done) and done[-1] == len(TEXTS)


def test_each_member_keeps_its_own_cleaning_rules(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "lower")
    card = read_json(folder / model.CARD)
    write_json(folder / model.CARD, card | {"rules": Rules(digits="remove").model_dump()})
    plain = write_model(tmp_path, "plain")
    saved = model.load(build(tmp_path / "both", [folder, plain], Combination("mean")), threads=1)
    text = "wi3fi"  # which only the first reads as wifi
    expected = [model.load(one, threads=1).predict_proba([text]) for one in (folder, plain)]
    assert abs(expected[0] - expected[1]).max() > 0.1
    assert saved.predict_proba([text]) == pytest.approx(np.mean(expected, axis=0), abs=1e-12)


def test_an_ensemble_can_be_a_member_and_the_card_names_all_libraries(tmp_path: Path, tiny_encoder: Path) -> None:
    one, two = write_model(tmp_path, "nb"), write_vectors(tmp_path, "frozen", tiny_encoder)
    inner = build(tmp_path / "inner", [one, two], Combination("mean"))
    saved = model.load(build(tmp_path / "outer", [inner, one], Combination("mean")), threads=1)
    parts = [model.load(folder, threads=1).predict_proba(TEXTS) for folder in (inner, one)]
    assert saved.predict_proba(TEXTS) == pytest.approx(np.mean(parts, axis=0), abs=1e-12)
    assert {"scikit-learn", "numpy", "torch", "transformers"} <= set(saved.describe["libraries"])


def test_the_same_ensemble_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "nb")
    regression = LogisticRegression().fit(stacked([ONE, TWO]), ["billing", "leave"])
    stack = Combination("stack", regression=regression)
    made = [build(tmp_path / place / "both", [folder], stack) for place in ("here", "there")]
    files = [sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file()) for one in made]
    assert files[0] == files[1]
    assert all((made[0] / file).read_bytes() == (made[1] / file).read_bytes() for file in files[0])


def test_what_is_not_whole_is_refused(tmp_path: Path) -> None:
    one = write_model(tmp_path, "nb")
    other = write_model(tmp_path, "other", ["billing", "tax"])
    folder = build(tmp_path / "both", [one, other], Combination("weighted", (0.5, 0.5)))
    with pytest.raises(BadInput, match="no other classes than the ensemble, found tax"):
        model.load(folder, threads=1)
    how = read_json(folder / ensemble.COMBINATION)
    write_json(folder / ensemble.COMBINATION, how | {"weights": [1.0]})
    with pytest.raises(BadInput, match="a weight for each of 2 members, found 1 weights"):
        model.load(folder, threads=1)
    write_json(folder / ensemble.COMBINATION, how | {"temperature": 0.0})
    with pytest.raises(BadInput, match="a temperature above 0, found 0"):
        model.load(folder, threads=1)
    (folder / ensemble.COMBINATION).unlink()
    with pytest.raises(BadInput, match=r"combination\.json, found no such file"):
        model.load(folder, threads=1)


def test_a_spoilt_regression_is_refused(tmp_path: Path) -> None:
    regression = LogisticRegression().fit(stacked([ONE]), ["billing", "leave"])
    folder = build(tmp_path / "both", [write_model(tmp_path, "nb")], Combination("stack", regression=regression))
    (folder / ensemble.REGRESSION).write_bytes(b"not a zip")
    with pytest.raises(BadInput, match="a model file that Regraft wrote"):
        model.load(folder, threads=1)
