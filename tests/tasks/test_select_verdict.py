"""The verdict on a new model: against scipy and simulations, and what each rule alone does."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from tasks.scores import Floats, Ints
from tasks.select import always_valid
from tasks.select.match import Match
from tasks.select.verdict import Verdict, judge
from tasks.select.verdict_params import VerdictParams

CLASSES = ("billing", "leave", "network")
ANY_FLIPS = {"negative_flips": 1.0}


def probabilities(predicted: Ints, classes: int = len(CLASSES)) -> Floats:
    return np.where(np.arange(classes) == predicted[:, None], 0.8, 0.2 / (classes - 1))


def match(actual: Ints, champion: Ints, challenger: Ints) -> Match:
    known = np.ones((2, len(CLASSES)), dtype=np.bool_)
    return Match(CLASSES, known, actual, probabilities(champion), probabilities(challenger))


def wrong(actual: Ints, rows: range) -> Ints:
    """Predictions that are wrong on these rows, by the next class."""
    predicted = actual.copy()
    predicted[list(rows)] = (predicted[list(rows)] + 1) % len(CLASSES)
    return predicted


ACTUAL: Ints = np.arange(600) % len(CLASSES)


def verdict(champion: range, challenger: range, metric: str = "accuracy", **params: float) -> Verdict:
    both = (wrong(ACTUAL, champion), wrong(ACTUAL, challenger))
    return judge(match(ACTUAL, *both), VerdictParams(**params), metric, draws=400, seed=1)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "mcc", "log_loss"])
def test_a_clearly_better_model_is_promoted_a_clearly_worse_one_rejected(metric: str) -> None:
    better = verdict(range(100), range(20), metric)
    assert better.word == "PROMOTE"
    assert better.gain is not None
    assert 0.005 < better.gain.low < better.gain.value < better.gain.high
    worse = verdict(range(20), range(100), metric, **ANY_FLIPS)
    assert worse.word == "REJECT"
    assert worse.gain is not None
    assert worse.gain.high < 0


def test_a_tie_keeps_the_champion() -> None:
    found = verdict(range(20), range(20, 40))
    assert (found.word, found.losses, len(found.flips)) == ("HOLD", (), 20)
    assert found.gain is not None
    assert found.gain.value == 0
    assert any("is not shown" in reason for reason in found.reasons)
    assert verdict(range(20), range(20)).word == "HOLD"
    assert verdict(range(20), range(20), useful_gain=0.0).word == "HOLD"


def test_a_gain_below_the_useful_one_keeps_the_champion() -> None:
    assert verdict(range(30), range(0), useful_gain=0.02).word == "PROMOTE"
    assert verdict(range(30), range(0), useful_gain=0.045).word == "HOLD"
    assert verdict(range(6), range(0), useful_gain=0.0).word == "HOLD", "six rows may be chance"


def test_more_confidence_keeps_the_champion_longer() -> None:
    assert verdict(range(12), range(0), useful_gain=0.0, confidence=0.95).word == "PROMOTE"
    assert verdict(range(12), range(0), useful_gain=0.0, confidence=0.9999).word == "HOLD"


def test_too_many_rows_that_flip_reject_even_a_better_model() -> None:
    # 40 rows that the champion has right are wrong now, of 140 that it had wrong 100 are right
    kept = verdict(range(140), range(100, 180), negative_flips=40 / 600)
    assert (kept.word, kept.flips) == ("PROMOTE", tuple(range(140, 180)))
    assert verdict(range(140), range(100, 180), negative_flips=39 / 600).word == "REJECT"


def test_a_class_that_loses_recall_rejects_even_a_better_model() -> None:
    lost = [row for row in range(300, 600) if ACTUAL[row] == 1][:12]
    challenger = ACTUAL.copy()
    challenger[lost] = 2
    found = judge(match(ACTUAL, wrong(ACTUAL, range(100)), challenger), VerdictParams(), "accuracy", draws=400, seed=1)
    # Of the first 100 rows, 33 are of its class: those it wins, and nothing is lost.
    assert (found.word, found.losses) == ("PROMOTE", ())
    champion = wrong(ACTUAL, range(100))
    champion[ACTUAL == 1] = 1
    found = judge(match(ACTUAL, champion, challenger), VerdictParams(), "accuracy", draws=400, seed=1)
    assert found.word == "REJECT"
    (loss,) = found.losses
    assert (loss.label, loss.rows, loss.champion, loss.challenger) == ("leave", 200, 200, 188)
    expected = stats.binomtest(12, 12, alternative="greater").pvalue * 3  # the smallest of three, by Holm
    assert loss.p_value == pytest.approx(expected)
    few = VerdictParams(class_rows=201)
    assert judge(match(ACTUAL, champion, challenger), few, "accuracy", draws=400, seed=1).losses == ()


def test_models_with_other_labels_are_compared_on_the_shared_ones() -> None:
    known = np.array([[True, True, False], [True, True, True]])
    champion = probabilities(np.where(ACTUAL == 2, 0, ACTUAL))
    same = Match(CLASSES, known, ACTUAL, champion, probabilities(np.where(ACTUAL == 2, 0, ACTUAL)))
    found = judge(same, VerdictParams(class_rows=201), "accuracy", draws=100, seed=1)
    assert (found.word, found.rows) == ("HOLD", 400)
    assert any("Only the new model knows network (200 test rows)" in reason for reason in found.reasons)
    assert any("compared on the 400 test rows" in reason for reason in found.reasons)


def test_a_class_that_only_the_new_model_knows_puts_it_into_service_unless_it_is_worse() -> None:
    known = np.array([[True, True, False], [True, True, True]])
    champion = probabilities(np.where(ACTUAL == 2, 0, ACTUAL))
    knows = Match(CLASSES, known, ACTUAL, champion, probabilities(ACTUAL))
    found = judge(knows, VerdictParams(), "accuracy", draws=100, seed=1)
    assert found.word == "PROMOTE"
    assert any("200 of 200 such test rows right" in reason for reason in found.reasons)
    spoilt = Match(CLASSES, known, ACTUAL, champion, probabilities(np.where(ACTUAL == 0, 1, ACTUAL)))
    assert judge(spoilt, VerdictParams(), "accuracy", draws=100, seed=1).word == "REJECT"


@pytest.mark.parametrize("known", [[True, True, False], [False, True, True]])
def test_an_answer_that_only_one_knows_is_wrong_but_makes_no_class_of_its_own(known: list[bool]) -> None:
    shared = np.flatnonzero(known)
    rows = np.flatnonzero(np.isin(ACTUAL, shared))
    challenger = ACTUAL.copy()
    challenger[rows[:3]] = known.index(False)
    both = Match(CLASSES, np.array([known, [True] * 3]), ACTUAL, probabilities(ACTUAL), probabilities(challenger))
    found = judge(both, VerdictParams(class_rows=300), "macro_f1", draws=100, seed=1)
    expected = metrics.f1_score(ACTUAL[rows], challenger[rows], labels=shared, average="macro") - 1
    assert found.gain is not None
    assert found.gain.value == pytest.approx(expected)
    assert found.gain.value > -0.01, "three rows of four hundred"
    assert len(found.flips) == 3


def test_models_that_share_no_label_cannot_be_compared() -> None:
    known = np.array([[True, False, False], [False, True, True]])
    actual: Ints = np.ones(30, dtype=np.int64)
    alone = Match(CLASSES, known, actual, probabilities(actual), probabilities(actual))
    found = judge(alone, VerdictParams(), "accuracy", draws=100, seed=1)
    assert (found.word, found.rows, found.gain) == ("HOLD", 0, None)


def test_the_bound_holds_over_all_looks_and_one_for_a_single_look_does_not() -> None:
    random = np.random.default_rng(3)
    looks = np.unique(np.geomspace(100, 5000, 40).astype(int))
    steps = random.choice([-1.0, 0.0, 1.0], p=[0.05, 0.9, 0.05], size=(800, looks[-1]))
    sums, squares = np.cumsum(steps, axis=1)[:, looks - 1], np.cumsum(steps**2, axis=1)[:, looks - 1]
    means = sums / looks
    errors = np.sqrt((squares / looks - means**2) / looks)
    factors = np.array([always_valid.factor(int(rows), 0.95) for rows in looks])
    assert np.mean((means - factors * errors > 0).any(axis=1)) <= 0.05
    assert np.mean((means - stats.norm.ppf(0.95) * errors > 0).any(axis=1)) > 0.15


def test_the_bound_is_wider_for_more_confidence_and_never_narrower_than_for_one_look() -> None:
    for rows in (30, 1000, 100_000):
        assert always_valid.factor(rows, 0.99) > always_valid.factor(rows, 0.95) > stats.norm.ppf(0.95)
