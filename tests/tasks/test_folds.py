"""Folds: every row is held out once, and classes stay in the train parts."""

import numpy as np
import pytest

from tasks.errors import BadInput
from tasks.folds import folds


def test_every_row_is_held_out_once_and_trained_on_otherwise() -> None:
    labels = np.array(["a"] * 20 + ["b"] * 2 + ["c"] * 9)
    parts = folds(labels, 5, seed=1)
    np.testing.assert_array_equal(np.sort(np.concatenate([held for _, held in parts])), np.arange(31))
    for train, held in parts:
        np.testing.assert_array_equal(np.sort(np.concatenate([train, held])), np.arange(31))


@pytest.mark.parametrize("number", [2, 3, 5])
def test_a_class_with_two_rows_is_in_every_train_part(number: int) -> None:
    labels = np.random.default_rng(0).permutation(np.array(["a"] * 20 + ["b"] * 2 + ["c"] * 9 + ["d"] * 2))
    assert all(set(labels[train]) == {"a", "b", "c", "d"} for train, _ in folds(labels, number, seed=1))


def test_folds_have_like_sizes_and_like_shares_of_each_class() -> None:
    labels = np.array([0] * 52 + [1] * 23 + [2] * 9)
    counts = np.array([np.bincount(labels[held], minlength=3) for _, held in folds(labels, 5, seed=3)])
    assert (np.ptp(counts, axis=0) <= 1).all()
    assert np.ptp(counts.sum(axis=1)) <= 1


def test_the_seed_decides() -> None:
    labels = np.array([0, 1] * 20)
    first, again, other = (folds(labels, 4, seed)[0][1].tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_there_are_no_more_folds_than_rows() -> None:
    parts = folds(np.array(["a", "a", "b"]), 10, seed=1)
    assert [len(held) for _, held in parts] == [1, 1, 1]


def test_the_only_row_of_a_class_is_held_out_from_those_who_never_saw_it() -> None:
    labels = np.array(["a"] * 9 + ["b"])
    (without,) = [train for train, held in folds(labels, 3, seed=1) if 9 in held]
    assert set(labels[without]) == {"a"}


@pytest.mark.parametrize("labels", [["a"], ["a", "b", "c"]])
def test_rows_without_a_class_of_two_are_refused(labels: list[str]) -> None:
    with pytest.raises(BadInput, match=rf"a class with two rows or more, found {len(labels)} rows of"):
        folds(np.array(labels), 2, seed=1)
