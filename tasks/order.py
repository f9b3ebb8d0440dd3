"""The order of train rows: random, but with rows of similar length in one batch."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]

_WINDOW = 50  # batches: large enough that lengths within a batch agree, small enough that batches stay random


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
