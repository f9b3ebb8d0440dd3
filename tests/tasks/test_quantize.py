"""Stage `quantize`: a fine-tuned encoder in another form answers as before, alone or in company, to the same bytes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx as onnx_files
import pytest
import torch
from onnx import numpy_helper

from tasks import encoder as encoders
from tasks import model, onnx, onnx_export, rows
from tasks.errors import BadInput, ParamsError
from tasks.files import read_json, sha256
from tasks.finetune import stage as finetune
from tasks.quantize import stage
from tasks.records import Record
from tests import tiny, tuning
from tests.imports import ROOT

EPOCH = {"features": "ids", "model": "transformer", "epochs": 1, "batch_rows": 16, "learning_rate": 0.005}
CANDIDATES: dict[str, dict[str, Any]] = {
    "full": {**EPOCH, "tune": "full"},
    "lora": {**EPOCH, "tune": "lora", "lora_rank": 2, "pooling": "cls"},
    "adapter": {**EPOCH, "tune": "adapter", "adapter_size": 4, "pooling": "max"},
}
FORMS = {f"{name}_{weights}": {"model": f"candidates/{name}", "weights": weights}
         for name in CANDIDATES for weights in ("float32", "int8")}  # fmt: skip
TEXTS = ["", "Printer PAPER jam", "nobody knows", "salary tax please " * 12, "reset the password", "my login is"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """A workspace with three fine-tuned encoders and both forms of each; do not change it."""
    root = tmp_path_factory.mktemp("quantize")
    tuning.tokens(root, tiny_encoder)
    features = {"ids": {"kind": "tokens", "encoder": "tiny", "max_tokens": 16}}
    tiny.params(root, features=features, candidates=CANDIDATES, quantized=FORMS)
    for name in CANDIDATES:
        finetune.run(root, name, Record(root, f"finetune@{name}"))
    for name in FORMS:
        run(root, name)
    return root


def run(root: Path, name: str) -> Path:
    stage.run(root, name, Record(root, f"quantize@{name}"))
    return root / "models/quantized" / name


def answers(root: Path, place: str, texts: list[str] = TEXTS) -> Any:
    return model.load(root / "models" / place, threads=1).predict_proba(texts)


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    """The same workspace, to be changed."""
    root = tmp_path / "copy"
    shutil.copytree(trained, root)
    return root


@pytest.mark.parametrize("name", CANDIDATES)
def test_with_weights_of_32_bits_it_answers_as_before(trained: Path, name: str) -> None:
    own = answers(trained, f"candidates/{name}")
    assert np.abs(answers(trained, f"quantized/{name}_float32") - own).max() < 1e-5


@pytest.mark.parametrize("name", CANDIDATES)
def test_with_weights_of_8_bits_it_answers_nearly_as_before(trained: Path, name: str) -> None:
    own, other = (answers(trained, place) for place in (f"candidates/{name}", f"quantized/{name}_int8"))
    assert 0 < np.abs(other - own).max() < 0.1


def test_every_matrix_has_weights_of_8_bits(trained: Path) -> None:
    coarse, whole = (matrices(trained / "models/quantized" / name) for name in ("full_int8", "full_float32"))
    assert "float32" not in coarse
    assert {(18, 16), (16, 32), (32, 16), (16, 3)} <= coarse["int8"] | coarse.get("uint8", set())
    assert not {"int8", "uint8"} & whole.keys()


def matrices(folder: Path) -> dict[str, set[tuple[int, ...]]]:
    """The shapes of a file's matrices by their type."""
    found: dict[str, set[tuple[int, ...]]] = {}
    for one in onnx_files.load(folder / "model.onnx").graph.initializer:
        array = numpy_helper.to_array(one)
        if array.ndim == 2 and min(array.shape) > 1:
            found.setdefault(str(array.dtype), set()).add(array.shape)
    return found


