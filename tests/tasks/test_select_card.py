"""The model card: its code runs without Regraft, and gives the same probabilities, for every family of models."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from ruamel.yaml import YAML

from tasks import model
from tasks.records import Record
from tasks.select import stage
from tests.tasks.evaluated_workspace import (
    CLASSES,
    answers,
    write_data,
    write_model,
    write_network,
    write_params,
    write_results,
    write_vectors,
    write_words,
)

ACTUAL = list(CLASSES) * 4
TEXT = {"sklearn": "router", "network": "printer paper jam", "vectors": "salary tax", "onnx": "router holiday"}
LIBRARY = {"sklearn": "skops", "network": "sentence-transformers", "vectors": "sentence-transformers", "onnx": "onnx"}


def write(root: Path, family: str, encoder: Path) -> None:
    if family == "sklearn":
        write_model(root, "winner")
    elif family == "onnx":
        write_words(root, "winner")
    else:
        (write_network if family == "network" else write_vectors)(root, "winner", encoder)


def card_of(root: Path, family: str, encoder: Path) -> str:
    write_params(root, ["winner"], select="{draws: 100}")
    write_data(root, ACTUAL)
    write(root, family, encoder)
    write_results(root, "winner", ACTUAL, answers(ACTUAL, range(3)))
    stage.run(root, None, Record(root, "select"))
    return (root / "models/selected/README.md").read_text(encoding="utf-8")


def code_of(card: str) -> str:
    (code,) = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    return str(code)


def test_every_family_is_tried_here() -> None:
    assert set(TEXT) == set(LIBRARY) == set(get_args(model.Family))


@pytest.mark.parametrize("family", TEXT)
def test_the_cards_code_gives_the_same_probabilities(
    tmp_path: Path, tiny_encoder: Path, family: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    card = card_of(tmp_path, family, tiny_encoder)
    assert YAML(typ="safe").load(card.split("---\n")[1])["library_name"] == LIBRARY[family]
    assert not re.search(r"\b(tasks|flows)\b", code_of(card))
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    names: dict[str, Any] = {}
    exec(code_of(card).replace('"a text"', repr(TEXT[family])), names)
    own = model.load(tmp_path / "models/candidates/winner", threads=1).predict_proba([TEXT[family]])
    assert names["probabilities"] == pytest.approx(own, abs=1e-6)
    assert names["labels"] == list(CLASSES)
    assert capsys.readouterr().out.strip() == CLASSES[own[0].argmax()]


def test_a_text_without_a_known_word_is_answered_alike_by_the_onnx_code(
    tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = code_of(card_of(tmp_path, "onnx", tiny_encoder))
    monkeypatch.chdir(tmp_path)
    own = model.load(tmp_path / "models/candidates/winner", threads=1)
    for text in ("", "nobody knows"):
        names: dict[str, Any] = {}
        exec(code.replace('"a text"', repr(text)), names)
        assert names["probabilities"] == pytest.approx(own.predict_proba([text]), abs=1e-6)


def test_the_card_trusts_only_what_the_model_holds(tmp_path: Path, tiny_encoder: Path) -> None:
    code = code_of(card_of(tmp_path, "sklearn", tiny_encoder))
    assert "sklearn.tree" not in code  # a naive Bayes has none, though the trusted list has


@pytest.mark.parametrize("family", ["network", "vectors", "onnx"])
def test_the_card_says_where_texts_are_cut(tmp_path: Path, tiny_encoder: Path, family: str) -> None:
    assert "the first 16 tokens only" in card_of(tmp_path, family, tiny_encoder)
