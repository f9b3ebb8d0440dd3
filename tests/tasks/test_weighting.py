"""Class weights: what each setting means, for all families of models alike."""

import numpy as np
import pytest

from tasks.errors import BadInput
from tasks.finetune.weighting import class_weights, row_weights, sampled_rows

CLASSES = ["access", "hardware", "payroll"]
LABELS = np.array([0] * 8 + [1] * 3 + [2])


def test_without_weights_all_rows_count_the_same() -> None:
    np.testing.assert_array_equal(row_weights("none", LABELS, CLASSES, seed=1), np.ones(12))


def test_balanced_weights_make_all_classes_count_the_same_and_rows_1_on_average() -> None:
    weights = row_weights("balanced", LABELS, CLASSES, seed=1)
    assert weights.mean() == pytest.approx(1)
    np.testing.assert_allclose(np.bincount(LABELS, weights), [4, 4, 4])


def test_declared_weights_keep_their_ratios_and_rows_count_1_on_average() -> None:
    weights = class_weights({"payroll": 5.0, "hardware": 2.0}, LABELS, CLASSES)
    np.testing.assert_allclose(weights / weights[0], [1, 2, 5])
    assert weights[LABELS].mean() == pytest.approx(1)


def test_a_weight_for_an_unknown_class_names_the_key_the_class_and_those_that_there_are() -> None:
    with pytest.raises(BadInput, match=r"class_weight: .*\(access, hardware, payroll\), found 'pay'"):
        class_weights({"pay": 2.0, "access": 1.0}, LABELS, CLASSES)


@pytest.mark.parametrize("setting", ["balanced", "sampled", {"payroll": 3.0}])
def test_a_class_without_rows_changes_nothing_for_the_others(setting: str | dict[str, float]) -> None:
    rows = LABELS[LABELS != 2]
    found = row_weights(setting, rows, CLASSES, seed=1)
    assert np.isfinite(class_weights(setting, rows, CLASSES)).all()
    without = {} if isinstance(setting, dict) else setting
    np.testing.assert_array_equal(found, row_weights(without, rows, CLASSES[:2], seed=1))


def test_sampling_draws_each_class_as_often_as_the_largest_and_each_row_at_least_once() -> None:
    drawn = sampled_rows(LABELS, seed=1)
    np.testing.assert_array_equal(np.bincount(LABELS[drawn]), [8, 8, 8])
    times = np.bincount(drawn, minlength=len(LABELS))
    np.testing.assert_array_equal(times[LABELS == 0], 1)
    assert sorted(times[LABELS == 1]) == [2, 3, 3]
    assert times[LABELS == 2] == 8


def test_sampling_weighs_a_row_by_how_often_it_is_drawn() -> None:
    times = np.bincount(sampled_rows(LABELS, seed=4), minlength=len(LABELS))
    np.testing.assert_array_equal(row_weights("sampled", LABELS, CLASSES, seed=4), times)


def test_each_epoch_draws_anew_and_the_same_epoch_draws_the_same() -> None:
    labels = np.array([0] * 60 + [1] * 40)
    first, again, later = (sampled_rows(labels, seed=1, epoch=epoch) for epoch in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, later)
    assert not np.array_equal(first, sampled_rows(labels, seed=2, epoch=0))
