"""Whether there are words that new rows have more often than earlier ones, and which."""

from dataclasses import dataclass

import numpy as np

from tasks.retraining.shift import Shift, percent
from tasks.retraining.word_counts import WordCounts, permuted, totals
from tasks.scores import Floats, Ints
from tasks.select import wording

_NAMED = 5  # words in the sentence


@dataclass(frozen=True)
class TellingWord:
    """A word that is surely more frequent than before.

    Attributes:
        before: earlier rows that hold it.
        after: new rows that hold it.
        z: its log-odds ratio, in standard errors.
        p_value: of being no more frequent, corrected for the number of words.
    """

    word: str
    before: int
    after: int
    z: float
    p_value: float


@dataclass(frozen=True)
class Found:
    """The words, the surest first, then by name, and what they are as a test of drift."""

    words: list[TellingWord]
    shift: Shift


def find(counts: WordCounts, *, threshold: float, alpha: float, draws: int, random: np.random.Generator) -> Found:
    """Looks for words that more of the new rows hold.

    Words are ranked by the log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008,
    "Fightin' Words", sections 3.3 to 3.5.1), which keeps rare words, whose shares are chance, from being first. The
    prior is the words of both sides together. A word counts once a row, as one text may say a word many times.

    That a word is more frequent is sure where a permutation of the rows seldom has any word so far up: the single-step
    maxT procedure (Westfall and Young 1993, "Resampling-Based Multiple Testing"), which corrects for the number of
    words and knows which of them come together. The effect is the share of the new rows that hold one of the sure
    words, above that of the earlier rows.

    Args:
        counts: of the words.
        threshold: the least effect that counts.
        alpha: what the p-value of a sure word is below; that of all tests together, divided by how many they are, so
            that there is no sure word where the corrected test finds nothing.
        draws: of the permutation test.
    """
    held_before, held_after = (side > 0 for side in (counts.before, counts.after))
    before, after = totals(held_before), totals(held_after)
    z = _z(before, after).ravel()
    drawn = permuted(held_before, held_after, draws, random)
    largest = np.concatenate([_z(before + after - new, new).max(axis=0) for new in drawn])
    above = len(largest) - np.searchsorted(np.sort(largest), z - 1e-9)
    p_values = (1 + above) / (draws + 1)  # one is added to both counts, as in `label_shift`
    # Words are sorted, so a stable order keeps equal ones by name.
    order = np.argsort(-z, kind="stable")
    sure = [int(at) for at in order if p_values[at] < alpha]
    told = [
        TellingWord(counts.words[at], int(before[at, 0]), int(after[at, 0]), float(z[at]), float(p_values[at]))
        for at in sure
    ]
    old, new = (float(np.mean(np.asarray(side[:, sure].sum(axis=1)) > 0)) for side in (held_before, held_after))
    first = order[0]
    if told:
        held = f"{percent(new)} of the new rows hold {_named(told)}, and {percent(old)} of the earlier ones"
        said = f"{held} ({100 * threshold:g} points more count)"
    else:
        here = f"{after[first, 0]:,} of {held_after.shape[0]:,} new rows"
        there = f"{before[first, 0]:,} of {held_before.shape[0]:,} earlier ones"
        said = f"none surely has; {counts.words[first]!r} is the nearest to it, in {here} and {there}"
    return Found(told, Shift("words", float(z[first]), new - old, float(p_values[first]), threshold, said))


def _named(told: list[TellingWord]) -> str:
    """The words for the middle of a sentence, the first of them by name."""
    names = [repr(one.word) for one in told[:_NAMED]]
    if len(names) == 1:
        return names[0]
    rest = len(told) - len(names)
    return f"one of {wording.listed([*names, f'{rest:,} others'] if rest else names)}"


def _z(before: Ints, after: Ints) -> Floats:
    """The log-odds ratio of each word, new against earlier, in standard errors: equations 16, 20 and 22 of the source.

    Args:
        before: earlier rows that hold each word [words, draws].
        after: the same of the new rows [words, draws].
    """
    prior = before + after
    old, new = before + prior, after + prior
    odds = [np.log(own) - np.log(np.maximum(own.sum(axis=0) - own, 1)) for own in (old, new)]
    ratios: Floats = (odds[1] - odds[0]) / np.sqrt(1 / old + 1 / new)
    return ratios
