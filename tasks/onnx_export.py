"""Networks as ONNX files, which onnxruntime runs with none of our code."""

import copy
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tasks import encoder as encoders
from tasks import network as networks
from tasks import onnx
from tasks.errors import BadInput

MODEL, TOKENIZER = "model.onnx", "tokenizer.json"
ENCODER_INPUTS = ("input_ids", "attention_mask")
"""The inputs of an encoder's file, by the names that other tools look for."""

_LARGEST = 2**31 - 2**20  # bytes: a protobuf ends at 2 GiB, and the graph itself wants a little
_OPSET = 17  # the first in which a layer normalisation is one operator; onnxruntime reads it from 1.12 on
_TOKEN_BUDGET = 4096
_CLOSE = 1e-3  # of the largest logit: far above what rounding does, far below what a wrong graph does
_FIX = "Use the model as it is: take its entry out of `quantized`."
# Texts that differ in length, script and case; the last is cut.
_PROBES = (
    "",
    "word",
    "Two short sentences. And a Second one!",
    "\u4f60\u597d, na\u00efve caf\u00e9 42",
    "long text " * 300,
)


def size(network: nn.Module) -> int:
    """Bytes of all weights and buffers."""
    return sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())


def fits(network: nn.Module) -> bool:
    """Whether a single ONNX file can hold the network."""
    return size(network) <= _LARGEST


def write(
    network: nn.Module,
    file: Path,
    inputs: Sequence[str] = ("ids", "mask"),
    unit: str = "words",
    *,
    one_row: bool = False,
) -> None:
    """Writes a network from ids and mask, int64 [rows, units], to `logits`, float32 [rows, classes].

    The mask is 1 where a row has a unit and 0 where it has ended.

    Args:
        network: called as `network(ids, mask)`, of a size that fits; left as it is.
        inputs: the names of ids and mask.
        unit: the name of their second dimension.
        one_row: the file takes one row at a time, and no more.
    """
    ids = torch.tensor([[2, 1, 2], [1, 2, 0]])  # any will do, of rows that differ in length
    ids = ids[:1] if one_row else ids
    dynamic = {1: unit} if one_row else {0: "rows", 1: unit}
    with warnings.catch_warnings():
        # This exporter is deprecated; the one that is to take its place needs two more packages and 20 times as long.
        warnings.simplefilter("ignore", DeprecationWarning)
        # Libraries check sizes and choose ways by them, which a trace takes as they are.
        traced = torch.jit.TracerWarning  # type: ignore[attr-defined]
        warnings.filterwarnings("ignore", category=traced, module=r"(torch|transformers)\.")
        # It warns of initial states that are tied to the number of rows; ours are zeros of as many rows as there are.
        warnings.filterwarnings("ignore", "Exporting a model to ONNX with a batch_size other than 1", UserWarning)
        # As it traces, sizes are tensors, of which some models make tensors.
        warnings.filterwarnings("ignore", "To copy construct from a tensor", UserWarning)
        warnings.filterwarnings("ignore", "Exporting aten::index operator of advanced indexing", UserWarning)
        torch.onnx.export(
            copy.deepcopy(network).cpu().eval(),
            (ids, (ids > 0).long()),
            file,
            input_names=list(inputs),
            output_names=["logits"],
            dynamic_axes=dict.fromkeys(inputs, dynamic) | ({} if one_row else {"logits": {0: "rows"}}),
            opset_version=_OPSET,
            dynamo=False,
        )


def save_encoder(source: Path, folder: Path, threads: int, *, one_row: bool = False) -> None:
    """Writes a fine-tuned encoder as `model.onnx`, with the `tokenizer.json` that makes its inputs.

    The tokenizer cuts texts where the model does, and says which id fills short rows up. A file of one row at a time is
    for weights of 8 bits: what they are multiplied with is rounded by its largest value, so that a text's answer would
    depend on the other texts of its batch.

    Args:
        source: as tasks/network.py saves a classifier.
        folder: where to; must exist.
        threads: CPU threads for the comparison of both.

    Raises:
        BadInput: if it is too large, PyTorch cannot write it, the file answers otherwise than the network does, or the
            tokenizer is none of the library tokenizers.
    """
    network, max_tokens = networks.load(source)
    if not fits(network):
        raise _unfit(source, "weights of less than 2 GiB", f"{size(network) / 2**30:.1f} GiB")
    if getattr(network.encoder, "_supports_sdpa", False):
        # Written out in plain products, which onnxruntime joins again; fused attention becomes more operators.
        network.encoder.set_attn_implementation("eager")  # type: ignore[operator]
    _write_tokenizer(source, folder / TOKENIZER, max_tokens)
    try:
        write(network, folder / MODEL, ENCODER_INPUTS, "tokens", one_row=one_row)
    except Exception as error:  # an encoder's own code is traced, and may fail in any way
        raise _unfit(source, "a network that PyTorch writes as ONNX", " ".join(str(error).split())[:200]) from None
    tokenizer = encoders.Tokenizer(source, max_tokens)
    own = encoders.run_batched(network, tokenizer(_PROBES), tokenizer.pad_id, _TOKEN_BUDGET, "cpu")
    distance = float(np.abs(onnx.TextNetwork(folder, threads).logits(_PROBES) - own).max())
    if not distance <= _CLOSE * max(1.0, float(np.abs(own).max())):  # also for what is no number
        raise _unfit(source, "a file that answers as the network does", f"logits that are {distance:.2g} off")


def _write_tokenizer(source: Path, file: Path, max_tokens: int) -> None:
    tokenizer = encoders.open_tokenizer(source)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise _unfit(source, "a tokenizer of the library tokenizers", "one that is written in Python")
    backend.enable_truncation(max_tokens, direction=tokenizer.truncation_side)
    backend.enable_padding(pad_id=tokenizer.pad_token_id or 0, pad_token=tokenizer.pad_token or "")
    backend.save(str(file))


def _unfit(source: Path, expected: str, found: str) -> BadInput:
    return BadInput(str(source), expected, found, _FIX)
