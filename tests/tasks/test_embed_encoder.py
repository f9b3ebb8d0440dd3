"""Encoders of every sort: cut to their lowest layers, with and without a tokenizer, with texts far too long."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tasks import encoder as encoders
from tasks import features, rows
from tasks.embed import stage as embed
from tasks.errors import BadInput
from tasks.records import Record
from tests import tiny

VECTORS: dict[str, object] = {"kind": "encoder", "encoder": "tiny", "max_tokens": 16}
TOKENS: dict[str, object] = {"kind": "tokens", "encoder": "tiny", "max_tokens": 16}


def make(root: Path, recipe: dict[str, object]) -> features.FeatureSet:
    tiny.params(root, features={"made": recipe})
    embed.run(root, "made", Record(root, "embed@made"))
    return features.load(root / "data/features/made")


def test_vectors_of_the_first_layer_are_its_hidden_states(workspace: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    base = workspace / "models/encoders/tiny"
    tokenizer, network = AutoTokenizer.from_pretrained(base), AutoModel.from_pretrained(base).eval()
    texts = rows.read(workspace / "data/clean/train.parquet")["text"].to_pylist()
    whole, cut = make(workspace, VECTORS).matrix("train").copy(), make(workspace, VECTORS | {"layers": 1})
    for text, vector in zip(texts, cut.matrix("train"), strict=True):
        with torch.no_grad():
            states = network(**tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states
        np.testing.assert_allclose(vector, states[1][0].mean(0).numpy(), atol=1e-5)
    assert not np.allclose(cut.matrix("train"), whole, atol=1e-3)
    both = make(workspace, VECTORS | {"layers": 2})
    np.testing.assert_array_equal(both.matrix("train"), whole)


def test_a_cut_encoder_is_one_like_any_other(workspace: Path) -> None:
    """What reads the feature set need not know of layers, and runs no more than are left."""
    cut = make(workspace, VECTORS | {"layers": 1})
    network: Any = encoders.load_network(cut.encoder)
    assert network.config.num_hidden_layers == len(network.encoder.layer) == 1
    assert not any("layer.1." in name for name in network.state_dict())
    texts = rows.read(workspace / "data/clean/validation.parquet")["text"].to_pylist()
    tokenizer = encoders.Tokenizer(cut.encoder, 16)

    def forward(ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        return encoders.pool(network(input_ids=ids, attention_mask=mask).last_hidden_state, mask, "mean")

    again = encoders.run_batched(forward, tokenizer(texts), tokenizer.pad_id, 4096, "cpu")
    np.testing.assert_allclose(again, cut.matrix("validation"), atol=1e-6)


def test_more_layers_than_there_are_is_told(workspace: Path) -> None:
    with pytest.raises(BadInput, match=r"expected 3 layers, as `layers` says, found only 2\. Lower `layers`"):
        make(workspace, VECTORS | {"layers": 3})


def test_weights_that_the_files_lack_do_not_change_the_bytes(workspace: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = workspace / "models/encoders/tiny/model.safetensors"
    weights = {name: tensor for name, tensor in load_file(path).items() if not name.startswith("pooler")}
    save_file(weights, path, metadata={"format": "pt"})
    first = make(workspace, VECTORS | {"layers": 1}).manifest["sha256"]
    torch.rand(5)
    assert make(workspace, VECTORS | {"layers": 1}).manifest["sha256"] == first


SIZES = {
    "vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 8,
    "max_position_embeddings": 32, "pad_token_id": 0,
}  # fmt: skip
ARCHITECTURES = {
    "roberta": SIZES,
    "albert": SIZES | {"embedding_size": 4},
    "modernbert": SIZES,
    "distilbert": {"vocab_size": 20, "dim": 8, "n_layers": 3, "n_heads": 2, "hidden_dim": 8},
}


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_networks_of_other_architectures_are_cut(tmp_path: Path, kind: str) -> None:
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(0)
    network = AutoModel.from_config(AutoConfig.for_model(kind, **ARCHITECTURES[kind])).eval()
    ids = torch.arange(5, 12)[None]
    with torch.no_grad():
        expected = network(input_ids=ids, output_hidden_states=True).hidden_states[2]
        encoders.cut(network, 2)
        cut = network(input_ids=ids).last_hidden_state
        if kind == "modernbert":  # the last normalisation stays
            expected = network.final_norm(expected)
        torch.testing.assert_close(cut, expected)
        network.save_pretrained(tmp_path)
        torch.testing.assert_close(encoders.load_network(tmp_path)(input_ids=ids).last_hidden_state, cut)


def test_a_network_whose_layers_cannot_be_told_is_refused() -> None:
    class Twins(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.config = type("Config", (), {"num_hidden_layers": 2})()
            self.left, self.right = (torch.nn.ModuleList([torch.nn.Identity()] * 2) for _ in range(2))

    with pytest.raises(
        BadInput, match="expected one stack of 2 layers, found 2 lists of modules of that length in Twins"
    ):
        encoders.cut(Twins(), 1)


@pytest.fixture
def bare(workspace: Path) -> Path:
    """The folder of an encoder without a tokenizer."""
    folder = workspace / "models/encoders/tiny"
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    return folder


def test_a_tokenizer_is_made_of_a_vocabulary(workspace: Path, bare: Path) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *tiny.WORDS]
    (bare / "vocab.txt").write_text("\n".join(words) + "\n")
    text = rows.read(workspace / "data/clean/train.parquet")["text"][0].as_py()
    expected = [2, *(words.index(word) for word in text.split()), 3]
    assert make(workspace, TOKENS).ids("train")[0] == expected


@pytest.mark.parametrize(
    "file",
    [
        None,
        ("tokenizer_config.json", json.dumps({"tokenizer_class": "TokenizersBackend"})),
        ("tokenizer.json", "{"),
        ("tokenizer.json", '{"model": {"type": "Odd"}}'),
    ],
    ids=str,
)
@pytest.mark.parametrize("recipe", [VECTORS, TOKENS], ids=["encoder", "tokens"])
def test_an_encoder_without_a_tokenizer_is_refused(
    workspace: Path, bare: Path, recipe: dict[str, object], file: tuple[str, str] | None
) -> None:
    """Without the check, all words would be unknown, and nothing would be said."""
    if file is not None:
        (bare / file[0]).write_text(file[1])
    with pytest.raises(BadInput, match=r"expected a tokenizer that transformers loads, found .*as tokenizer\.json"):
        make(workspace, recipe)
    assert not (workspace / "data/features/made").exists()


def test_a_tokenizer_in_python_works_too(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "t5"}')
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "ByT5Tokenizer"}')
    tokenizer = encoders.Tokenizer(tmp_path, 4)
    texts = ["ab", "abcdef", "abc"]
    ids = tokenizer(texts)
    shift, end = 3, 1  # bytes stand behind three special tokens
    assert ids == [[*(byte + shift for byte in text[:3].encode()), end] for text in texts]
    assert tokenizer.count_cut(texts, ids) == 1


def test_many_texts_are_tokenized_in_order(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = encoders.Tokenizer(tiny_encoder, 8)
    texts = [text for text, _ in tiny.texts(20, seed=1)]
    whole = tokenizer(texts)
    monkeypatch.setattr(encoders, "_CHUNK", 7)
    assert tokenizer(texts) == whole
    assert tokenizer([]) == []


LONG: dict[str, tuple[dict[str, object], str | None]] = {
    "tfidf": ({"kind": "tfidf", "encoder": "none", "characters": [2, 3], "min_rows": 1}, None),
    "word_vectors": ({"kind": "word_vectors", "encoder": "none", "epochs": 1, "dimensions": 4}, None),
    "words": ({"kind": "words", "encoder": "none", "epochs": 1, "dimensions": 4, "max_tokens": 9}, "1 of 48 texts are"),
    "encoder": (VECTORS, "train: "),
    "tokens": (TOKENS, "1 of 48 texts are cut"),
}


@pytest.mark.parametrize("kind", LONG)
def test_a_text_of_100_000_tokens_is_cut_where_there_is_a_limit_and_an_empty_one_is_a_row(
    workspace: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, message = LONG[kind]
    path = workspace / "data/clean/train.parquet"
    table = rows.read(path)
    texts = ["printer paper " * 50_000, "...", *table["text"].to_pylist()[2:]]
    rows.write(path, table.set_column(1, "text", [texts]).cast(rows.CLEAN))
    made = make(workspace, recipe | {"rules": {"lower": True, "punctuation": True}})
    said = capsys.readouterr().out
    assert "nothing is left of 1 of 48 train texts after the rules" in said
    if message is None:
        matrix = made.matrix("train")
        dense = matrix if made.form == "dense" else matrix.toarray()
        assert np.isfinite(dense).all()
        assert dense[0].any()
        assert not dense[1].any()
        return
    assert message in said
    assert "; 1 of 48 texts are cut" in said
    if kind == "encoder":
        shortened = made.matrix("train")[0].copy()
        texts[0] = "printer paper " * 7  # 14 words and two special tokens
        rows.write(path, table.set_column(1, "text", [texts]).cast(rows.CLEAN))
        np.testing.assert_allclose(make(workspace, recipe).matrix("train")[0], shortened, atol=1e-6)
    else:
        limit = recipe["max_tokens"]
        assert [len(row) for row in made.ids("train")[:2]] == [limit, 1 if kind == "words" else 2]


CHINESE = {
    "train": ["房间很干净 服务热情", "早餐丰富 环境不错", "隔音很差 房间太吵", "服务态度恶劣 再也不来"],
    "validation": ["环境 房间", "服務態度惡劣"],
}


@pytest.mark.parametrize("kind", LONG)
def test_chinese_goes_through_every_kind(workspace: Path, kind: str) -> None:
    for split, texts in CHINESE.items():
        path = workspace / f"data/clean/{split}.parquet"
        table = rows.read(path).slice(0, len(texts))
        rows.write(path, table.set_column(1, "text", [texts]).cast(rows.CLEAN))
    shutil.rmtree(workspace / "models/encoders/tiny")
    chinese_encoder(workspace / "models/encoders/tiny", sorted(set("".join(CHINESE["train"])) - {" "}))
    made = make(workspace, LONG[kind][0] | {"rules": {"segment": "auto", "simplified": True}})
    if made.form in ("words", "tokens"):
        first, second = made.ids("validation")
        known = set(np.concatenate(made.ids("train"))) - {1}
        assert set(first) <= known, "words of the train rows were not found"
        assert set(second) <= known, "traditional characters were not understood"
    else:
        matrix = made.matrix("validation")
        assert np.abs(matrix if made.form == "dense" else matrix.toarray()).sum(axis=1).all()


def chinese_encoder(folder: Path, characters: list[str]) -> None:
    """A tiny encoder whose tokens are single characters, as Chinese ones have it."""
    from transformers import BertConfig, BertModel

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    config = BertConfig(
        vocab_size=len(special) + len(characters), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8, max_position_embeddings=32,
    )  # fmt: skip
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join([*special, *characters]) + "\n", encoding="utf-8")
