"""The winner's curse: what is left of the winner's figure once the choice is allowed for; simulations with seeds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tasks.scores import Floats
from tasks.select.bootstrap import Outcome
from tasks.select.choice import Choice, choose
from tasks.select.evidence import Candidate, Evidence
from tasks.select.optimism import choices
from tasks.select.params import SelectParams
from tasks.select.standing import Comparison

RUNS, ROWS, TRUTH = 60, 250, 0.8
ACCURACY = SelectParams(metric="accuracy", draws=200)


def evidence_of(right: list[np.ndarray], sizes: list[float]) -> Evidence:
    """Candidates that have these rows right [rows], of these sizes."""
    actual = np.arange(len(right[0])) % 4
    candidates = []
    for number, (hits, size) in enumerate(zip(right, sizes, strict=True)):
        outcome = Outcome(np.where(hits, actual, (actual + 1) % 4), np.where(hits, 0.1, 2.0))
        measures = {"accuracy": float(hits.mean()), "log_loss": float(outcome.losses.mean()), "rows": len(actual)}
        costs = dict.fromkeys(("latency_ms_p50", "latency_ms_p95", "fit_seconds", "peak_memory_mb"), 1.0)
        sure = np.full(len(actual), 0.9)
        candidates.append(
            Candidate(
                f"c{number:02}", measures, measures, None, costs | {"size_mb": size}, outcome, sure, Path("unused")
            )
        )
    return Evidence("validation", [""] * len(actual), list("abcd"), actual, candidates)


@pytest.fixture(scope="module")
def among_twenty_equals() -> list[Choice]:
    """What is chosen among 20 candidates that are all right about four rows in five, each about its own ones."""
    random = np.random.default_rng(11)
    return [
        choose(evidence_of(list(random.random((20, ROWS)) < TRUTH), [1.0] * 20), ACCURACY, seed=run)
        for run in range(RUNS)
    ]


def test_among_twenty_equals_the_corrected_value_is_nearer_to_the_truth(among_twenty_equals: list[Choice]) -> None:
    found = [choice.corrected for choice in among_twenty_equals]
    corrected = np.array([(one.value, one.uncorrected, one.low, one.high) for one in found if one is not None])
    assert len(corrected) == RUNS
    value, uncorrected, low, high = corrected.T
    assert uncorrected.mean() - TRUTH > 0.035
    assert abs(value.mean() - TRUTH) < 0.01
    assert (np.abs(value - TRUTH) < np.abs(uncorrected - TRUTH)).mean() > 0.85
    assert ((low < TRUTH) & (high > TRUTH)).mean() >= 0.95


def test_the_truly_best_is_among_the_tied_at_the_declared_confidence(among_twenty_equals: list[Choice]) -> None:
    # All being equal, any may stand for the best; each is told from the one that came out best at most so often.
    found_worse = np.mean([not some.tied for choice in among_twenty_equals for some in choice.standings])
    assert found_worse < 0.05
    uncorrected = np.mean([(some.p_value or 1.0) <= 0.05 for one in among_twenty_equals for some in one.standings])
    assert uncorrected > 0.1, "without the correction it would not hold"


def test_where_one_is_far_better_the_choice_flatters_nothing() -> None:
    random = np.random.default_rng(5)
    right = [random.random(400) < truth for truth in (0.95, 0.6, 0.55)]
    choice = choose(evidence_of(right, [9.0, 1.0, 1.0]), ACCURACY, seed=1)
    assert choice.winner == "c00" and choice.corrected is not None
    assert choice.corrected.chosen_in == 1.0
    assert choice.corrected.value == pytest.approx(right[0].mean(), abs=0.003)
    assert choice.corrected.low < right[0].mean() < choice.corrected.high


def test_a_winner_by_cost_is_corrected_as_what_it_is_not_as_the_best() -> None:
    random = np.random.default_rng(6)
    large = random.random(600) < 0.93
    small = large.copy()
    small[np.flatnonzero(large)[:8]] = False  # a little worse, and told from `large` by no test
    small[np.flatnonzero(~large)[:4]] = True
    choice = choose(evidence_of([large, small], [50.0, 1.0]), ACCURACY, seed=1)
    assert (choice.best.name, choice.winner) == ("c00", "c01")
    assert choice.corrected is not None and choice.corrected.chosen_in > 0.6
    assert choice.corrected.value < (large.mean() + small.mean()) / 2


@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
@pytest.mark.parametrize("correction", ["holm", "none"])
def test_the_choice_in_a_sample_follows_the_declared_rule(metric: str, correction: str) -> None:
    params = SelectParams.model_validate({"metric": metric, "correction": correction, "cost_tolerance": 1.5})
    comparison = Comparison("bootstrap", correction, 4, 1000, 0.95)
    random = np.random.default_rng(8)
    values = random.multivariate_normal([0.8, 0.79, 0.76, 0.7, 0.79], np.eye(5) * 1e-4 + 1e-4, size=300).T
    values = 1 - values if metric == "log_loss" else values
    costs = np.array([8.0, 2.0, 1.0, 0.1, 2.5])
    found = choices(values, costs, comparison, params)
    assert len(set(found.tolist())) >= 3
    assert found.tolist() == [by_hand(values, draw, costs, params) for draw in range(300)]


def by_hand(values: Floats, draw: int, costs: Floats, params: SelectParams) -> int:
    """The rule for one sample, a candidate at a time."""
    sign = -1 if params.metric == "log_loss" else 1
    drawn = (sign * values[:, draw]).tolist()
    best = drawn.index(max(drawn))
    others = [place for place in range(len(drawn)) if place != best]
    p = {
        place: 2 * stats.norm.sf((drawn[best] - drawn[place]) / np.std(values[best] - values[place], ddof=1))
        for place in others
    }
    tied, refuting = [best], True
    for step, place in enumerate(sorted(others, key=lambda place: p[place])):
        factor = len(others) - step if params.correction == "holm" else 1
        refuting = (refuting or params.correction == "none") and p[place] * factor <= 0.05
        tied += [] if refuting else [place]
    lowest = min(costs[place] for place in tied)
    return max((place for place in tied if costs[place] <= 1.5 * lowest), key=lambda place: drawn[place])


def test_candidates_with_equal_answers_are_one_choice() -> None:
    same = np.random.default_rng(1).random(100) < 0.9
    choice = choose(evidence_of([same, same], [2.0, 1.0]), ACCURACY, seed=1)
    assert choice.winner == "c01" and choice.corrected is not None
    assert choice.corrected.chosen_in == 1.0


def test_without_a_choice_nothing_is_corrected() -> None:
    right = np.random.default_rng(1).random(50) < 0.9
    assert choose(evidence_of([right], [1.0]), ACCURACY, seed=1).corrected is None
    one_row = evidence_of([np.array([True]), np.array([False])], [1.0, 1.0])
    assert choose(one_row, ACCURACY, seed=1).corrected is None  # no sample leaves out a row


def test_those_beyond_the_limits_take_no_part_in_any_sample() -> None:
    random = np.random.default_rng(3)
    right = [random.random(300) < truth for truth in (0.99, 0.8, 0.8)]
    every = evidence_of(right, [90.0, 1.0, 1.0])
    params = SelectParams.model_validate({"metric": "accuracy", "limits": {"size_mb": 10.0}, "draws": 200})
    limited = choose(every, params, seed=1)
    alone = choose(replace(every, candidates=every.candidates[1:]), params, seed=1)
    assert limited.winner != "c00"
    assert limited.corrected == alone.corrected
