"""The model card: its code runs without Regraft, and gives the same probabilities, for every family of models."""

import re
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from ruamel.yaml import YAML
from sklearn.linear_model import LogisticRegression

from tasks import model
from tasks.combination import Combination, Method
from tasks.records import Record
from tasks.select import stage
from tests.tasks.evaluated_workspace import (
    CLASSES,
    answers,
    write_data,
    write_ensemble,
    write_model,
    write_network,
    write_params,
    write_results,
    write_vectors,
    write_words,
)

ACTUAL = list(CLASSES) * 4


def stacked_regression(members: int) -> LogisticRegression:
    """A regression with weights drawn at random."""
    regression = LogisticRegression()
    regression.classes_, regression.n_features_in_ = np.array(CLASSES), members * len(CLASSES)
    regression.coef_ = np.random.default_rng(0).normal(size=(len(CLASSES), members * len(CLASSES)))
    regression.intercept_ = np.zeros(len(CLASSES))
    return regression


TEXT = {"sklearn": "router", "network": "printer paper jam", "vectors": "salary tax", "onnx": "router holiday"}
LIBRARY = {"sklearn": "skops", "network": "sentence-transformers", "vectors": "sentence-transformers", "onnx": "onnx"}
MIXED = "router salary cable"
ENSEMBLES = {
    "vote": Combination("vote"),
    "mean": Combination("mean"),
    "weighted": Combination("weighted", (0.5, 0.2, 0.2, 0.1)),
    "stack": Combination("stack", regression=stacked_regression(members=4)),
}


SOFTENED = {
    "mean": Combination("mean", temperature=0.4),
    "stack": Combination("stack", regression=stacked_regression(members=4), temperature=2.5),
}


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
    assert set(TEXT) == set(LIBRARY) == set(get_args(model.Family)) - {"ensemble"}
    assert set(ENSEMBLES) == set(get_args(Method))


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


def ensemble_card(root: Path, encoder: Path, combination: Combination, *, nested: bool = False) -> str:
    """The card of an ensemble of all families, and, nested, of another ensemble among its members."""
    write_data(root, ACTUAL)
    members = {
        "bayes": write_model(root, "bayes"),
        "tuned": write_network(root, "tuned", encoder),
        "frozen": write_vectors(root, "frozen", encoder),
        "small": write_words(root, "small", tuple(reversed(CLASSES))),
    }
    if nested:
        inner = write_ensemble(root / "models/candidates/bag", dict(list(members.items())[:2]), Combination("mean"))
        members = {"bag": inner, "small": members["small"]}
    names = list(members)
    write_params(root, names, "{draws: 100}", ensembles={"winner": {"members": names, "method": combination.method}})
    write_ensemble(root / "models/ensembles/winner", members, combination)
    for name in names:
        write_results(root, name, ACTUAL, answers(ACTUAL, range(0, 12, 2)))
    write_results(root, "winner", ACTUAL, answers(ACTUAL, []), is_ensemble=True)
    stage.run(root, None, Record(root, "select"))
    return (root / "models/selected/README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("method", "nested"), [*((method, False) for method in ENSEMBLES), ("vote", True)])
def test_the_cards_code_of_an_ensemble_gives_the_same_probabilities(
    tmp_path: Path, tiny_encoder: Path, method: str, nested: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = ensemble_card(tmp_path, tiny_encoder, ENSEMBLES[method], nested=nested)
    assert "library_name" not in YAML(typ="safe").load(card.split("---\n")[1])  # no single one loads all
    assert not re.search(r"\b(tasks|flows)\b", code_of(card))
    assert ("bag/bayes: unicode: NFC" if nested else "bayes: unicode: NFC") in card
    assert "small reads the first 16 tokens only" in card
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code_of(card).replace('"a text"', repr(MIXED)), names)
    own = model.load(tmp_path / "models/ensembles/winner", threads=1).predict_proba([MIXED])
    assert names["probabilities"] == pytest.approx(own, abs=1e-6)
    assert names["labels"] == list(CLASSES)


@pytest.mark.parametrize("method", SOFTENED)
def test_the_cards_code_applies_the_temperature_of_an_ensemble(
    tmp_path: Path, tiny_encoder: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = code_of(ensemble_card(tmp_path, tiny_encoder, SOFTENED[method]))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code.replace('"a text"', repr(MIXED)), names)
    own = model.load(tmp_path / "models/ensembles/winner", threads=1).predict_proba([MIXED])
    assert names["probabilities"] == pytest.approx(own, abs=1e-6)
    exec(code.replace('"a text"', repr(MIXED)).replace('how.get("temperature", 1.0)', "1.0"), names)
    assert abs(names["probabilities"] - own).max() > 0.01, "the temperature acts"


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
