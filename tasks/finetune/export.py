"""A small network on disk, as ONNX."""

import shutil
from pathlib import Path

from torch import nn

from tasks import onnx_export
from tasks.errors import BadInput
from tasks.features import FeatureSet
from tasks.model import Family


def check_size(network: nn.Module) -> None:
    """Makes sure, before it is trained, that a network can be saved.

    Raises:
        BadInput: if the weights are more than a single ONNX file can hold (2 GiB).
    """
    if not onnx_export.fits(network):
        fix = "Lower max_words or dimensions of the feature set."
        found = f"{onnx_export.size(network) / 2**30:.1f} GiB"
        raise BadInput("the network", "weights of less than 2 GiB", found, fix)


def save(network: nn.Module, feature_set: FeatureSet, folder: Path) -> Family:
    """Writes `model.onnx` and the tokenizer that makes its inputs.

    The model takes `ids` and `mask`, int64 [rows, words] (ids of `tokenizer.json`, 0 where a row has ended, and 1 or 0
    for whether there is a word), and gives `logits`, float32 [rows, classes]. Its weights are float32.

    Args:
        network: called as `network(ids, mask)`, of a size that `check_size` allows; left as it is.
    """
    onnx_export.write(network, folder / onnx_export.MODEL)
    shutil.copyfile(feature_set.tokenizer, folder / onnx_export.TOKENIZER)
    return "onnx"
