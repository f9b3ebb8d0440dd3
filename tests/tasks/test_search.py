"""Search and cross-validation, with a trainer whose every fit is counted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tasks import features
from tasks.compute import Compute
from tasks.errors import BadInput
from tasks.finetune.cross_validation import out_of_fold
from tasks.finetune.memory import too_little
from tasks.finetune.params import CandidateParams, CrossValidationParams, LinearSvmParams, TextCnnParams
from tasks.finetune.search import _all, search
from tasks.finetune.trainer import Fitted, Indices, Probabilities, Split, Trainer
from tasks.folds import folds
from tasks.model import Family
from tests import tiny

LABELS = [list(tiny.TOPICS)[number % 3] for number in range(30)]


class Guess(Fitted):
    """Is right with a probability that is higher the nearer C is to 1."""

    def __init__(self, trainer: "Counting", share: float) -> None:
        self.trainer, self.share = trainer, share
        self.curve, self.gradients, self.notes, self.seconds = [], [], {}, 0.5

    def predict_proba(self, rows: Indices, split: Split = "train") -> Probabilities:
        truth = self.trainer.labels(rows)
        right = np.random.default_rng(len(rows)).random(len(rows)) < self.share
        return np.asarray(np.eye(3)[np.where(right, truth, (truth + 1) % 3)] * 0.9 + 0.1 / 3)

    def soften(self, temperature: float) -> None:
        raise NotImplementedError

    def save(self, folder: Path) -> Family:
        raise NotImplementedError


class Counting(Trainer[Any]):
    """Counts its fits; C above 50 cannot be trained."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            features.FeatureSet(folder, {"rows": {}}), sorted(tiny.TOPICS), Compute(3, 1, "cpu", "float32")
        )
        self.fits: list[tuple[float, tuple[int, ...]]] = []
        self.stop_at: int | None = None

    def labels(self, rows: Indices) -> Any:
        return np.searchsorted(self.classes, np.array(LABELS)[rows])

    def fit(self, params: LinearSvmParams, rows: Indices, scratch: Path) -> Guess:
        if params.C > 50:
            raise BadInput("training", "a finite loss", "nan", "Lower C.")
        if len(self.fits) == self.stop_at:
            self.stop_at = None
            raise KeyboardInterrupt
        self.fits.append((params.C, tuple(rows.tolist())))
        return Guess(self, 1 / (1 + abs(np.log10(params.C))))


def candidate(space: dict[str, object], **changes: object) -> CandidateParams:
    recipe = {"features": "words", "model": "linear_svm", "C": 0.01}
    return LinearSvmParams.model_validate(recipe | {"search": {"trials": 12, "folds": 3, "space": space} | changes})


def monkey_trainer(trainer: Counting) -> Counting:
    """The same trainer for candidates without a C: all are equally good."""

    class Any_(Counting):
        def fit(self, params: Any, rows: Indices, scratch: Path) -> Guess:
            self.fits.append((1.0, tuple(rows.tolist())))
            return Guess(self, 1.0)

    return Any_(trainer.feature_set.folder)


@pytest.fixture
def trainer(tmp_path: Path) -> Counting:
    return Counting(tmp_path)


PARTS = folds(np.array(LABELS), 3, seed=3)
WIDE = {"C": {"low": 0.001, "high": 100.0, "log": True}}


def test_each_row_is_predicted_by_a_model_that_was_not_shown_it(trainer: Counting, tmp_path: Path) -> None:
    found = out_of_fold(trainer, candidate(WIDE).replaced({"C": 1.0}), PARTS, tmp_path / "s", "test")
    assert found.probabilities.shape == (30, 3)
    np.testing.assert_array_equal(found.probabilities.argmax(axis=1), trainer.labels(np.arange(30)))
    for (_, shown), (_, held) in zip(trainer.fits, PARTS, strict=True):
        assert not set(shown) & set(held.tolist())
        assert len(shown) + len(held) == 30


