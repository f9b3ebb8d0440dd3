"""What is done when memory runs out: smaller pieces, and a clear error where the smallest piece does not fit."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tasks import encoder as encoders
from tasks.errors import BadInput
from tasks.progress import log

# PyTorch has a class of its own for GPUs alone; its allocator for CPUs raises a plain RuntimeError with the first text
# (the second on Windows), and cuBLAS one with the third.
_TEXTS = ("can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED", "out of memory")
_FIX = "Lower batch_rows of the candidate or max_tokens of its feature set, or use a device with more memory."


def ran_out(error: BaseException) -> bool:
    """Whether an error means that there was not enough memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _TEXTS)


def release() -> None:
    """Gives back what is not used any more; not while the error is handled, as its traceback holds on to tensors."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class TooLittleMemory(BadInput):
    """Something does not fit into memory and cannot be divided further."""


def too_little(what: str) -> TooLittleMemory:
    """The error for a thing that does not fit."""
    return TooLittleMemory("memory", f"enough for {what}", "too little", _FIX)


@contextmanager
def enough_for(what: str) -> Iterator[None]:
    """Within it, running out of memory is an error that says what to do.

    Raises:
        BadInput: if memory runs out.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        raise too_little(what) from error


def run_batched(
    forward: Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor],
    ids: encoders.Ids,
    pad_id: int,
    token_budget: int,
    device: str,
    report: Callable[[int], Any] = lambda done: None,
) -> npt.NDArray[np.float32]:
    """`tasks.encoder.run_batched`, again with half the tokens a batch as often as memory runs out.

    Raises:
        BadInput: if a single row does not fit.
    """
    longest = max((len(row) for row in ids), default=0)
    while True:
        try:
            return encoders.run_batched(forward, ids, pad_id, token_budget, device, report)
        except (RuntimeError, MemoryError) as error:
            if not ran_out(error):
                raise
        release()
        if token_budget <= longest:
            raise too_little(f"a row of {longest:,} tokens")
        token_budget //= 2
        log(f"out of memory: predicting again in batches of {token_budget:,} tokens")
