"""Feature sets: right numbers, same bytes, nothing of the validation rows in what is fitted."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tasks import encoder as encoders
from tasks import features, rows
from tasks.embed import stage as embed
from tasks.embed.params import KINDS
from tasks.errors import BadInput, ParamsError
from tasks.files import read_json, sha256
from tasks.records import Record
from tests import tiny

FEATURES: dict[str, dict[str, object]] = {
    "words": {"kind": "tfidf", "encoder": "none", "min_rows": 1},
    "directions": {"kind": "tfidf", "encoder": "none", "dimensions": 8},
    "averages": {"kind": "word_vectors", "encoder": "none", "dimensions": 8, "epochs": 2},
    "word_ids": {"kind": "words", "encoder": "none", "dimensions": 8, "epochs": 2},
    "vectors": {"kind": "encoder", "encoder": "tiny", "max_tokens": 16, "batch_tokens": 64},
    "ids": {"kind": "tokens", "encoder": "tiny", "max_tokens": 16},
}


def make(root: Path, name: str, **changes: object) -> features.FeatureSet:
    tiny.params(root, features={name: FEATURES[name] | changes})
    embed.run(root, name, Record(root, f"embed@{name}"))
    return features.load(root / "data" / "features" / name)


def test_every_kind_is_tried_here() -> None:
    assert {recipe["kind"] for recipe in FEATURES.values()} == set(KINDS)


@pytest.mark.parametrize("name", FEATURES)
def test_the_same_rows_give_the_same_bytes(workspace: Path, name: str) -> None:
    folder = make(workspace, name).folder
    first = {file: sha256(file) for file in folder.rglob("*") if file.is_file()}
    make(workspace, name)
    assert {file: sha256(file) for file in folder.rglob("*") if file.is_file()} == first


@pytest.mark.parametrize("name", FEATURES)
def test_the_manifest_names_every_file_with_its_checksum(workspace: Path, name: str) -> None:
    feature_set = make(workspace, name)
    files = {str(file.relative_to(feature_set.folder)) for file in feature_set.folder.rglob("*") if file.is_file()}
    assert set(feature_set.manifest["sha256"]) == files - {features.MANIFEST}
    assert all(sha256(feature_set.folder / file) == digest for file, digest in feature_set.manifest["sha256"].items())


def test_vectors_are_those_of_the_plain_library(workspace: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    base = workspace / "models" / "encoders" / "tiny"
    tokenizer, network = AutoTokenizer.from_pretrained(base), AutoModel.from_pretrained(base).eval()
    texts = rows.read(workspace / "data/clean/train.parquet")["text"].to_pylist()
    for pooling in ("mean", "cls", "max"):
        vectors = make(workspace, "vectors", pooling=pooling).matrix("train")
        for text, vector in zip(texts, vectors, strict=True):
            with torch.no_grad():  # one text at a time: no batch, no padding, no mask
                hidden = network(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
            plain = {"mean": hidden.mean(0), "cls": hidden[0], "max": hidden.amax(0)}[pooling]
            np.testing.assert_allclose(vector, plain.numpy(), atol=1e-5)


def test_bfloat16_vectors_are_close_to_float32(workspace: Path) -> None:
    exact = np.array(make(workspace, "vectors").matrix("train"))
    tiny.params(workspace, features={"vectors": FEATURES["vectors"]}, precision="bfloat16")
    embed.run(workspace, "vectors", Record(workspace, "embed@vectors"))
    rounded = features.load(workspace / "data/features/vectors").matrix("train")
    cosine = (exact * rounded).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(rounded, axis=1)
    assert cosine.min() > 0.999
    assert not np.array_equal(exact, rounded), "precision was not read"


def test_long_texts_are_cut(workspace: Path) -> None:
    ids = make(workspace, "ids", max_tokens=4).ids("train")
    assert max(map(len, ids)) == 4


def test_ids_are_those_of_the_tokenizer(workspace: Path) -> None:
    texts = rows.read(workspace / "data/clean/validation.parquet")["text"].to_pylist()
    tokenizer = encoders.Tokenizer(workspace / "models/encoders/tiny", 16)
    assert make(workspace, "ids").ids("validation") == tokenizer(texts)


def test_tfidf_counts_terms_of_train_rows_only(workspace: Path) -> None:
    path = workspace / "data/clean/validation.parquet"
    table = rows.read(path)
    texts = ["zebra " + text for text in table["text"].to_pylist()]
    rows.write(path, table.set_column(1, "text", [texts]).cast(rows.CLEAN))
    from tasks import estimator

    folder = make(workspace, "words").folder
    assert not any("zebra" in term for term in estimator.load(folder / "vectorizer.skops").get_feature_names_out())


@pytest.mark.parametrize(
    "change",
    [
        {"words": None}, {"characters": None}, {"words": [1, 1]}, {"characters": [3, 3]}, {"min_rows": 5},
        {"max_features": 7}, {"sublinear": False}, {"weighting": "counts"}, {"weighting": "binary"}, {"dimensions": 4},
        {"rules": {"digits": "zero"}, "words": [1, 3]},
    ],
    ids=str,
)  # fmt: skip
def test_every_switch_of_tfidf_changes_the_matrix(workspace: Path, change: dict[str, object]) -> None:
    path = workspace / "data/clean/train.parquet"
    table = rows.read(path)
    texts = [f"{text} {text} 4711" for text in table["text"].to_pylist()]  # counts above one, and digits
    rows.write(path, table.set_column(1, "text", [texts]).cast(rows.CLEAN))
    plain = make(workspace, "words").matrix("train").toarray()
    changed = make(workspace, "words", **change).matrix("train")
    changed = changed.toarray() if hasattr(changed, "toarray") else changed
    assert plain.shape != changed.shape or not np.allclose(plain, changed)


def test_rules_of_a_feature_set_act_before_it(workspace: Path) -> None:
    path = workspace / "data/clean/train.parquet"
    table = rows.read(path)
    rows.write(path, table.set_column(1, "text", [[text.upper() for text in table["text"].to_pylist()]]))
    upper = make(workspace, "words", rules={"lower": False})
    lower = make(workspace, "words", rules={"lower": True})
    assert upper.manifest["sha256"]["vectorizer.skops"] != lower.manifest["sha256"]["vectorizer.skops"]


def test_more_tokens_than_positions_are_refused(workspace: Path) -> None:
    with pytest.raises(BadInput, match="expected positions for 65 tokens, found only 64"):
        make(workspace, "ids", max_tokens=65)


def test_no_term_left_is_said(workspace: Path) -> None:
    with pytest.raises(BadInput, match="Lower `min_rows`"):
        make(workspace, "words", min_rows=10_000)


def test_an_unknown_kind_is_said(workspace: Path) -> None:
    tiny.params(workspace, features={"odd": {"kind": "glyphs"}})
    with pytest.raises(ParamsError, match=r"features\.odd\.kind: expected one of tfidf, .*tokens, given 'glyphs'"):
        embed.run(workspace, "odd", Record(workspace, "embed@odd"))


def test_the_record_counts_rows(workspace: Path) -> None:
    tiny.params(workspace, features={"ids": FEATURES["ids"]})
    with Record(workspace, "embed@ids") as record:
        embed.run(workspace, "ids", record)
    written = read_json(workspace / "costs/records/embed@ids.json")
    assert (written["rows_in"], written["rows_out"], written["outcome"]) == (66, 66, "completed")