@pytest.mark.parametrize("name", ["full_float32", "full_int8"])
def test_the_company_of_a_text_does_not_change_its_answer(trained: Path, name: str) -> None:
    alone = np.concatenate([answers(trained, f"quantized/{name}", [text]) for text in TEXTS])
    together = answers(trained, f"quantized/{name}")
    assert np.abs(together - alone).max() < (1e-12 if name == "full_int8" else 1e-6)


def test_the_card_tells_what_it_was_made_of_and_keeps_what_is_still_true(trained: Path) -> None:
    card, own = (read_json(trained / "models" / place / model.CARD) for place in
                 ("quantized/full_int8", "candidates/full"))  # fmt: skip
    assert card["notes"]["quantized"] == FORMS["full_int8"]
    assert card["notes"]["calibration"] == own["notes"]["calibration"]
    assert set(card["notes"]) == {"quantized", "calibration"}, "it was not trained"
    for key in ("labels", "rules", "features", "params", "model"):
        assert card[key] == own[key]
    assert (card["name"], card["family"]) == ("full_int8", "onnx")
    assert set(card["libraries"]) == {"onnxruntime", "tokenizers", "numpy"}
    held = rows.read(trained / "predictions/quantized/full_int8.parquet")
    assert (held.num_rows, held.column_names[-3:]) == (0, sorted(tiny.TOPICS))
    assert set(read_json(trained / "costs/fit/full_int8.json")) == {"quantize_seconds", "peak_memory_mb", "threads"}


def test_again_and_in_another_process_the_same_bytes_come_out(copied: Path) -> None:
    before = digests(copied)
    run(copied, "lora_int8")
    assert digests(copied) == before
    shutil.rmtree(copied / "models/quantized/full_int8")
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "tasks", "quantize", "full_int8"], cwd=copied, env=environment, check=True)
    assert digests(copied) == before


def digests(root: Path) -> dict[str, str]:
    files = [*(root / "models/quantized").rglob("*"), *(root / "predictions/quantized").rglob("*")]
    return {str(file.relative_to(root)): sha256(file) for file in files if file.is_file()}


def test_what_is_no_fine_tuned_encoder_is_refused(copied: Path) -> None:
    card = copied / "models/candidates/full" / model.CARD
    card.write_text(card.read_text().replace('"family": "network"', '"family": "ensemble"'))
    with pytest.raises(BadInput, match=r"quantized\.full_int8\.model: expected a fine-tuned encoder.*family ensemble"):
        run(copied, "full_int8")
    shutil.rmtree(copied / "models/candidates/lora")
    with pytest.raises(BadInput, match=r"candidates/lora: expected a trained model .*found none"):
        run(copied, "lora_int8")
    with pytest.raises(BadInput, match="the name of a quantized model"):
        stage.run(copied, None, Record(copied, "quantize"))
    with pytest.raises(ParamsError, match=r"quantized\.other"):
        run(copied, "other")


def test_a_file_that_answers_otherwise_is_not_kept(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(copied / "models/quantized/full_float32")
    before = onnx.TextNetwork.logits
    monkeypatch.setattr(onnx.TextNetwork, "logits", lambda self, texts: before(self, texts) + 0.01)
    with pytest.raises(BadInput, match=r"a file that answers as the network does, found logits that are 0\.01 off"):
        run(copied, "full_float32")
    assert not (copied / "models/quantized/full_float32").exists()


def test_what_pytorch_cannot_write_is_told_in_words(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **others: object) -> None:
        raise torch.onnx.errors.UnsupportedOperatorError("aten::strange", 17, None)

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(BadInput, match=r"a network that PyTorch writes as ONNX, found .*aten::strange"):
        run(copied, "full_int8")


def test_a_network_of_more_than_2_gib_is_refused(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "_LARGEST", 1000)
    with pytest.raises(BadInput, match="weights of less than 2 GiB"):
        run(copied, "full_int8")


def test_a_tokenizer_in_python_is_refused(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "open_tokenizer", lambda folder: object())
    with pytest.raises(BadInput, match="one that is written in Python"):
        run(copied, "full_int8")
