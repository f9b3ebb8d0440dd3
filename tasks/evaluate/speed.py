"""How fast a candidate answers, and how large it is."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

_WARM_UP_CALLS = 3  # the first calls allocate memory and choose kernels
_PASSES = 3  # of throughput; the fastest counts, because other stages may be running beside this one

Predict = Callable[[Sequence[str]], object]


def latencies_ms(predict: Predict, texts: Sequence[str], calls: int, batch_rows: int = 1) -> tuple[float, float]:
    """Times predictions of single rows, or of batches, after a warm-up.

    Args:
        texts: of which as many as are needed are taken at equal distances (again from the first, if there are fewer).
        batch_rows: rows that are predicted in one call.

    Returns:
        The median and the 95th percentile of a call, in milliseconds.
    """
    some = _spread(texts, calls * batch_rows)
    batches = [some[start : start + batch_rows] for start in range(0, len(some), batch_rows)]
    for batch in batches[:_WARM_UP_CALLS]:
        predict(batch)
    seconds = [_timed(predict, batch) for batch in batches]
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
