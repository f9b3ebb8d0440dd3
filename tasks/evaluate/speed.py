"""How fast a candidate answers, and how large it is."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

_WARM_UP_CALLS = 3  # the first calls allocate memory and choose kernels
_PASSES = 3  # of throughput; the fastest counts, because other stages may be running beside this one

Predict = Callable[[Sequence[str]], object]


def latencies_ms(predict: Predict, texts: Sequence[str], rows: int) -> tuple[float, float]:
    """Times single-row predictions, after a warm-up.

    Args:
        texts: of which `rows` are taken at equal distances (again from the first, if there are fewer).

    Returns:
        The median and the 95th percentile in milliseconds.
    """
    some = _spread(texts, rows)
    for text in some[:_WARM_UP_CALLS]:
        predict([text])
    seconds = [_timed(predict, [text]) for text in some]
    middle, slow = np.percentile(seconds, [50, 95])
    return 1000 * float(middle), 1000 * float(slow)


def rows_per_second(predict: Predict, texts: Sequence[str], rows: int) -> float:
    """Times batched prediction of at most `rows` texts in one call; the model must be warm."""
    some = _spread(texts, min(rows, len(texts)))
    return len(some) / min(_timed(predict, some) for _ in range(_PASSES))


def size_mb(folder: Path) -> float:
    """The size of all files in a folder, in millions of bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _spread(texts: Sequence[str], rows: int) -> list[str]:
    if rows > len(texts):
        return [texts[index % len(texts)] for index in range(rows)]
    return [texts[index * len(texts) // rows] for index in range(rows)]


def _timed(predict: Predict, texts: Sequence[str]) -> float:
    started = time.perf_counter()
    predict(texts)
    return time.perf_counter() - started
