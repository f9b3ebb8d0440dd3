"""The lowest threshold at a target precision: against scipy's exact test, and its guarantee in simulations."""

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tasks.select.precision import fewest_rows, interval, lowest_threshold, starts


def drawn(random: np.random.Generator, rows: int, digits: int | None) -> tuple[Any, Any]:
    """Confidences that are what they say: of answers of confidence c, a share of c is right."""
    true = random.uniform(0.5, 1.0, rows)
    right = random.random(rows) < true
    return (true if digits is None else np.round(true, digits)), right


def true_precision(threshold: float, digits: int | None) -> float:
    """Of all answers from a threshold on, the share that is right: the mean of all confidences from there on."""
    if digits is not None:  # what is rounded up to the threshold is answered too
        threshold = np.ceil(threshold * 10**digits - 1e-9) / 10**digits - 0.5 / 10**digits
    return (1 + max(threshold, 0.5)) / 2


@pytest.mark.parametrize("digits", [None, 1, 2])
@pytest.mark.parametrize("rows", [80, 300])
def test_the_precision_holds_with_the_declared_confidence(rows: int, digits: int | None) -> None:
    """The guarantee: over many samples, the true precision is missed at most as often as declared."""
    precision, confidence, samples = 0.85, 0.9, 500
    missed = found = naive = 0
    for seed in range(samples):
        sure, right = drawn(np.random.default_rng([seed, rows]), rows, digits)
        threshold = lowest_threshold(sure, right, precision, confidence)
        if threshold is not None:
            found += 1
            missed += true_precision(threshold, digits) < precision
        order = np.argsort(-sure, kind="stable")
        reached = np.flatnonzero(np.cumsum(right[order]) / np.arange(1, rows + 1) >= precision)
        naive += bool(len(reached)) and true_precision(sure[order][reached[-1]], digits) < precision
    allowed = stats.binom.ppf(0.999, samples, 1 - confidence) / samples
    assert missed / samples <= allowed
    assert naive / samples > 0.3, "without a test it would be missed in every third sample or more"
    if rows == 300:
        assert found / samples > 0.7


def by_hand(sure: Any, right: Any, precision: float, confidence: float) -> float | None:
    """The same, row by row, with scipy's test."""
    begins, values = starts(len(sure), precision, confidence), sorted(set(sure.tolist()), reverse=True)
    lowest = None
    for begin in begins:
        for number, value in enumerate(values):
            own = sure >= value
            if own.sum() < begin:
                continue
            wrong = int((~right[own]).sum())
            p_value = stats.binomtest(wrong, int(own.sum()), 1 - precision, alternative="less").pvalue
            if p_value > (1 - confidence) / len(begins):
                break
            following = values[number + 1] if number + 1 < len(values) else None
            middle = 0.0 if following is None else (value + following) / 2
            lowest = middle if lowest is None else min(lowest, middle)
    return lowest


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("digits", [None, 2])
def test_the_threshold_is_that_of_exact_binomial_tests_one_by_one(seed: int, digits: int | None) -> None:
    sure, right = drawn(np.random.default_rng(seed), 250, digits)
    expected = by_hand(sure, right, 0.85, 0.9)
    assert expected is not None
    assert lowest_threshold(sure, right, 0.85, 0.9) == pytest.approx(expected, abs=1e-12)


def test_a_wrong_row_among_the_surest_does_not_end_it_all() -> None:
    sure = np.linspace(1.0, 0.5, 400)
    right = np.arange(400) < 300
    right[3] = False
    assert starts(400, 0.95, 0.95)[0] > 59
    threshold = lowest_threshold(sure, right, 0.95, 0.95)
    assert threshold is not None
    assert 290 < (sure >= threshold).sum() < 320


def test_rows_of_equal_confidence_are_answered_together_or_not_at_all() -> None:
    sure = np.repeat([0.9, 0.8, 0.7], 100)
    right = np.ones(300, dtype=np.bool_)
    right[150:] = False
    assert lowest_threshold(sure, right, 0.9, 0.95) == pytest.approx(0.85)
    assert lowest_threshold(sure[:200], right[:200], 0.6, 0.95) == 0.0


def test_what_cannot_be_shown_has_no_threshold() -> None:
    right = np.ones(58, dtype=np.bool_)
    assert fewest_rows(0.95, 0.95) == 59
    assert lowest_threshold(np.linspace(1, 0.5, 58), right, 0.95, 0.95) is None, "one row too few"
    assert lowest_threshold(np.linspace(1, 0.5, 59), np.ones(59, dtype=np.bool_), 0.95, 0.95) == 0.0
    assert lowest_threshold(np.linspace(1, 0.5, 500), np.arange(500) % 2 == 0, 0.95, 0.95) is None
    assert lowest_threshold(np.array([]), np.array([], dtype=np.bool_), 0.95, 0.95) is None


@pytest.mark.parametrize("rows", [0, 58, 59, 100, 1000, 100_000])
def test_starts_double_and_the_first_can_pass_with_its_share_of_the_risk(rows: int) -> None:
    found = starts(rows, 0.95, 0.95)
    assert all(two == 2 * one for one, two in itertools.pairwise(found))
    assert bool(found) == (rows >= 59)
    if found:
        assert found[-1] <= rows < 2 * found[-1] + 1
        assert stats.binomtest(0, found[0], 0.05, alternative="less").pvalue <= 0.05 / len(found)


@pytest.mark.parametrize(("right", "rows"), [(0, 7), (7, 7), (93, 100), (1, 2)])
def test_the_interval_is_the_exact_one(right: int, rows: int) -> None:
    expected = stats.binomtest(right, rows).proportion_ci(0.9, method="exact")
    assert interval(right, rows, 0.9) == pytest.approx((expected.low, expected.high))
