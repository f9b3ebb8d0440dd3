"""Encoders of other architectures than BERT go the whole way: vectors, adaptation, training, saving, loading."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tasks import encoder as encoders
from tasks import features, network, onnx, onnx_export
from tasks.embed import stage as embed
from tasks.finetune import kept_layers
from tasks.records import Record
from tests import tiny, tuning
from tests.tasks import adapted
from tests.tuning import CLASSES, fit

_SIZES = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "max_position_embeddings": 40, "pad_token_id": 0, "vocab_size": 5 + len(tiny.WORDS),
}  # fmt: skip
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "mpnet": _SIZES,  # no sdpa, no token types
    "deberta-v2": _SIZES | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False},
    "distilbert": {
        "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 40, "pad_token_id": 0,
        "vocab_size": 5 + len(tiny.WORDS),
    },
    "xlm-roberta": _SIZES,
}  # fmt: skip


@pytest.fixture(scope="module", params=ARCHITECTURES)
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random encoder of the architecture; do not change it."""
    from transformers import AutoConfig, AutoModel

    folder = tiny.encoder(tmp_path_factory.mktemp(request.param) / "tiny")
    torch.manual_seed(0)
    AutoModel.from_config(AutoConfig.for_model(request.param, **ARCHITECTURES[request.param])).save_pretrained(folder)
    return folder


def test_a_frozen_encoder_gives_the_vectors_of_its_saved_form(encoder: Path, tmp_path: Path) -> None:
    tiny.clean_rows(tmp_path)
    (tmp_path / "models/encoders").mkdir(parents=True)
    (tmp_path / "models/encoders/tiny").symlink_to(encoder)
    tiny.params(tmp_path, features={"v": {"kind": "encoder", "encoder": "tiny", "max_tokens": 16}}, candidates={})
    embed.run(tmp_path, "v", Record(tmp_path, "embed@v"))
    saved = tmp_path / "saved"
    saved.mkdir()
    network.save_vectors(saved, encoder, "mean", 16)
    loaded, _ = network.load_vectors(saved)
    tokenizer = encoders.Tokenizer(saved, 16)
    texts = [text for text, _ in tiny.texts(48, 0)]
    vectors = encoders.run_batched(loaded, tokenizer(texts), tokenizer.pad_id, 4096, "cpu")
    np.testing.assert_allclose(features.load(tmp_path / "data/features/v").matrix("train"), vectors, atol=1e-6)
    assert json.loads((saved / "1_Pooling/config.json").read_text())["word_embedding_dimension"] == 16


@pytest.mark.parametrize("tune", ["full", "adapter"])
def test_what_was_fine_tuned_predicts_the_same_once_loaded(encoder: Path, tmp_path: Path, tune: str) -> None:
    ids = tuning.tokens(tmp_path, encoder)
    fitted = fit(ids, tmp_path / "scratch", tune=tune, epochs=1)
    (tmp_path / "model").mkdir()
    fitted.save(tmp_path / "model")
    loaded, _ = network.load(tmp_path / "model")
    logits = encoders.run_batched(loaded, ids.ids("train"), 0, 4096, "cpu")
    own = encoders.run_batched(fitted.network, ids.ids("train"), 0, 4096, "cpu")
    np.testing.assert_array_equal(logits, own)
    assert logits.shape == (48, len(CLASSES))


def test_frozen_layers_are_run_once_with_the_same_result(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is kept is what they gave, but for the rounding of another batch."""
    ids = tuning.tokens(tmp_path, encoder)
    kept = fit(ids, tmp_path / "kept", freeze_layers=1)
    assert "frozen layers: run once" in capsys.readouterr().out
    monkeypatch.setattr(kept_layers, "LIMIT", 0)
    computed = fit(ids, tmp_path / "computed", freeze_layers=1)
    assert "frozen layers: run in every epoch" in capsys.readouterr().out
    np.testing.assert_allclose(kept.predict_proba(tuning.ALL), computed.predict_proba(tuning.ALL), atol=1e-3)


@pytest.mark.parametrize("objective", list(adapted.RECIPES))
def test_an_adapted_encoder_loads(encoder: Path, tmp_path: Path, objective: str) -> None:
    folder = adapted.run(adapted.workspace(tmp_path), encoder, objective, epochs=1)
    before, after = (encoders.load_network(one).state_dict() for one in (encoder, folder))
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("one_row", [True, False])
def test_what_was_fine_tuned_is_written_as_onnx(encoder: Path, tmp_path: Path, one_row: bool) -> None:
    own = tmp_path / "own"
    own.mkdir()
    torch.manual_seed(1)
    network.save(network.Classifier(encoders.load_network(encoder), 3), own, encoder, 16, same_encoder=True)
    (tmp_path / "other").mkdir()
    onnx_export.save_encoder(own, tmp_path / "other", threads=1, one_row=one_row)
    texts = [text for text, _ in tiny.texts(6, 0)]
    tokenizer, (loaded, _) = encoders.Tokenizer(own, 16), network.load(own)
    logits = encoders.run_batched(loaded, tokenizer(texts), tokenizer.pad_id, 4096, "cpu")
    np.testing.assert_allclose(onnx.TextNetwork(tmp_path / "other", threads=1).logits(texts), logits, atol=1e-5)


def test_positions_behind_the_padding_are_told_apart_from_usable_ones(encoder: Path) -> None:
    limit = encoders.max_positions(encoder)
    with torch.no_grad():
        encoders.load_network(encoder)(input_ids=torch.full((1, limit), 6))