def test_finished_folds_are_not_fitted_again_but_those_of_other_values_are(trainer: Counting, tmp_path: Path) -> None:
    plain = candidate(WIDE).replaced({})
    first = out_of_fold(trainer, plain, PARTS, tmp_path / "s", "test")
    again = out_of_fold(trainer, plain, PARTS, tmp_path / "s", "test")
    assert len(trainer.fits) == 3
    np.testing.assert_array_equal(first.probabilities, again.probabilities)
    assert first.seconds == again.seconds
    out_of_fold(trainer, plain.replaced({"C": 0.5}), PARTS, tmp_path / "s", "test")
    out_of_fold(trainer, plain.replaced({"C": 0.5}), folds(np.array(LABELS), 3, seed=4), tmp_path / "s", "test")
    assert len(trainer.fits) == 9, "a fold's memory was taken for other values or rows"


def test_a_search_finds_better_values_than_those_declared(trainer: Counting, tmp_path: Path) -> None:
    best, trials = search(trainer, candidate(WIDE), PARTS, tmp_path)
    assert len(trials) == 12
    assert trials[0].params == {"C": 0.01}
    (winner,) = [trial for trial in trials if trial.best]
    assert winner.score == max(trial.score for trial in trials if trial.score is not None)
    assert winner.score is not None and trials[0].score is not None
    assert winner.score > trials[0].score
    assert best.model_dump()["C"] == winner.params["C"] and best.search is None


def test_the_same_search_gives_the_same_trials_and_goes_on_where_it_was(trainer: Counting, tmp_path: Path) -> None:
    _, trials = search(trainer, candidate(WIDE), PARTS, tmp_path / "a")
    fits = len(trainer.fits)
    _, again = search(trainer, candidate(WIDE), PARTS, tmp_path / "b")
    assert [trial.as_dict() for trial in again] == [trial.as_dict() for trial in trials]
    assert len(trainer.fits) == 2 * fits
    _, resumed = search(trainer, candidate(WIDE), PARTS, tmp_path / "a")
    assert [trial.as_dict() for trial in resumed] == [trial.as_dict() for trial in trials]
    assert len(trainer.fits) == 2 * fits, "finished trials were trained again"


def test_a_search_that_is_interrupted_goes_on_with_what_is_missing(trainer: Counting, tmp_path: Path) -> None:
    _, trials = search(trainer, candidate(WIDE), PARTS, tmp_path / "whole")
    fits = len(trainer.fits)
    trainer.fits.clear()
    trainer.stop_at = 7
    with pytest.raises(KeyboardInterrupt):
        search(trainer, candidate(WIDE), PARTS, tmp_path / "stopped")
    assert len(trainer.fits) == 7
    _, resumed = search(trainer, candidate(WIDE), PARTS, tmp_path / "stopped")
    assert [trial.as_dict() for trial in resumed] == [trial.as_dict() for trial in trials]
    assert len(trainer.fits) == fits, "finished folds were trained again"


