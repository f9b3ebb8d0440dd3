"""The model card: what it says of each family of models. (Its code is run in test_select_fidelity.py.)"""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tasks import model, onnx_export
from tasks.combination import Combination
from tasks.files import read_json, write_json
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
    """The first piece of code of a card."""
    return str(re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)[0])


def test_a_temperature_of_an_ensemble_is_said_to_be_where_it_is(tmp_path: Path) -> None:
    losses = {"log_loss": 0.5, "log_loss_calibrated": 0.4, "log_loss_cross_checked": 0.45}
    found = {"kept": True, "temperature": 0.4, "rows": "out-of-fold", "count": 60} | losses
    write_data(tmp_path, ACTUAL)
    members = {name: write_model(tmp_path, name) for name in ("one", "other")}
    write_params(tmp_path, list(members), "{draws: 100}", ensembles={"winner": {"members": list(members)}})
    ensemble = write_ensemble(tmp_path / "models/ensembles/winner", members, Combination("mean", temperature=0.4))
    card = read_json(ensemble / model.CARD)
    write_json(ensemble / model.CARD, card | {"notes": card["notes"] | {"calibration": found}})
    for name in members:
        write_results(tmp_path, name, ACTUAL, answers(ACTUAL, range(0, 12, 2)))
    write_results(tmp_path, "winner", ACTUAL, answers(ACTUAL, []), is_ensemble=True)
    stage.run(tmp_path, None, Record(tmp_path, "select"))
    told = (tmp_path / "models/selected/README.md").read_text(encoding="utf-8")
    assert "A temperature of 0.4, by which the logarithms of its probabilities are divided" in told
    assert "part of the weights" not in told
    page = (tmp_path / "reports/report.html").read_text(encoding="utf-8")
    assert "The logarithms of its probabilities are divided by a temperature of 0.4, fitted to 60 out-of-fold" in page
    assert "The temperature was fitted to these rows" not in page


@pytest.mark.parametrize("family", LIBRARY)
def test_the_card_names_the_library_and_prints_the_class(
    tmp_path: Path, tiny_encoder: Path, family: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    card = card_of(tmp_path, family, tiny_encoder)
    assert YAML(typ="safe").load(card.split("---\n")[1])["library_name"] == LIBRARY[family]
    assert not re.search(r"\b(tasks|flows)\b", code_of(card))
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    exec(code_of(card), {})
    own = model.load(tmp_path / "models/candidates/winner", threads=1).predict_proba(["a text"])
    assert capsys.readouterr().out.strip() == CLASSES[own[0].argmax()]


def test_an_ensembles_card_names_no_single_library_and_the_rules_of_all_within_it(
    tmp_path: Path, tiny_encoder: Path
) -> None:
    write_data(tmp_path, ACTUAL)
    members = {"bayes": write_model(tmp_path, "bayes"), "tuned": write_network(tmp_path, "tuned", tiny_encoder)}
    inner = write_ensemble(tmp_path / "models/candidates/bag", members, Combination("mean"))
    outer = {"bag": inner, "small": write_words(tmp_path, "small")}
    declared = {"winner": {"members": list(outer), "method": "vote"}}
    write_params(tmp_path, list(outer), "{draws: 100}", ensembles=declared)
    write_ensemble(tmp_path / "models/ensembles/winner", outer, Combination("vote"))
    for name in outer:
        write_results(tmp_path, name, ACTUAL, answers(ACTUAL, range(0, 12, 2)))
    write_results(tmp_path, "winner", ACTUAL, answers(ACTUAL, []), is_ensemble=True)
    stage.run(tmp_path, None, Record(tmp_path, "select"))
    card = (tmp_path / "models/selected/README.md").read_text(encoding="utf-8")
    assert "library_name" not in YAML(typ="safe").load(card.split("---\n")[1])
    assert "bag/bayes: unicode: NFC" in card
    assert "small reads the first 16 tokens only" in card


def test_the_card_says_that_the_temperature_is_part_of_the_weights(tmp_path: Path) -> None:
    write_params(tmp_path, ["winner"], select="{draws: 100}")
    write_data(tmp_path, ACTUAL)
    losses = {"log_loss": 0.5, "log_loss_calibrated": 0.4, "log_loss_cross_checked": 0.45}
    found = {"kept": True, "temperature": 1.25, "rows": "validation", "count": 12} | losses
    write_model(tmp_path, "winner", notes={"calibration": found})
    write_results(tmp_path, "winner", ACTUAL, answers(ACTUAL, range(3)))
    stage.run(tmp_path, None, Record(tmp_path, "select"))
    card = (tmp_path / "models/selected/README.md").read_text(encoding="utf-8")
    assert "A temperature of 1.25, by which the logits were divided" in card
    assert "(seed 7, 1 thread)" in card


def test_the_card_says_why_there_is_no_onnx_form(
    tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_export, "_LARGEST", 1000)
    card = card_of(tmp_path, "network", tiny_encoder)
    assert "- It has no ONNX form: expected weights of less than 2 GiB, found" in card
    assert not (tmp_path / "models/selected/onnx").exists()


def test_the_card_trusts_only_what_the_model_holds(tmp_path: Path, tiny_encoder: Path) -> None:
    code = code_of(card_of(tmp_path, "sklearn", tiny_encoder))
    assert "sklearn.tree" not in code  # a naive Bayes has none, though the trusted list has


@pytest.mark.parametrize("family", ["network", "vectors", "onnx"])
def test_the_card_says_where_texts_are_cut(tmp_path: Path, tiny_encoder: Path, family: str) -> None:
    assert "the first 16 tokens only" in card_of(tmp_path, family, tiny_encoder)
