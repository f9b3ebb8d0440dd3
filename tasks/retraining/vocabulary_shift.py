"""Whether the new rows have words that the earlier ones do not have."""

import numpy as np

from tasks.retraining.shift import Shift, percent
from tasks.retraining.word_counts import WordCounts, permuted, totals, widths
from tasks.scores import Floats, Ints

_DIVISIONS = 100  # of the earlier rows, that tell what is usual


def find(counts: WordCounts, *, threshold: float, draws: int, random: np.random.Generator) -> Shift:
    """Tests the share of the words of new rows (each as often as it stands there) that no earlier row has.

    The p-value is that of a permutation test, in which rows change sides: the words of a row stay together, as they
    are not independent. The effect is by how much the share is above what is usual, 0 to 1: in random divisions of the
    earlier rows, the share of the words of the one part that the other part does not have is compared with the share
    of the words of new rows that it does not have either.

    Args:
        counts: of the words.
        threshold: the least effect that counts.
        draws: of the permutation test.
    """
    share = float(_unseen(totals(counts.before), totals(counts.after))[0])
    p_value = _permuted(counts, share, draws, random)
    usual, now = _compared(counts, random)
    told = (
        f"{percent(now)} of the words stand in none of the earlier rows, where {percent(usual)} are usual "
        f"({100 * threshold:g} points more count)"
    )
    return Shift("vocabulary", share, now - usual, p_value, threshold, told)


def _permuted(counts: WordCounts, share: float, draws: int, random: np.random.Generator) -> float:
    """The share of permutations with as many unseen words; one is added to both counts, as in `label_shift`."""
    every = totals(counts.before) + totals(counts.after)
    drawn = permuted(counts.before, counts.after, draws, random)
    above = sum(int((_unseen(every - new, new) >= share - 1e-12).sum()) for new in drawn)
    return (1 + above) / (draws + 1)


def _compared(counts: WordCounts, random: np.random.Generator) -> tuple[float, float]:
    """The mean share of words that a part of the earlier rows does not have: in the other part, and in the new rows."""
    rows, new = counts.before.shape[0], totals(counts.after)
    held = (np.arange(rows) < min(counts.after.shape[0], rows // 2)).astype(np.int64)
    every, usual, now = totals(counts.before), [], []
    for width in widths(len(counts.words), _DIVISIONS):
        left_out = counts.before.T @ random.permuted(np.tile(held[:, None], width), axis=0)
        usual.append(_unseen(every - left_out, left_out))
        now.append(_unseen(every - left_out, new))
    return float(np.concatenate(usual).mean()), float(np.concatenate(now).mean())


def _unseen(seen: Ints, shown: Ints) -> Floats:
    """The share of the words shown that are not among the seen, both [words, draws]; 0 where no word is shown."""
    shares: Floats = (shown * (seen == 0)).sum(axis=0) / np.maximum(shown.sum(axis=0), 1)
    return shares
