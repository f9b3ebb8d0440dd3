"""What is done when memory runs out: smaller pieces, and a clear error where the smallest piece does not fit."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tasks import encoder as encoders
from tasks import memory
from tasks.memory import TooLittleMemory, ran_out, release
from tasks.progress import log

__all__ = ["TooLittleMemory", "enough_for", "ran_out", "release", "run_batched", "too_little"]

_FIX = "Lower batch_rows of the candidate or max_tokens of its feature set, or use a device with more memory."


def too_little(what: str) -> TooLittleMemory:
    """The error for a thing that does not fit."""
    return TooLittleMemory("memory", f"enough for {what}", "too little", _FIX)


def enough_for(what: str) -> AbstractContextManager[None]:
    """Within it, running out of memory is a `BadInput` that says what of a candidate to change."""
    return memory.enough_for(what, "memory", _FIX)


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
