"""What a stage computes on: threads, device and precision, with `auto` resolved."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from tasks import block
from tasks.block import Block
from tasks.errors import BadInput

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16"]


class ComputeParams(Block):
    """The keys at the top of `params.yaml` that say how to compute."""

    seed: int = Field(ge=0, lt=2**32)
    """Of everything random."""
    threads: int = Field(ge=1, le=1024)
    """CPU threads a stage. Sums of floats differ between thread counts, hence a parameter."""
    device: Device
    """`auto` takes a GPU where there is one."""
    precision: Precision
    """Of training and embedding; `auto` is bfloat16 where the device computes in it, else float32."""


@dataclass(frozen=True)
class Compute:
    """Resolved choices. Predictions of saved models are always made in float32."""

    seed: int
    threads: int
    device: str
    precision: str

    def apply(self) -> None:
        """Limits the CPU threads of this process, in PyTorch, BLAS and OpenMP."""
        limit_threads(self.threads)


def read(root: Path) -> Compute:
    """Reads the workspace's keys and resolves `auto`.

    Raises:
        ParamsError: if a key is wrong.
        BadInput: if the device asked for is not there.
    """
    tree = block.load(root / block.PARAMS)
    keys = {name: tree[name] for name in ComputeParams.model_fields if name in tree}
    params = block.parse(ComputeParams, keys)
    device = resolve_device(params.device)
    precision = _precision(params.precision, device)
    return Compute(seed=params.seed, threads=params.threads, device=device, precision=precision)


def resolve_device(wanted: str) -> str:
    """The name of the PyTorch device to use.

    Raises:
        BadInput: if a device is named that this machine does not have.
    """
    import torch

    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if present[name])
    if not present.get(wanted, False):
        found = ", ".join(name for name, there in present.items() if there)
        raise BadInput("device", wanted, f"only {found} on this machine", "Use `device: auto`.")
    return wanted


def limit_threads(threads: int) -> None:
    """Limits the CPU threads of this process, in PyTorch, BLAS and OpenMP."""
    import scipy.linalg  # noqa: F401 - a limit reaches only libraries that are loaded
    import sklearn.linear_model  # noqa: F401
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    threadpool_limits(limits=threads)


def _precision(wanted: str, device: str) -> str:
    import torch

    if wanted != "auto":
        return wanted
    if device == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    # Without AVX-512 BF16 or AMX, bfloat16 on a CPU is emulated and slower than float32.
    capable = device == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return "bfloat16" if capable else "float32"
