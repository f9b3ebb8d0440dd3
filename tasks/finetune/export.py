"""A small network on disk, as ONNX: run by onnxruntime, with none of our code."""

import copy
import shutil
import warnings
from pathlib import Path

import torch
from torch import nn

from tasks.errors import BadInput
from tasks.features import FeatureSet
from tasks.model import Family

_LARGEST = 2**31 - 2**20  # bytes: a protobuf ends at 2 GiB, and the graph itself wants a little


def check_size(network: nn.Module) -> None:
    """Makes sure, before it is trained, that a network can be saved.

    Raises:
        BadInput: if the weights are more than a single ONNX file can hold (2 GiB).
    """
    size = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
    if size > _LARGEST:
        fix = "Lower max_words or dimensions of the feature set."
        raise BadInput("the network", "weights of less than 2 GiB", f"{size / 2**30:.1f} GiB", fix)


def save(network: nn.Module, feature_set: FeatureSet, folder: Path) -> Family:
    """Writes `model.onnx` and the tokenizer that makes its inputs.

    The model takes `ids` and `mask`, int64 [rows, words] (ids of `tokenizer.json`, 0 where a row has ended, and 1 or 0
    for whether there is a word), and gives `logits`, float32 [rows, classes]. Its weights are float32.

    Args:
        network: called as `network(ids, mask)`, of a size that `check_size` allows; left as it is.
    """
    ids = torch.tensor([[2, 1, 2], [1, 2, 0]])  # any words will do, of rows that differ in length
    dynamic = {0: "rows", 1: "words"}
    with warnings.catch_warnings():
        # This exporter is deprecated; the one that is to take its place needs two more packages and 20 times as long.
        warnings.simplefilter("ignore", DeprecationWarning)
        # PyTorch's own recurrent networks check sizes, which a trace takes as they are.
        traced = torch.jit.TracerWarning  # type: ignore[attr-defined]
        warnings.filterwarnings("ignore", category=traced, module=r"torch\.")
        # It warns of initial states that are tied to the number of rows; ours are zeros of as many rows as there are.
        warnings.filterwarnings("ignore", "Exporting a model to ONNX with a batch_size other than 1", UserWarning)
        torch.onnx.export(
            copy.deepcopy(network).cpu().eval(),
            (ids, (ids > 0).long()),
            folder / "model.onnx",
            input_names=["ids", "mask"],
            output_names=["logits"],
            dynamic_axes={"ids": dynamic, "mask": dynamic, "logits": {0: "rows"}},
            dynamo=False,
        )
    shutil.copyfile(feature_set.tokenizer, folder / "tokenizer.json")
    return "onnx"
