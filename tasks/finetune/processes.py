"""Several processes that train one network together, each on a GPU of its own or on a share of the CPU.

`accelerate launch --num_processes 2 -m tasks finetune NAME` starts them (so does `torchrun`), and says in environment
variables how many there are and which one this is. Without such a launcher there is one process, nothing of this module
does anything, and no library is imported.

What a stage has to do: fit and predict in every process alike, since they work together; but write outputs, records and
shared files in the main process only (`is_main`), and let the others wait for it (`wait`) before they read those files.
All processes must see the same files, so they run on one machine or share its folder.
"""

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch
    from torch import nn

# How long a process waits for another one. What the main process does alone, such as contrastive tuning or predicting
# many rows, may take hours; PyTorch gives up after 10 or 30 minutes. A launcher ends all of them when one has died.
_PATIENCE = timedelta(days=7)
_LAUNCHER = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
Floats = npt.NDArray[np.float32]


def count() -> int:
    """How many processes train together."""
    return int(os.environ["WORLD_SIZE"]) if all(name in os.environ for name in _LAUNCHER) else 1


def number() -> int:
    """Which of them this is, from 0."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def is_main() -> bool:
    """Whether this process is the one that scores, saves, writes and logs; true where there is only one."""
    return number() == 0


def join(device: str) -> None:
    """Meets the other processes; the first call alone does anything, and all have to make it.

    Args:
        device: the name of a PyTorch device; with `cuda` each process gets the GPU of its number on this machine.
    """
    import torch
    from torch import distributed

    if count() == 1 or distributed.is_initialized():
        return
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", number())) % torch.cuda.device_count())
    distributed.init_process_group("nccl" if device == "cuda" else "gloo", timeout=_PATIENCE)
    atexit.register(distributed.destroy_process_group)


def wait() -> None:
    """Returns once all processes have come here."""
    from torch import distributed

    if count() > 1 and distributed.is_initialized():
        distributed.barrier()


def from_main(make: Callable[[], Floats], shape: tuple[int, ...], device: str) -> Floats:
    """What `make` gives in the main process, in all of them; the others do not call it.

    Args:
        shape: of the array, which all processes know beforehand.
        device: where processes exchange tensors.
    """
    import torch
    from torch import distributed

    if count() == 1:
        return make()
    made = torch.from_numpy(make()) if is_main() else torch.empty(shape, dtype=torch.float32)
    tensor = made.contiguous().to(device)
    distributed.broadcast(tensor, src=0)
    array: Floats = tensor.cpu().numpy()
    return array


def copy_from_main(network: "nn.Module") -> None:
    """Gives the network of every process the weights and buffers that it has in the main one."""
    import torch
    from torch import distributed

    if count() == 1:
        return
    with torch.no_grad():
        for tensor in [*network.parameters(), *network.buffers()]:
            distributed.broadcast(tensor, src=0)


def add_up(tensor: "torch.Tensor") -> None:
    """Replaces a tensor by its sum over all processes, the same to the bit in each."""
    from torch import distributed

    if count() > 1:
        distributed.all_reduce(tensor)


@contextmanager
def quiet_unless_main() -> Iterator[None]:
    """Within it, only the main process prints."""
    if is_main():
        yield
        return
    # Python prints through these two; what a crash prints later, outside of the context, is still seen.
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield
