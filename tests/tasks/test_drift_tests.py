"""The tests of drift one by one, held against scipy, scikit-learn, direct computations and published figures."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from tasks.retraining import domain_shift, label_shift, length_shift, telling_words, vectors, vocabulary_shift
from tasks.retraining.proportions import fisher, newcombe
from tasks.retraining.word_counts import WordCounts, count, words_of
from tests.tasks.drifting import made


def random(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def counted(before: list[str], after: list[str]) -> WordCounts:
    counts = count(before, after)
    assert counts is not None
    return counts


def test_shares_of_labels_are_compared_by_pearson_s_test() -> None:
    before, after = {"a": 50, "b": 30, "c": 20, "gone": 9}, {"a": 30, "b": 30, "c": 40, "new": 7}
    shift = label_shift.find(before, after, threshold=0.1, draws=100, random=random())
    assert shift is not None
    # By hand: 40, 30 and 30 rows are expected on either side, of the labels that both have.
    statistic = 2 * (100 / 40 + 0 / 30 + 100 / 30)
    assert shift.statistic == pytest.approx(statistic)
    assert shift.p_value == pytest.approx(stats.chi2.sf(statistic, 2))
    assert shift.effect == pytest.approx(0.2)
    assert "20.0 % apart (10 % or more count), most for a (50.0 % before, 30.0 % now) and c" in shift.told


def test_shares_of_few_labels_are_compared_exactly() -> None:
    # With sides of one size, Fisher's exact test orders the tables as the chi-squared statistic does.
    shift = label_shift.find({"a": 1, "b": 19}, {"a": 8, "b": 12}, threshold=0.1, draws=40_000, random=random())
    assert shift is not None
    exact = stats.fisher_exact([[1, 19], [8, 12]]).pvalue
    assert shift.p_value == pytest.approx(exact, rel=0.1)
    approximate = stats.chi2_contingency([[1, 19], [8, 12]], correction=False).pvalue
    assert approximate < 0.6 * exact, "the approximation would have called it too early"


def test_one_label_in_common_tells_nothing() -> None:
    assert label_shift.find({"a": 9, "b": 1}, {"a": 9, "c": 1}, threshold=0.1, draws=100, random=random()) is None


def test_lengths_are_compared_by_the_distance_of_their_distributions() -> None:
    before, after = (["word " * number for number in lengths] for lengths in ([2, 2, 5, 9] * 20, [5, 5, 9, 30] * 20))
    shift = length_shift.find(before, after, threshold=0.1)
    assert shift.effect == pytest.approx(0.5), "half of the earlier texts have two words, and none of the new ones"
    assert shift.p_value == pytest.approx(stats.ks_2samp([2, 2, 5, 9] * 20, [5, 5, 9, 30] * 20).pvalue, abs=1e-6)
    assert "the median is 7 words, where it was 3.5" in shift.told


def test_chinese_is_counted_in_characters() -> None:
    texts = ["打印机卡纸了请派人来修理一下", "忘记密码无法登录系统请帮我重置"] * 3
    assert length_shift.unit(texts) == "characters"
    assert length_shift.unit([*texts, *(["The printer is out of paper again, please help us"] * 7)]) == "words"
    assert length_shift.lengths(["打印机 卡纸了", ""], "characters").tolist() == [6, 0]


def test_words_are_letters_in_lower_case_and_chinese_is_cut() -> None:
    assert words_of("The VPN, since 2026-10-01: ticket FH-36134") == ["the", "vpn", "since", "ticket", "fh"]
    assert len(words_of("打印机卡纸了")) > 1


def test_the_share_of_unseen_words_is_that_of_the_new_words() -> None:
    before, after = ["red green", "green blue"] * 15, ["red pink pink", "blue Green"] * 15
    shift = vocabulary_shift.find(counted(before, after), threshold=0.02, draws=199, random=random())
    assert shift.statistic == pytest.approx(2 / 5)
    assert shift.effect == pytest.approx(2 / 5), "earlier rows that are held out have no word of their own"
    assert shift.p_value == pytest.approx(1 / 200)


def test_what_is_usual_of_unseen_words_is_told_by_earlier_rows() -> None:
    # Every row has a word of its own, so that half of the words are always new: no shift, however large the share.
    rows = [f"same {''.join(chr(97 + int(digit)) for digit in str(1000 + number))}" for number in range(120)]
    shift = vocabulary_shift.find(counted(rows[:80], rows[80:]), threshold=0.02, draws=199, random=random())
    assert shift.statistic == pytest.approx(0.5)
    assert shift.effect == pytest.approx(0.0, abs=1e-12)
    assert shift.p_value == 1.0


def test_a_word_s_log_odds_are_those_of_the_source() -> None:
    before, after = ["red red blue", "red green", "blue"], ["red pink", "pink pink green", "pink", "blue"]
    shift = telling_words.find(counted(before, after), threshold=0.05, alpha=0.05, draws=199, random=random()).shift
    held = [Counter(word for text in side for word in set(text.split())) for side in (before, after)]
    prior = held[0] + held[1]
    odds, variance = [], 0.0
    for own in held:  # the word pink, once a row
        padded, everything = own["pink"] + prior["pink"], sum(own.values()) + sum(prior.values())
        odds.append(np.log(padded / (everything - padded)))
        variance += 1 / padded
    assert shift.statistic == pytest.approx((odds[1] - odds[0]) / variance**0.5)


def test_a_word_that_comes_up_is_named_and_a_single_shout_is_not() -> None:
    before, after = made(150, 1)[0], made(100, 2)[0]
    after = [f"{text} fern" if number % 5 == 0 else text for number, text in enumerate(after)]
    after[1] = "hurry " * 50
    found = telling_words.find(counted(before, after), threshold=0.05, alpha=0.05, draws=999, random=random())
    assert [(one.word, one.before, one.after) for one in found.words] == [("fern", 0, 20)]
    assert found.shift.effect == pytest.approx(0.2)
    assert found.shift.p_value == pytest.approx(1 / 1000)
    assert "20.0 % of the new rows hold 'fern', and 0.0 % of the earlier ones (5 points more count)" in found.shift.told


def test_words_that_went_are_not_named() -> None:
    before, after = [f"{text} fern" for text in made(100, 1)[0]], made(100, 2)[0]
    found = telling_words.find(counted(before, after), threshold=0.05, alpha=0.05, draws=199, random=random())
    assert found.words == []
    assert found.shift.effect == 0.0


def test_the_area_is_that_of_ridge_regressions_by_scikit_learn() -> None:
    generator = random()
    table = np.concatenate([generator.normal(size=(70, 6)), generator.normal(size=(50, 6)) + 0.5]) + 3
    before, after = [f"b{number}" for number in range(70)], [f"a{number}" for number in range(50)]
    shift = domain_shift.find(table, before, after, threshold=0.6, draws=100, random=random(5))
    fold_of = domain_shift.folds(before, after, random(5))
    centred = table - table.mean(axis=0)
    centred /= np.sqrt((centred**2).sum(axis=1).mean())
    sides = np.repeat([0.0, 1.0], [70, 50])
    areas, pairs = [], []
    for fold in range(5):
        shown, held = fold_of != fold, fold_of == fold
        ridge = Ridge(alpha=10.0, fit_intercept=False).fit(centred[shown], (sides - sides.mean())[shown])
        areas.append(roc_auc_score(sides[held], ridge.predict(centred[held])))
        pairs.append(sides[held].sum() * (1 - sides[held]).sum())
    assert shift.effect == pytest.approx(np.average(areas, weights=pairs), abs=1e-9)
    assert shift.p_value == pytest.approx(1 / 101)


def test_both_sides_are_in_every_fold_and_a_text_of_both_in_one() -> None:
    before, after = [f"text {number}" for number in range(60)], [f"text {number}" for number in range(40, 90)]
    fold_of = domain_shift.folds(before, after, random())
    old, new = fold_of[:60], fold_of[60:]
    assert old[40:].tolist() == new[:20].tolist()
    assert np.bincount(new).tolist() == [10] * 5
    assert min(np.bincount(old)) >= 8


def test_a_text_on_both_sides_does_not_teach_the_classifier_its_answer() -> None:
    # Were a text's two places in different folds, the classifier would take its copy for one of the other side: an
    # area of far below a half, which would hide a shift of the other rows.
    texts = [" ".join(pair) for pair in pairwise("abcdefghijklmnopqrstuvwxyz" * 2)][:25]
    counts = counted([f"{text} {number}" for number, text in enumerate(texts)], texts)
    shift = domain_shift.find(vectors.of_words(counts), texts, texts, threshold=0.6, draws=100, random=random())
    assert shift.effect == pytest.approx(0.5)


def test_equal_answers_count_half() -> None:
    answers = np.array([[1.0], [1.0], [2.0], [0.5]])
    sides = np.array([[0.0], [1.0], [1.0], [0.0]])
    assert domain_shift._wins(answers, sides)[0] == 3.5
    assert roc_auc_score(sides.ravel(), answers.ravel()) == 3.5 / 4


# Newcombe (1998), table II, method 10.
PUBLISHED = [
    ((56, 70, 48, 80), (0.0524, 0.3339)),
    ((9, 10, 3, 10), (0.1705, 0.8090)),
    ((6, 7, 2, 7), (0.0582, 0.8062)),
    ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ((10, 10, 0, 10), (0.6075, 1.0000)),
]


@pytest.mark.parametrize(("rows", "interval"), PUBLISHED)
def test_intervals_are_the_published_ones(rows: tuple[int, int, int, int], interval: tuple[float, float]) -> None:
    assert newcombe(*rows, 0.95) == pytest.approx(interval, abs=6e-5)


def test_a_fall_is_tested_given_how_many_are_right_in_all() -> None:
    # Of 100 + 50 rows 105 are right; that 25 or fewer of them are among the 50.
    assert fisher(25, 50, 80, 100) == pytest.approx(stats.hypergeom.cdf(25, 150, 105, 50))
    assert fisher(50, 50, 80, 100) == pytest.approx(1.0), "a gain is no fall"
