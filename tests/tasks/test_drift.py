"""Drift as a whole: how often it is called where there is none, and that each sort of shift is found."""

import numpy as np
import pytest
from scipy import stats

from tasks.retraining.window import window
from tasks.select.paired import holm
from tests.tasks.drifting import LABELS, WORDS, drawn, found, made

ANY_SIZE = dict.fromkeys(("min_share", "min_length", "min_unseen", "min_words", "min_decay"), 0.0) | {"min_auc": 0.5}
PAIRS, ALPHA = 200, 0.05


def test_sides_of_one_distribution_are_called_drifted_no_more_often_than_declared() -> None:
    """All sizes count here, so that the p-values alone must keep the promise."""
    called = sum(
        found(drawn(50, seed), drawn(40, 1000 + seed), min_rows=20, **ANY_SIZE)[1]["drifted"] for seed in range(PAIRS)
    )
    # More would happen once in two hundred times if the chance of each were just as declared.
    assert called <= stats.binom.ppf(0.995, PAIRS, ALPHA)


def test_nothing_is_called_where_nothing_has_shifted() -> None:
    names, told = found(drawn(400, 1), drawn(200, 2))
    assert names == set()
    assert [test["name"] for test in told["tests"]] == ["labels", "lengths", "vocabulary", "words", "domain"]
    assert told["reasons"] == [
        "No drift: of the tests of labels, lengths, vocabulary, words and domain none found a shift that counts."
    ]
    assert (told["words"], told["new_labels"], told["vanished_labels"], told["decay"]) == ([], {}, {}, None)
    assert told["domain"]["features"] == "words"


def test_other_shares_of_labels_are_found_by_their_test_alone() -> None:
    names, told = found(drawn(300, 1), drawn(150, 2, shares=(0.1, 0.3, 0.6)))
    assert names == {"labels"}
    assert told["reasons"] == [told["tests"][0]["sentence"]]
    assert told["reasons"][0].startswith("The shares of the labels have shifted: they are ")
    assert [entry["label"] for entry in told["labels"]] == list(LABELS)
    assert sum(entry["after"] for entry in told["labels"]) == pytest.approx(1)


def test_longer_texts_are_found_by_the_test_of_lengths() -> None:
    names, _ = found(drawn(300, 1), drawn(150, 2, longest=40))
    assert "lengths" in names
    assert not names & {"labels", "vocabulary", "words"}


def test_many_new_words_are_found_by_the_test_of_the_vocabulary() -> None:
    texts, labels = made(150, 2)
    letters = "abcdefghijklmnopqrst"
    # One word of each third row is new, and each time another one.
    names_of = [f"zz{letters[number // 20]}{letters[number % 20]}" for number in range(150)]
    texts = [
        " ".join([*text.split()[1:], name]) if number % 3 == 0 else text
        for number, (text, name) in enumerate(zip(texts, names_of, strict=True))
    ]
    names, told = found(drawn(300, 1), window(texts, list(labels)))
    assert names == {"vocabulary"}
    assert told["words"] == []


def test_one_word_that_many_new_rows_hold_is_found_and_named() -> None:
    texts, labels = made(150, 2)
    texts = [" ".join([*text.split()[1:], "fern"]) if number % 6 == 0 else text for number, text in enumerate(texts)]
    names, told = found(drawn(300, 1), window(texts, list(labels)))
    assert "words" in names
    assert not names & {"labels", "lengths"}
    assert told["words"] == ["fern"]
    assert told["word_counts"][0]["after"] == 25
    assert found(drawn(300, 1), window(texts, list(labels)), words=0)[1]["words"] == []


def test_another_mixture_of_the_same_words_is_found_by_the_classifier() -> None:
    names, told = found(drawn(300, 1), drawn(150, 2, words=[*WORDS[40:80], *WORDS[:40], *WORDS[80:]]))
    assert "domain" in names
    assert not names & {"labels", "lengths", "vocabulary"}
    assert told["domain"]["auc"] > 0.8


def test_a_shift_that_is_sure_but_small_does_not_count() -> None:
    before, after = drawn(2500, 1), drawn(2500, 2, shares=(0.46, 0.27, 0.27))
    names, told = found(before, after, max_rows=50)
    labels = told["tests"][0]
    assert names == set()
    assert labels["p_value"] < 0.001
    assert labels["effect"] < labels["threshold"]
    assert labels["sentence"].startswith("The shares of the labels have shifted, but too little to count: ")
    assert found(before, after, max_rows=50, min_share=0.02)[0] == {"labels"}


def test_p_values_are_corrected_for_how_many_tests_there_are() -> None:
    tests = found(drawn(100, 1), drawn(60, 2, longest=24))[1]["tests"]
    plain, corrected = ([test[key] for test in tests] for key in ("uncorrected_p_value", "p_value"))
    assert holm(np.array(plain)).tolist() == pytest.approx(corrected, rel=1e-5)
    assert corrected != plain


def test_labels_of_one_side_are_named_apart_and_move_no_shares() -> None:
    texts, labels = made(100, 2)
    after = window([*texts, *(f"fern {text}" for text in texts[:40])], [*labels, *["assistant"] * 40])
    before_texts, before_labels = made(200, 1)
    before = window([*before_texts, "old thing"], [*before_labels, "fax"])
    names, told = found(before, after)
    assert (told["new_labels"], told["vanished_labels"]) == ({"assistant": 40}, {"fax": 1})
    assert "labels" not in names


def test_too_few_rows_are_said_and_copies_are_none() -> None:
    texts, labels = made(49, 2)
    after = window([*texts, *(f"{text.upper()}!" for text in texts)], [*labels, *labels])
    _, told = found(drawn(200, 1), after)
    assert not told["drifted"]
    assert (told["tests"], told["rows"], told["copies"]) == (
        [],
        {"before": 200, "after": 98},
        {"before": 0, "after": 49},
    )
    assert told["reasons"] == [
        "Nothing was tested: without copies there are 200 earlier and 49 new rows, and 50 of each are needed "
        "(retrain.drift.min_rows)."
    ]
    assert found(drawn(200, 1), after, min_rows=40)[1]["tests"]


def test_what_cannot_be_tested_is_left_out_with_its_reason() -> None:
    before, after = (window([f"{start + number}" for number in range(60)], ["a"] * 60) for start in (0, 100))
    told = found(before, after)[1]
    assert [test["name"] for test in told["tests"]] == ["lengths"]
    assert [one["name"] for one in told["left_out"]] == ["labels", "vocabulary", "words", "domain"]
    assert "fewer than two" in told["left_out"][0]["sentence"]
    assert "no words" in told["left_out"][-1]["sentence"]
