"""The card's code gives the model's own answers where Regraft cannot be imported, for every family of models."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from tasks import estimator, model
from tasks.combination import Combination, Method
from tasks.files import read_json, write_json
from tasks.finetune import stage as finetune
from tasks.records import Record
from tasks.rules import Rules
from tasks.select import front_matter, stage
from tests import fidelity, tiny, tuning
from tests.imports import ROOT
from tests.tasks.evaluated_workspace import (
    CLASSES,
    WORDS,
    answers,
    write_data,
    write_ensemble,
    write_model,
    write_network,
    write_params,
    write_quantized,
    write_results,
    write_vectors,
    write_words,
)

ACTUAL = list(CLASSES) * 4
TEXTS = [
    "", "nobody knows", "Router SALARY cable", "<b>printer</b> paper jam", "salary tax please " * 10,
    "see https://example.org/holiday \u96fb\u8166 router", "\uff30\uff41\uff59 invoice \u7528\u624b\u673a\u6253\u5f00",
]  # fmt: skip
OWN = Rules(lower=True, full_width=True, segment="auto", stop_words="english")
WHOLE = Rules(html=True, urls="token", simplified=True)


def stacked_regression(members: int) -> LogisticRegression:
    """A regression with weights drawn at random."""
    regression = LogisticRegression()
    regression.classes_, regression.n_features_in_ = np.array(CLASSES), members * len(CLASSES)
    regression.coef_ = np.random.default_rng(0).normal(size=(len(CLASSES), members * len(CLASSES)))
    regression.intercept_ = np.zeros(len(CLASSES))
    return regression


COMBINATIONS = {
    "vote": Combination("vote"),
    "mean": Combination("mean"),
    "weighted": Combination("weighted", (0.5, 0.2, 0.2, 0.1)),
    "stack": Combination("stack", regression=stacked_regression(members=4)),
    "mean, softened": Combination("mean", temperature=0.4),
    "stack, softened": Combination("stack", regression=stacked_regression(members=4), temperature=2.5),
}


def write_dense(root: Path, name: str, encoder: Path) -> Path:
    """A pipeline from texts to a dense matrix to classes."""
    folder = write_model(root, name)
    steps = make_pipeline(TfidfVectorizer(), TruncatedSVD(2, random_state=0), LogisticRegression())
    estimator.save(steps.fit(list(WORDS.values()), CLASSES), folder / "model.skops")
    return folder


def write_lora(root: Path, name: str, encoder: Path) -> Path:
    """A network that was tuned by LoRA, and merged."""
    apart = root / "apart"
    tuning.tokens(apart, encoder)
    recipe = {"features": "ids", "model": "transformer", "tune": "lora", "epochs": 1, "learning_rate": 0.01}
    tiny.params(apart, candidates={name: recipe})
    finetune.run(apart, name, Record(apart, f"finetune@{name}"))
    folder = Path(shutil.copytree(apart / "models/candidates" / name, root / "models/candidates" / name))
    write_json(folder / model.CARD, read_json(folder / model.CARD) | {"labels": list(CLASSES)})
    return folder


def form(weights: str) -> Callable[[Path, str, Path], Path]:
    def write(root: Path, name: str, encoder: Path) -> Path:
        own = write_network(root / "apart", "own", encoder)
        return write_quantized(root / "models/candidates" / name, own, weights)

    return write


SINGLE: dict[str, tuple[Callable[[Path, str, Path], Path], str, int]] = {
    "sparse": (lambda root, name, encoder: write_model(root, name), "sklearn", 1),
    "dense": (write_dense, "sklearn", 1),
    "network": (write_network, "network", 3),
    "lora": (write_lora, "network", 3),
    "vectors": (write_vectors, "vectors", 1),
    "words": (lambda root, name, encoder: write_words(root, name), "onnx", 1),
    "float32": (form("float32"), "onnx", 1),
    "int8": (form("int8"), "onnx", 1),
}
"""How a model is written, its family, and how many pieces of code its card has."""
NESTED = "nested"
ENSEMBLES = (*COMBINATIONS, NESTED)


def write_winner(root: Path, case: str, encoder: Path) -> None:
    """Writes a winner of that case, with everything that its selection reads."""
    write_data(root, ACTUAL)
    write_json(root / "data/clean/rules.json", WHOLE.model_dump())
    if case in SINGLE:
        own_rules(SINGLE[case][0](root, "winner", encoder))
        write_params(root, ["winner"], "{draws: 100}")
        write_results(root, "winner", ACTUAL, answers(ACTUAL, range(3)))
        return
    members = {
        "bayes": own_rules(write_model(root, "bayes", CLASSES[:2])),  # it knows no third class
        "tuned": write_network(root, "tuned", encoder),
        "frozen": write_vectors(root, "frozen", encoder),
        "small": write_words(root, "small", tuple(reversed(CLASSES))),
    }
    if case == NESTED:
        inner = write_ensemble(root / "models/candidates/bag", dict(list(members.items())[:2]), Combination("mean"))
        members = {"bag": inner, "small": members["small"]}
    combination = COMBINATIONS["vote" if case == NESTED else case]
    write_ensemble(root / "models/ensembles/winner", members, combination)
    declared = {"winner": {"members": list(members), "method": combination.method}}
    write_params(root, list(members), "{draws: 100}", ensembles=declared)
    for name in members:
        write_results(root, name, ACTUAL, answers(ACTUAL, range(0, 12, 2)))
    write_results(root, "winner", ACTUAL, answers(ACTUAL, []), is_ensemble=True)


def own_rules(folder: Path) -> Path:
    """Gives a saved model cleaning rules of its own."""
    write_json(folder / model.CARD, read_json(folder / model.CARD) | {"rules": OWN.model_dump()})
    return folder


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> dict[str, tuple[Path, Any]]:
    """The workspace of each case, and what the pieces of code of its card answer."""
    folder = tmp_path_factory.mktemp("fidelity")
    roots = {case: folder / case for case in (*SINGLE, *ENSEMBLES)}
    for case, root in roots.items():
        root.mkdir()
        write_winner(root, case, tiny_encoder)
        stage.run(root, None, Record(root, "select"))
    (folder / "texts.json").write_text(json.dumps(TEXTS), encoding="utf-8")
    runner = shutil.copyfile(ROOT / "tests/card_alone.py", folder / "card_alone.py")
    command = [sys.executable, "-I", runner, folder / "texts.json", *roots.values()]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return {case: (root, read_json(root / "answers.json")) for case, root in roots.items()}


def test_every_family_and_every_method_is_tried_here() -> None:
    assert {family for _, family, _ in SINGLE.values()} == set(get_args(model.Family)) - {"ensemble"}
    assert {one.method for one in COMBINATIONS.values()} == set(get_args(Method))
    assert set(front_matter._LIBRARIES) == set(get_args(model.Family)) - {"ensemble"}


@pytest.mark.parametrize("case", [*SINGLE, *ENSEMBLES])
def test_without_regraft_the_answers_are_the_models_own(told: dict[str, tuple[Path, Any]], case: str) -> None:
    root, pieces = told[case]
    assert len(pieces) == (SINGLE[case][2] if case in SINGLE else 1)
    selected = model.load(root / "models/selected", threads=1)
    own = selected.predict_proba([WHOLE.apply(text) for text in TEXTS])
    for piece in pieces:
        assert piece["labels"] == selected.labels
        far, others = fidelity.compare(piece, selected.labels, own)
        assert (far < 1e-5, others) == (True, 0)


def test_the_code_would_notice_rules_that_are_left_out(told: dict[str, tuple[Path, Any]]) -> None:
    root, (piece,) = told["sparse"]
    raw = model.load(root / "models/selected", threads=1).predict_proba(TEXTS)
    assert fidelity.compare(piece, piece["labels"], raw)[0] > 0.01


def test_what_is_to_be_installed_is_what_the_code_imports(told: dict[str, tuple[Path, Any]]) -> None:
    def named(case: str) -> set[str]:
        card = (told[case][0] / "models/selected/README.md").read_text(encoding="utf-8")
        return {name.split("==")[0] for name in fidelity.requirements(card)}

    rules = {"rjieba", "scikit-learn", "zhconv-rs"}
    assert named("sparse") == {"numpy", "scipy", "skops"} | rules
    assert named("int8") == {"numpy", "onnxruntime", "scipy", "tokenizers"} | rules
    assert {"sentence-transformers", "torch", "transformers", "onnxruntime", "safetensors"} <= named("network")
    assert "skops" in named("stack") and "onnxruntime" in named("stack")


# The comparison that `make fidelity` makes


def test_other_answers_are_noticed_and_near_ties_are_none() -> None:
    expected = np.array([[0.6, 0.4], [0.50001, 0.49999]])
    same = {"labels": ["b", "a"], "probabilities": [[0.4, 0.6], [0.50001, 0.49999]]}
    far, others = fidelity.compare(same, ["a", "b"], expected)
    assert (far < fidelity.TOLERANCE, others) == (True, 0)
    swapped = {"labels": ["a", "b"], "probabilities": [[0.4, 0.6], [0.50001, 0.49999]]}
    assert fidelity.compare(swapped, ["a", "b"], expected) == (pytest.approx(0.2), 1)
