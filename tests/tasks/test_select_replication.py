"""Intervals of all measures: each draw is the measure of its sample, and what becomes of the draws."""

import numpy as np
import pytest

from tasks import scores
from tasks.select import bootstrap
from tasks.select.replication import interval_of, replicate_all


@pytest.mark.parametrize(("rows", "classes"), [(60, 4), (25, 2), (6, 5)])
def test_each_draw_is_the_measure_of_its_own_sample(rows: int, classes: int) -> None:
    random = np.random.default_rng(rows)
    actual = random.integers(0, classes, rows)
    probabilities = random.dirichlet(np.ones(classes), rows).round(1) + 1e-3  # so that many are equal
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    found = replicate_all(actual, probabilities, draws=30, seed=5)
    (weights,) = bootstrap.samples(rows, 30, 5)
    for draw in range(30):
        sample = np.repeat(np.arange(rows), weights[:, draw].astype(int))
        expected = scores.summary(actual[sample], probabilities[sample])
        assert set(found) == set(expected)
        for name, value in expected.items():
            assert found[name][draw] == pytest.approx(value, abs=1e-12), (name, draw)


def test_samples_that_come_in_parts_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    actual, probabilities = random.integers(0, 3, 40), random.dirichlet(np.ones(3), 40)
    monkeypatch.setattr(bootstrap, "_CELLS", 40 * 7)
    found = replicate_all(actual, probabilities, draws=20, seed=2)
    assert {values.shape for values in found.values()} == {(20,)}
    weights = np.concatenate(list(bootstrap.samples(40, 20, 2)), axis=1)
    sample = np.repeat(np.arange(40), weights[:, 19].astype(int))
    assert found["roc_auc"][19] == pytest.approx(scores.areas(actual[sample], probabilities[sample])["roc_auc"])


def test_a_sample_in_which_nothing_can_be_told_apart_counts_as_the_measure_does() -> None:
    found = replicate_all(np.zeros(4, dtype=np.int64), np.full((4, 2), 0.5), draws=3, seed=1)
    assert found["roc_auc"].tolist() == [0.5] * 3
    assert found["pr_auc"].tolist() == [0.0] * 3


def test_the_interval_of_the_calibration_error_is_turned_round_and_holds_the_value() -> None:
    values = np.linspace(0.02, 0.06, 401)
    assert interval_of("brier", 0.03, values, 0.95) == pytest.approx((0.021, 0.059))
    assert interval_of("ece", 0.03, values, 0.95) == pytest.approx((0.001, 0.039))
    assert interval_of("ece", 0.02, values, 0.95) == pytest.approx((0.0, 0.02))
    assert interval_of("ece", 0.07, values, 0.95) == pytest.approx((0.07, 0.119))


def test_the_interval_of_a_calibrated_model_mostly_begins_near_nothing_where_percentiles_never_do() -> None:
    random = np.random.default_rng(3)
    turned = percentile = 0
    for seed in range(40):
        sure = random.uniform(0.5, 1.0, 300)
        probabilities = np.column_stack([sure, 1 - sure])
        actual = (random.random(300) > sure).astype(np.int64)
        values = replicate_all(actual, probabilities, draws=200, seed=seed)["ece"]
        turned += interval_of("ece", scores.ece(actual, probabilities), values, 0.95)[0] <= 0.005
        percentile += bootstrap.interval(values, 0.95)[0] <= 0.005
    assert turned >= 25 and percentile <= 2
