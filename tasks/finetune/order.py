"""The parts that a batch is computed in."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.order import Indices

_SMALL_TOKENS = 2**15  # a part of so few tokens is not worth dividing, whatever it wastes


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
