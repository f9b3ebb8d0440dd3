"""The measures, held against scikit-learn's and against cases worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from tasks import scores


@pytest.mark.filterwarnings("ignore:A single label was found")  # scikit-learn's own, for its MCC
@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
def test_agreement_is_scikit_learns_also_where_classes_are_absent(rows: list[tuple[int, int]]) -> None:
    actual, predicted = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    found = scores.agreement(scores.count(actual, predicted, classes=6))
    recalls = metrics.recall_score(actual, predicted, labels=np.unique(actual), average=None, zero_division=0)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(actual, predicted))
    assert found["macro_f1"] == pytest.approx(metrics.f1_score(actual, predicted, average="macro", zero_division=0))
    weighted = metrics.f1_score(actual, predicted, average="weighted", zero_division=0)
    assert found["weighted_f1"] == pytest.approx(weighted)
    assert found["balanced_accuracy"] == pytest.approx(recalls.mean())
    kappa = metrics.cohen_kappa_score(actual, predicted) if len({*actual, *predicted}) > 1 else 0.0
    assert found["cohen_kappa"] == pytest.approx(kappa, abs=1e-12)
    assert found["mcc"] == pytest.approx(metrics.matthews_corrcoef(actual, predicted), abs=1e-12)


def test_losses_are_scikit_learns_and_stay_finite() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [1.0, 0.0, 0.0]])
    actual = np.array([0, 2, 1])
    expected = metrics.log_loss(actual, probabilities, labels=[0, 1, 2])
    assert scores.log_losses(actual, probabilities).mean() == pytest.approx(expected)
    # By hand: (0.3^2 + 0.2^2 + 0.1^2) + (0.1^2 + 0.8^2 + 0.9^2) + (1 + 1), over 3 rows.
    assert scores.brier(actual, probabilities) == pytest.approx((0.14 + 1.46 + 2.0) / 3)


def test_a_sure_and_right_answer_has_no_loss_and_no_negative_zero() -> None:
    losses = scores.log_losses(np.array([0]), np.array([[1.0, 0.0]]))
    assert losses[0] == 0 and not np.signbit(losses[0])


def test_calibration_error_weighs_the_gap_of_each_bin_by_its_rows() -> None:
    # Three rows of confidence 0.9 (two right: gap 0.9 - 2/3), one of 0.6 (right: gap 0.4).
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.6, 0.4]])
    actual = np.array([0, 0, 1, 0])
    assert scores.ece(actual, probabilities) == pytest.approx(0.75 * (0.9 - 2 / 3) + 0.25 * 0.4)


def test_errors_in_opposite_directions_do_not_cancel_across_bins() -> None:
    probabilities = np.array([[0.99, 0.01], [0.55, 0.45]])
    actual = np.array([1, 0])  # too sure once, too unsure once
    assert scores.ece(actual, probabilities) == pytest.approx((0.99 + 0.45) / 2)


def test_full_confidence_falls_into_the_last_bin() -> None:
    assert scores.ece(np.array([0, 0]), np.array([[1.0, 0.0], [1.0, 0.0]])) == 0


def test_many_samples_at_once_equal_each_alone() -> None:
    random = np.random.default_rng(0)
    actual, predicted = random.integers(0, 4, (5, 30)), random.integers(0, 4, (5, 30))
    alone = [scores.count(*pair, classes=4) for pair in zip(actual, predicted, strict=True)]
    together = scores.Counts(
        hits=np.stack([counts.hits for counts in alone]),
        actual=np.stack([counts.actual for counts in alone]),
        predicted=np.stack([counts.predicted for counts in alone]),
    )
    for name, values in scores.agreement(together).items():
        assert values == pytest.approx([float(scores.agreement(counts)[name]) for counts in alone]), name


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(2, 60), steps=st.integers(1, 12))
def test_areas_are_scikit_learns_also_with_ties_and_absent_classes(seed: int, rows: int, steps: int) -> None:
    random = np.random.default_rng(seed)
    actual = random.integers(0, 3, rows)  # the fourth class has no rows
    probabilities = random.integers(0, steps + 1, (rows, 4)) / steps  # few values, so that many are equal
    found = scores.areas(actual, probabilities)
    there = [one for one in range(4) if 0 < (actual == one).sum() < rows]
    if not there:
        assert found == {"roc_auc": 0.5, "pr_auc": 0.0}
        return
    roc = [metrics.roc_auc_score(actual == one, probabilities[:, one]) for one in there]
    pr = [metrics.average_precision_score(actual == one, probabilities[:, one]) for one in there]
    assert found["roc_auc"] == pytest.approx(np.mean(roc), abs=1e-12)
    assert found["pr_auc"] == pytest.approx(np.mean(pr), abs=1e-12)


def test_areas_are_part_of_the_summary_and_a_perfect_ranking_has_all_of_them() -> None:
    found = scores.summary(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]))
    assert (found["roc_auc"], found["pr_auc"]) == (1.0, 1.0)
    assert found["cohen_kappa"] == pytest.approx(0.4)  # by hand: agreement of 6/9, 4/9 by chance
