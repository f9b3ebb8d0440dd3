"""Running out of memory, told from other errors and told to the user."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.errors import BadInput

# PyTorch has a class of its own for GPUs alone; its allocator for CPUs raises a plain RuntimeError with the first text
# (the second on Windows), and cuBLAS one with the third.
_TEXTS = ("can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED", "out of memory")


class TooLittleMemory(BadInput):
    """Something does not fit into memory and cannot be divided further."""


def ran_out(error: BaseException) -> bool:
    """Whether an error means that there was not enough memory."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _TEXTS)


def release() -> None:
    """Gives back what is not used any more; not while the error is handled, as its traceback holds on to tensors."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextmanager
def enough_for(what: str, where: str, fix: str) -> Iterator[None]:
    """Within it, running out of memory is an error that says what to do.

    Args:
        where: the key that decides how much memory is taken.

    Raises:
        BadInput: if memory runs out.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        raise TooLittleMemory(where, f"enough memory for {what}", "too little", fix) from error
