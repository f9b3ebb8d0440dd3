"""Altered texts, and what comes of asking a model with them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tasks.evaluate.alterations import ALTERATIONS, lower, punctuation, typos, upper
from tasks.evaluate.robustness import measure
from tasks.rules import Rules

CHINESE = "请帮我重置门户网站的密码"


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def distance(one: str, other: str) -> int:
    """Characters to put in, take out or exchange (Levenshtein)."""
    row = list(range(len(other) + 1))
    for left in one:
        new = [row[0] + 1]
        for place, right in enumerate(other):
            new.append(min(row[place] + (left != right), row[place + 1] + 1, new[-1] + 1))
        row = new
    return row[-1]


def test_a_typo_changes_one_word_by_a_slip_and_never_its_first_letter() -> None:
    for seed in range(300):
        altered = typos("all the balloons", np.random.default_rng(seed))
        assert altered.startswith("all the b")
        assert 1 <= distance("all the balloons", altered) <= 2


def test_a_tenth_of_many_words_gets_a_typo() -> None:
    text = " ".join(["printer"] * 40)
    assert sum(word != "printer" for word in typos(text, generator()).split()) == 4


def test_what_has_no_latin_word_of_four_letters_gets_no_typo() -> None:
    for text in (CHINESE, "it is so", "12345 6789", "пароль"):
        assert typos(text, generator()) == text


def test_case_is_that_of_letters_that_have_one() -> None:
    assert (lower("Größe VPN", generator()), upper("Größe VPN", generator())) == ("größe vpn", "GRÖSSE VPN")
    assert lower(CHINESE, generator()) == upper(CHINESE, generator()) == CHINESE


@pytest.mark.parametrize(("text", "bare"), [
    ("Hello, world! Don't pay 3.50 to a@b.org.", "Hello world Don't pay 3.50 to a@b.org"),
    ("您好\uff0c我要请假。", "您好 我要请假"),
    ("(see: https://a.org/x)", "see https://a.org/x"),
    ("?!", "?!"),
    ("don't  touch\nspaces", "don't  touch\nspaces"),
    ("wait... what", "wait what"),
])  # fmt: skip
def test_punctuation_goes_but_within_words_and_numbers(text: str, bare: str) -> None:
    assert punctuation(text, generator()) == bare


class Loud:
    """A model that takes texts without small letters for class 1; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str], what: str) -> Any:
        self.asked += texts
        return np.eye(2)[[int(text == text.upper()) for text in texts]].reshape(-1, 2)


def test_shares_are_of_the_rows_that_an_alteration_changes() -> None:
    texts = ["pay the bill", "REFUND", CHINESE, "wifi"]
    actual, model = np.array([0, 1, 1, 1]), Loud()
    predicted = model(texts, "").argmax(axis=1)
    assert predicted.tolist() == [0, 1, 1, 0]
    found = measure(model, texts, actual, predicted, Rules(), rows=10, seed=1)
    assert found["rows"] == 4 and set(found["alterations"]) == set(ALTERATIONS)
    wrong_before = {"before": 0.5, "after": 0.5}  # of the two in small letters: one comes right, one goes wrong
    assert found["alterations"]["upper"] == {"rows": 2, "changed": 1.0, "accuracy": wrong_before}
    assert found["alterations"]["lower"] == {"rows": 1, "changed": 1.0, "accuracy": {"before": 1.0, "after": 0.0}}
    nothing = {"rows": 0, "changed": None, "accuracy": {"before": None, "after": None}}
    assert found["alterations"]["punctuation"] == nothing


def test_rules_of_cleaning_act_on_altered_texts_as_in_service() -> None:
    model = Loud()
    found = measure(model, ["pay"], np.array([0]), np.array([0]), Rules(lower=True), rows=1, seed=1)
    assert found["alterations"]["upper"]["rows"] == 0, "all texts are small again when the model sees them"
    assert model.asked == []


def test_no_more_rows_are_asked_for_than_declared_and_the_seed_draws_them() -> None:
    texts = [f"text number {number}" for number in range(50)]
    actual = np.zeros(50, dtype=np.int64)
    models = [Loud(), Loud(), Loud()]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        assert measure(model, texts, actual, actual, Rules(), rows=5, seed=seed)["rows"] == 5
    assert models[0].asked == models[1].asked != models[2].asked
    assert len(models[0].asked) == 2 * 5, "typos and large letters; the others change nothing"
    assert measure(models[0], texts, actual, actual, Rules(), rows=0, seed=1)["rows"] == 0
