"""Weights of 8 bits in place of 32 (dynamic quantization: what they are multiplied with is rounded as it comes)."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.files import replacing


def quantize(file: Path) -> None:
    """Rounds the weights of an ONNX file, in place: those of linear maps, the head among them, and of embeddings.

    Each column of a linear map has a scale of its own. Its weights take 7 of the 8 bits: with all 8, processors without
    VNNI add two products in 16 bits, which overflow, so that they would answer otherwise than others (onnxruntime,
    "Quantize ONNX models", on U8S8).
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with replacing(file) as partial, _quiet():
        quantize_dynamic(file, partial, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)


@contextmanager
def _quiet() -> Iterator[None]:
    """Within it, no advice to prepare the file first: what that would infer of shapes is inferred anyway."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
