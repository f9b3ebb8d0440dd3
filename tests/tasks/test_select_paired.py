"""Paired tests and Holm's correction, held against scipy and against published examples."""

import numpy as np
import pytest
from scipy import stats

from tasks.select import paired
from tasks.select.bootstrap import Outcome, interval, replicate


@pytest.mark.parametrize(("first", "second"), [(0, 0), (3, 3), (1, 0), (2, 9), (15, 4), (120, 81)])
def test_mcnemar_is_the_binomial_test_of_the_rows_that_one_alone_has_right(first: int, second: int) -> None:
    rows = first + second + 50
    actual = np.zeros(rows, dtype=np.int64)
    one, other = actual.copy(), actual.copy()
    other[:first] = 1
    one[first : first + second] = 2
    one[-10:] = other[-10:] = 1  # rows that both have wrong say nothing
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert paired.mcnemar(actual, one, other) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.02, 0.04, 0.06])
def test_the_bootstraps_p_value_is_near_that_of_the_paired_t_test(shift: float) -> None:
    random = np.random.default_rng(4)
    rows, draws = 400, 4000
    one = random.gamma(2.0, 0.3, rows)
    other = one + random.normal(shift, 0.4, rows)
    answers = np.zeros(rows, dtype=np.int64)
    outcomes = [Outcome(answers, losses) for losses in (one, other)]
    values = replicate(answers, outcomes, ["log_loss"], classes=1, draws=draws, seed=3)["log_loss"]
    expected = stats.ttest_rel(one, other).pvalue
    assert paired.bootstrap(values[1] - values[0]) == pytest.approx(expected, abs=0.03)


def test_the_bootstraps_p_value_agrees_with_its_interval() -> None:
    random = np.random.default_rng(1)
    for shift in np.linspace(0.5, 3.5, 30):
        differences = random.normal(shift, 1.0, 2000)
        low, _ = interval(differences, 0.95)
        if abs(low) > 0.05:
            assert (paired.bootstrap(differences) <= 0.05) == (low > 0)


def test_equal_candidates_have_a_p_value_of_one_and_no_draws_show_one_of_zero() -> None:
    assert paired.bootstrap(np.zeros(500)) == 1.0
    assert paired.bootstrap(np.ones(999)) == pytest.approx(0.002)


def test_holms_correction_of_worked_examples() -> None:
    # Four hypotheses, of which H1 and H4 are refuted at 0.05 and H2 and H3 are not, as encyclopedias work it out.
    assert paired.holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert paired.holm(np.array([0.6, 0.4])) == pytest.approx([0.8, 0.8])
    assert paired.holm(np.array([0.2])) == pytest.approx([0.2])


def test_holm_refutes_what_benjamini_and_hochberg_say_of_procedures_for_all_hypotheses() -> None:
    # Benjamini and Hochberg (1995), section 4.1: of these, such a procedure refutes three at 0.05, and theirs four.
    published = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240]
    published += [0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    corrected = paired.holm(np.array(published))
    assert (corrected <= 0.05).tolist() == [True] * 3 + [False] * 12
    assert corrected[:3] == pytest.approx([0.0015, 0.0056, 0.0247])
    assert (stats.false_discovery_control(published) <= 0.05).sum() == 4


def test_holm_corrects_each_column_by_itself_whatever_the_order() -> None:
    columns = np.random.default_rng(2).uniform(0, 0.2, size=(7, 5))
    columns[3] = columns[2]  # equal ones
    found = paired.holm(columns)
    for number in range(5):
        own = columns[:, number]
        order = sorted(range(7), key=lambda place: own[place])
        highest = 0.0
        for step, place in enumerate(order):
            highest = max(highest, min(1.0, own[place] * (7 - step)))
            assert found[place, number] == pytest.approx(highest)


@pytest.mark.parametrize(("comparisons", "level"), [(1, 0.95), (19, 0.95), (60, 0.99)])
def test_there_are_draws_enough_to_refute_what_is_hopeless(comparisons: int, level: float) -> None:
    surely_worse = paired.bootstrap(np.ones(paired.draws_for(comparisons, level)))
    assert paired.holm(np.full(comparisons, surely_worse)).max() < (1 - level) * 0.51