def test_running_out_of_memory_ends_the_search_rather_than_a_trial(
    trainer: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise too_little("a row")

    search(trainer, candidate({"C": [0.01, 0.1]}), PARTS, tmp_path / "a")
    monkeypatch.setattr(trainer, "fit", fail)
    with pytest.raises(BadInput, match="memory"):
        search(trainer, candidate({"C": [0.01, 0.2]}), PARTS, tmp_path / "a")


def test_values_that_do_not_go_together_lose(trainer: Counting, tmp_path: Path) -> None:
    space = {"batch_rows": [4, 32], "accumulate": [1, 8]}
    recipe = {"features": "ids", "model": "text_cnn", "search": {"trials": 4, "folds": 3, "space": space}}
    trainer_of_any = monkey_trainer(trainer)
    _, trials = search(trainer_of_any, TextCnnParams.model_validate(recipe), PARTS, tmp_path)
    failed = [trial for trial in trials if trial.failed]
    assert [trial.params for trial in failed] == [{"batch_rows": 4, "accumulate": 8}]
    assert "accumulate of at most batch_rows" in str(failed[0].failed)


def test_a_declared_value_between_whole_numbers_is_no_value_of_the_space(trainer: Counting, tmp_path: Path) -> None:
    recipe = candidate({"C": {"low": 1, "high": 9}}, trials=3).model_copy(update={"C": 1.5})
    _, trials = search(trainer, recipe, PARTS, tmp_path)
    assert [trial.params["C"] == int(trial.params["C"]) for trial in trials] == [False, True, True]


def test_a_large_space_is_not_listed(trainer: Counting, tmp_path: Path) -> None:
    space: dict[str, object] = {"C": [float(number + 1) / 100 for number in range(400)]}
    space["class_weight"] = [{"access": float(number + 1)} for number in range(400)]  # 160,000 sets
    assert _all(space, 3) is None
    _, trials = search(trainer, candidate(space, trials=3), PARTS, tmp_path)
    assert len(trials) == 3


def test_values_that_cannot_be_trained_lose_and_are_told(trainer: Counting, tmp_path: Path) -> None:
    best, trials = search(trainer, candidate({"C": [60.0, 0.1, 0.5]}), PARTS, tmp_path)
    failed = [trial for trial in trials if trial.failed]
    assert [trial.params for trial in failed] == [{"C": 60.0}]
    assert failed[0].score is None and "finite loss" in str(failed[0].failed)
    assert best.model_dump()["C"] == 0.5
    hopeless = candidate({"C": [0.1, 70.0]}).model_copy(update={"C": 60.0})
    with pytest.raises(BadInput, match="the candidate as declared: expected one that can be trained"):
        search(trainer, hopeless, PARTS, tmp_path)


def test_a_space_smaller_than_the_trials_is_tried_whole_and_once(trainer: Counting, tmp_path: Path) -> None:
    _, trials = search(
        trainer, candidate({"C": [0.01, 0.1, 1.0], "class_weight": ["none", "balanced"]}), PARTS, tmp_path
    )
    tried = [(trial.params["C"], trial.params["class_weight"]) for trial in trials]
    assert tried[0] == (0.01, "none")
    assert sorted(tried) == [(c, w) for c in (0.01, 0.1, 1.0) for w in ("balanced", "none")]


def test_a_proposal_that_was_made_before_costs_no_fit(trainer: Counting, tmp_path: Path) -> None:
    space = {"C": [0.01, 0.1, 1.0], "class_weight": ["none", "balanced"]}
    _, trials = search(trainer, candidate(space, trials=5), PARTS, tmp_path)
    assert len(trials) == 5
    assert len(trainer.fits) == 3 * len({str(trial.params) for trial in trials})


def test_log_loss_is_better_downwards(trainer: Counting, tmp_path: Path) -> None:
    _, trials = search(trainer, candidate({"C": [0.01, 1.0]}, metric="log_loss"), PARTS, tmp_path)
    assert [trial.best for trial in trials] == [False, True]
    assert trials[1].score is not None and trials[0].score is not None
    assert trials[1].score < trials[0].score


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"D": [1.0]}, "a search over keys of LinearSvm, not D"),
        ({"features": ["words", "vectors"]}, "a search over keys of LinearSvm, not features"),
        ({"C": [0.1, -1.0]}, "a search over values that C can have, not -1.0"),
        ({"C": {"low": 0.0, "high": 1.0, "log": True}}, "a low above 0"),
        ({"C": {"low": 2.0, "high": 1.0}}, "a low that is less than high"),
        ({}, "at least 1 item"),
        ({"C": []}, "at least 1 item"),
        ({"C": [float("inf")]}, "values that C can have, not inf"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(space: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        candidate(space)


def test_a_search_may_be_over_lists_and_whole_numbers() -> None:
    space: dict[str, object] = {"widths": [[2], [3, 4]], "filters": {"low": 4, "high": 9}}
    recipe = {"features": "ids", "model": "text_cnn", "search": {"space": space}}
    assert TextCnnParams.model_validate(recipe).search is not None
    space["filters"] = {"low": 4, "high": 9.5}
    with pytest.raises(ValidationError, match=r"values that filters can have, not 9\.5"):
        TextCnnParams.model_validate(recipe)


def test_few_rows_are_cross_validated_unless_told_otherwise() -> None:
    assert CrossValidationParams().number(1000, 9) == 5
    assert CrossValidationParams().number(1001, 9) == 0
    assert CrossValidationParams().number(50, 1) == 0, "no class has a row to learn from and one to hold out"
    assert CrossValidationParams(small_rows=10).number(11, 9) == 0
    assert CrossValidationParams(folds=0).number(10, 9) == 0
    assert CrossValidationParams(folds=3).number(10**6, 9) == 3
    with pytest.raises(ValidationError, match="0 for none, or 2 to 100"):
        CrossValidationParams(folds=1)
