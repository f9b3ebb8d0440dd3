"""The bootstrap, held against samples drawn one by one."""

import numpy as np
import pytest
from sklearn import metrics

from tasks.scores import agreement, count, log_losses
from tasks.select import bootstrap
from tasks.select.bootstrap import Outcome, interval, replicate, replicate_left_out

ROWS, CLASSES = 60, 4


@pytest.fixture
def actual() -> np.ndarray:
    return np.random.default_rng(1).integers(0, CLASSES, ROWS)


@pytest.fixture
def outcomes(actual: np.ndarray) -> list[Outcome]:
    random = np.random.default_rng(2)
    return [Outcome.of(actual, random.dirichlet(np.ones(CLASSES), ROWS)) for _ in range(3)]


def test_each_draw_is_the_measure_of_one_resample_that_all_candidates_share(
    actual: np.ndarray, outcomes: list[Outcome]
) -> None:
    names = ["accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "mcc", "log_loss"]
    found = replicate(actual, outcomes, names, classes=CLASSES, draws=20, seed=5)
    (weights,) = bootstrap.samples(ROWS, 20, 5)
    assert (weights.sum(axis=0) == ROWS).all()
    for draw in range(20):
        sample = np.repeat(np.arange(ROWS), weights[:, draw].astype(int))
        for number, some in enumerate(outcomes):
            alone = agreement(count(actual[sample], some.predicted[sample], CLASSES))
            expected = {**alone, "log_loss": some.losses[sample].mean()}
            for name in names:
                assert found[name][number, draw] == pytest.approx(float(expected[name])), name


def test_each_draw_also_measures_the_rows_that_it_leaves_out(actual: np.ndarray, outcomes: list[Outcome]) -> None:
    names = ["accuracy", "macro_f1", "mcc", "log_loss"]
    found = replicate_left_out(actual, outcomes, names, classes=CLASSES, draws=20, seed=5)
    (weights,) = bootstrap.samples(ROWS, 20, 5)
    for draw in range(20):
        left_out = np.flatnonzero(weights[:, draw] == 0)
        assert 10 < len(left_out) < 35
        for number, some in enumerate(outcomes):
            alone = agreement(count(actual[left_out], some.predicted[left_out], CLASSES))
            expected = {**alone, "log_loss": some.losses[left_out].mean()}
            for name in names:
                assert found[name][number, draw] == pytest.approx(float(expected[name])), name


def test_a_draw_that_leaves_out_no_row_has_no_measure_of_them() -> None:
    lone = [Outcome(np.array([0]), np.array([0.1]))]
    values = replicate_left_out(np.array([0]), lone, ["accuracy", "log_loss"], classes=1, draws=5, seed=1)
    assert np.isnan(values["accuracy"]).all() and np.isnan(values["log_loss"]).all()


def test_draws_in_parts_are_all_filled_and_proper_samples(
    monkeypatch: pytest.MonkeyPatch, actual: np.ndarray, outcomes: list[Outcome]
) -> None:
    monkeypatch.setattr(bootstrap, "_CELLS", ROWS * 7)  # 7 draws at a time: 20 draws make parts of 7, 7 and 6
    assert [part.shape[1] for part in bootstrap.samples(ROWS, 20, 5)] == [7, 7, 6]
    values = replicate(actual, outcomes, ["accuracy"], classes=CLASSES, draws=20, seed=5)["accuracy"]
    assert values.shape == (3, 20)
    expected = [metrics.accuracy_score(actual, some.predicted) for some in outcomes]
    assert values.mean(axis=1) == pytest.approx(expected, abs=0.08)
    assert len(np.unique(values[0])) > 3


def test_the_seed_decides_the_draws(actual: np.ndarray, outcomes: list[Outcome]) -> None:
    def draw(seed: int) -> list[float]:
        values = replicate(actual, outcomes, ["macro_f1"], classes=CLASSES, draws=50, seed=seed)["macro_f1"]
        return values.ravel().tolist()  # type: ignore[no-any-return]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_equal_candidates_differ_in_no_draw(actual: np.ndarray, outcomes: list[Outcome]) -> None:
    values = replicate(actual, [outcomes[0], outcomes[0]], ["log_loss"], classes=CLASSES, draws=50, seed=1)["log_loss"]
    assert (values[0] == values[1]).all()


def test_the_interval_of_accuracy_covers_what_theory_says(actual: np.ndarray) -> None:
    # 240 of 300 rows right: the standard error is sqrt(0.8 * 0.2 / 300) = 0.0231.
    truth = np.zeros(300, dtype=np.int64)
    predicted = np.where(np.arange(300) < 240, 0, 1)
    values = replicate(truth, [Outcome(predicted, np.zeros(300))], ["accuracy"], classes=2, draws=4000, seed=3)
    low, high = interval(values["accuracy"][0], 0.95)
    assert low == pytest.approx(0.8 - 1.96 * 0.0231, abs=0.006)
    assert high == pytest.approx(0.8 + 1.96 * 0.0231, abs=0.006)


def test_many_candidates_and_classes_take_seconds() -> None:
    import time

    random = np.random.default_rng(0)
    truth = random.integers(0, 77, 5000)
    many = [Outcome(random.integers(0, 77, 5000), np.ones(5000)) for _ in range(20)]
    started = time.process_time()
    replicate(truth, many, ["macro_f1"], classes=77, draws=1000, seed=0)
    assert time.process_time() - started < 30  # about 2 s; drawing and counting one by one takes minutes


def test_outcomes_take_the_loss_of_the_own_class() -> None:
    probabilities = np.array([[0.25, 0.75], [0.5, 0.5]])
    some = Outcome.of(np.array([0, 1]), probabilities)
    assert some.predicted.tolist() == [1, 0]
    assert some.losses == pytest.approx(np.log([4, 2]))
    assert some.losses.tolist() == log_losses(np.array([0, 1]), probabilities).tolist()
