"""The block `quantized` of `params.yaml`."""

import re
from typing import Literal

from pydantic import field_validator

from tasks.block import Block

SOURCES = ("candidates", "students")
"""The blocks whose models can be quantized."""

_MODEL = rf"({'|'.join(SOURCES)})/[A-Za-z0-9][A-Za-z0-9_\-]*"


class QuantizedParams(Block):
    """A fine-tuned encoder as ONNX, which competes with the model that it is made of."""

    model: str
    """What it is made of, by its place under `models/`: candidates/<name> or students/<name>. A fine-tuned encoder that
    is one network."""
    weights: Literal["float32", "int8"] = "int8"
    """`int8`: the weights of linear maps and embeddings have 8 bits (those of linear maps 7, so that every processor
    gives the same), and what they are multiplied with is rounded to 8 bits as it comes; a quarter of the size, faster,
    and a little coarser. `float32`: as they are, run by onnxruntime in place of PyTorch."""

    @field_validator("model")
    @classmethod
    def _is_a_place(cls, model: str) -> str:
        if not re.fullmatch(_MODEL, model):
            raise ValueError("candidates/<name> or students/<name>")
        return model
