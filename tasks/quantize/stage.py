"""Stage `quantize`: writes a fine-tuned encoder as ONNX, with weights of 32 or of 8 bits.

Nothing is trained: the temperature that the model was calibrated by is part of its weights, and is carried over as it
is. There are no out-of-fold predictions, as the models of the folds are not kept.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np

from tasks import block, compute, contestants, learned_rows, model, onnx_export, predictions, rows
from tasks.errors import BadInput
from tasks.files import read_json, replacing, write_json
from tasks.model import CARD
from tasks.progress import log
from tasks.quantize import integers
from tasks.quantize.params import QuantizedParams
from tasks.records import Record, peak_memory_mb


def run(root: Path, item: str | None, record: Record) -> None:
    """Writes `models/quantized/<item>/`, a table of out-of-fold predictions without rows, and what it cost.

    Raises:
        BadInput: if the model has not been trained, is no fine-tuned encoder that is one network, or cannot be
            written as ONNX.
        ParamsError: if the quantized model is not declared as it must be.
    """
    if item is None:
        raise BadInput("python -m tasks quantize", "the name of a quantized model", "none", "Give one of `quantized`.")
    params = block.read(root, f"quantized.{item}", QuantizedParams)
    contestant = contestants.find(root, item)
    computing = compute.read(root)
    computing.apply()
    started = time.perf_counter()
    source = root / "models" / params.model
    card = _card(source, f"quantized.{item}.model")
    whole = params.weights == "float32"
    with replacing(root / contestant.folder) as folder:
        folder.mkdir(parents=True)
        onnx_export.save_encoder(source, folder, computing.threads, one_row=not whole)
        if not whole:
            integers.quantize(folder / onnx_export.MODEL)
        learned_rows.pass_on(source, folder)
        _write_card(folder, item, params, card)
    labels = card["labels"]
    with replacing(root / contestant.out_of_fold) as partial:
        rows.write(partial, predictions.build([], "train", [], labels, np.empty((0, len(labels)))))
    costs = {
        "quantize_seconds": round(time.perf_counter() - started, 3),
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "threads": computing.threads,
    }
    write_json(root / "costs/fit" / f"{item}.json", costs)
    megabytes = (root / contestant.folder / onnx_export.MODEL).stat().st_size / 1e6
    log(f"{item}: {params.model} as ONNX with {params.weights} weights, {megabytes:.1f} MB")


def _card(source: Path, at: str) -> dict[str, Any]:
    try:
        card: dict[str, Any] = read_json(source / CARD)
    except FileNotFoundError:
        raise BadInput(str(source), f"a trained model ({CARD})", "none", "Run `regraft run` first.") from None
    if card["family"] != "network":
        fix = "Name a candidate or student of `model: transformer` that is no bag by `mean`."
        raise BadInput(at, "a fine-tuned encoder that is one network", f"a model of family {card['family']}", fix)
    return card


def _write_card(folder: Path, item: str, params: QuantizedParams, card: dict[str, Any]) -> None:
    kept = {name: card["notes"][name] for name in ("calibration",) if name in card["notes"]}  # what is still true
    model.write_card(
        folder,
        name=item,
        family="onnx",
        labels=card["labels"],
        rules=card["rules"],
        recipe=card["params"],
        features=card["features"],
        search=None,
        notes={"quantized": params.model_dump(), **kept},
    )
