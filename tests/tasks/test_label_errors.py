"""Confident learning: a case that is worked out by hand, and labels that are made wrong on purpose."""

import numpy as np
import pytest

from tasks.scores import Floats, Ints
from tasks.select import label_errors


def test_a_case_that_is_worked_out_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.4, 0.6], [0.1, 0.9], [0.55, 0.45]])
    given = np.array([0, 0, 0, 1, 1, 1])
    # Means of the label's own probability: (0.9 + 0.7 + 0.2) / 3 and (0.6 + 0.9 + 0.45) / 3.
    np.testing.assert_allclose(label_errors.thresholds(probabilities, given), [0.6, 0.65])
    # The third row reaches the threshold of class 1 alone; the fourth and the last reach none.
    assert label_errors.confident(probabilities, given).tolist() == [0, 0, 1, -1, 1, -1]
    np.testing.assert_allclose(label_errors.suspicion(probabilities, given), [0.1, 0.3, 0.8, 0.4, 0.1, 0.55])
    assert label_errors.others(probabilities, given).tolist() == [1, 1, 1, 0, 0, 0]


def test_of_several_classes_above_their_thresholds_the_most_probable_counts() -> None:
    probabilities = np.array([[0.5, 0.3, 0.2], [0.3, 0.4, 0.3], [0.1, 0.5, 0.4], [0.2, 0.2, 0.6]])
    given = np.array([0, 0, 1, 1])
    # Thresholds 0.4 and 0.35; no row bears class 2, so that nothing is confidently of it.
    np.testing.assert_allclose(label_errors.thresholds(probabilities, given), [0.4, 0.35, np.inf])
    assert label_errors.confident(probabilities, given).tolist() == [0, 1, 1, -1]
    assert label_errors.others(probabilities, given).tolist() == [1, 1, 2, 2]


def planted(generator: np.random.Generator, models: int) -> tuple[Floats, Ints, Ints]:
    """Mean probabilities of models that err for themselves, true labels, and labels of which 5 % are wrong."""
    classes, count = 5, 4000
    true = generator.choice(classes, count, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    wrong = np.flatnonzero(generator.random(count) < 0.05)
    given = true.copy()
    given[wrong] = (true[wrong] + generator.integers(1, classes, len(wrong))) % classes
    logits = generator.normal(0.0, 1.2, (models, count, classes))
    logits[:, np.arange(count), true] += 3.0
    odds = np.exp(logits)
    return (odds / odds.sum(axis=2, keepdims=True)).mean(axis=0), true, given


@pytest.mark.parametrize("seed", range(3))
def test_planted_errors_come_first_and_several_models_find_more_of_them(seed: int) -> None:
    shares = []
    for models in (1, 3):
        probabilities, true, given = planted(np.random.default_rng(seed), models)
        order = np.argsort(-label_errors.suspicion(probabilities, given), kind="stable")
        first = order[: len(order) // 10]
        shares.append(float((true != given)[first].sum() / (true != given).sum()))
        found = label_errors.confident(probabilities, given)
        likely = (found != label_errors.NONE) & (found != given)
        assert likely[true != given].mean() > 0.55
        assert likely[true == given].mean() < 0.03
        assert (found == true)[likely & (true != given)].mean() > 0.95, "what is suggested is the right label"
    assert shares[0] > 0.85 and shares[1] > shares[0] + 0.02
