"""The order of train rows: random, but with rows of similar length in one batch; and the parts of a batch."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]

_WINDOW = 50  # batches: large enough that lengths within a batch agree, small enough that batches stay random
_SMALL_TOKENS = 2**15  # a part of so few tokens is not worth dividing, whatever it wastes


def epoch_batches(
    lengths: Sequence[int], batch_rows: int, seed: int, epoch: int, rows: Indices | None = None
) -> list[Indices]:
    """Batches of one epoch, a function of its arguments alone, so that a resumed run sees the same.

    Rows are shuffled, sorted by length within windows of 50 batches, cut into batches, and the batches shuffled.

    Args:
        lengths: tokens of each row.
        rows: indices into `lengths` of the rows of this epoch, a row as often as it is wanted; None for each row once.

    Returns:
        Indices into `lengths`, all rows of the epoch together.
    """
    generator = np.random.default_rng([seed, epoch])
    shuffled = generator.permutation(np.arange(len(lengths)) if rows is None else rows)
    sizes = np.asarray(lengths)
    window = batch_rows * _WINDOW
    groups = []
    for start in range(0, len(shuffled), window):
        part = shuffled[start : start + window]
        part = part[np.argsort(sizes[part], kind="stable")]
        groups += [part[first : first + batch_rows] for first in range(0, len(part), batch_rows)]
    return [groups[index] for index in generator.permutation(len(groups))]


def parts(batch: Indices, lengths: Sequence[int], number: int) -> list[Indices]:
    """Divides a batch into at most `number` parts of equal size, in the order of its rows.

    A large part of which padding would be more than half (one very long row among short ones) is divided further, so
    that a batch never takes much more memory and time than its tokens do.

    Args:
        lengths: tokens of each row that `batch` may name.
    """
    equal = [part for part in np.array_split(batch, number) if len(part)]
    return [tight for part in equal for tight in _tight(part, np.array([lengths[row] for row in part]))]


def _tight(part: Indices, sizes: npt.NDArray[np.int64]) -> list[Indices]:
    if len(part) * sizes.max() <= max(_SMALL_TOKENS, 2 * sizes.sum()):
        return [part]
    order = np.argsort(-sizes, kind="stable")
    falling = sizes[order]
    before = np.arange(1, len(part))  # rows in the first of two; the best place leaves the fewest tokens, padded
    cut = int(before[np.argmin(before * falling[0] + (len(part) - before) * falling[before])])
    return _tight(part[order[:cut]], falling[:cut]) + _tight(part[order[cut:]], falling[cut:])
