"""Calibration bins and risk-coverage curves, held against direct computations, scikit-learn and scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.calibration import calibration_curve

from tasks import confidence, scores
from tasks.confidence import Bin, Flags, Floats

ROWS = st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=40)


def columns(rows: list[tuple[int, bool]]) -> tuple[Floats, Flags]:
    """Confidences, many of them equal, and whether each row is right."""
    sure, right = zip(*rows, strict=True)
    return np.array(sure) / 12, np.array(right)


def areas_by_definition(sure: Floats, right: Flags) -> float:
    """Each row's confidence is a threshold once; the risk is the error among the rows at or above it."""
    risks = [1 - right[sure >= threshold].mean() for threshold in sure]
    return float(np.mean(risks))


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_the_area_is_the_mean_risk_over_all_thresholds(rows: list[tuple[int, bool]]) -> None:
    sure, right = columns(rows)
    assert confidence.risk_coverage(sure, right).area == pytest.approx(areas_by_definition(sure, right), abs=1e-12)


def test_the_measure_is_that_of_the_largest_probability() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(4), size=300)
    actual = generator.integers(0, 4, 300)
    found = scores.summary(actual, probabilities)["aurc"]
    right = probabilities.argmax(axis=1) == actual
    assert found == pytest.approx(areas_by_definition(probabilities.max(axis=1), right), abs=1e-12)
    assert "aurc" in scores.LOWER_IS_BETTER


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(1, 100))
def test_the_error_at_a_coverage_is_that_of_the_surest_rows(rows: list[tuple[int, bool]], percent: int) -> None:
    sure, right = columns(rows)
    least = np.ceil(len(sure) * percent / 100 - 1e-6)
    threshold = np.sort(sure)[::-1][int(max(least, 1)) - 1]
    expected = 1 - right[sure >= threshold].mean()  # rows of equal confidence are answered together
    curve = confidence.risk_coverage(sure, right)
    assert curve.at(percent / 100) == pytest.approx(expected, abs=1e-12)
    assert curve.at(1.0) == pytest.approx(1 - right.mean(), abs=1e-12)


def test_abstaining_pays_only_where_confidence_tells_right_from_wrong() -> None:
    right = np.arange(100) < 80
    knows, confuses = np.linspace(0.9, 0.1, 100), np.linspace(0.1, 0.9, 100)
    good, bad = (confidence.risk_coverage(sure, right) for sure in (knows, confuses))
    assert good.at(0.8) == 0.0 and good.at(0.9) == pytest.approx(10 / 90)
    assert bad.at(0.2) == 1.0
    assert good.area < 0.03 and bad.area > 0.5


def test_a_thinned_curve_keeps_true_points_and_its_end() -> None:
    generator = np.random.default_rng(1)
    sure, right = generator.random(5000), generator.random(5000) < 0.8
    curve = confidence.risk_coverage(sure, right)
    thin = curve.thinned(200)
    assert len(thin) == 200
    assert thin[-1] == (1.0, curve.risk[-1], curve.threshold[-1])
    assert set(thin) <= set(zip(curve.coverage.tolist(), curve.risk.tolist(), curve.threshold.tolist(), strict=True))
    assert len(confidence.risk_coverage(sure[:7], right[:7]).thinned(200)) == 7


def test_bins_are_scikit_learns() -> None:
    generator = np.random.default_rng(2)
    sure = generator.random(400)
    right = generator.random(400) < sure
    accuracy, means = calibration_curve(right, sure, n_bins=confidence.BINS, strategy="uniform")
    found = confidence.bins(sure, right)
    assert [one.accuracy for one in found] == pytest.approx(accuracy)
    assert [one.confidence for one in found] == pytest.approx(means)
    assert sum(one.rows for one in found) == 400
    assert all(one.start < one.confidence <= one.end for one in found)


def test_a_bin_is_open_below_and_closed_above() -> None:
    edges = np.array([0.2, 0.2 + 1e-9, 1.0, 0.0])
    found = confidence.bins(edges, np.ones(4, dtype=np.bool_))
    assert [(round(one.start * 15), one.rows) for one in found] == [(0, 1), (2, 1), (3, 1), (14, 1)]


@pytest.mark.parametrize(("rows", "hits"), [(1, 0), (1, 1), (10, 3), (400, 399)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_of_a_bin_is_scipys_wilson_interval(rows: int, hits: int, level: float) -> None:
    low, high = Bin(0.0, 1.0, rows, 0.5, hits / rows).interval(level)
    expected = stats.binomtest(hits, rows).proportion_ci(level, method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
