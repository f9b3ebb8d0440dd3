"""Training on altered copies: a copy is shown to a model exactly when its row is, and is never counted or predicted."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tasks import features, model, rows
from tasks.compute import Compute
from tasks.embed import stage as embed
from tasks.features import FeatureSet
from tasks.files import read_json, sha256
from tasks.finetune import fitting, networks
from tasks.finetune import stage as finetune
from tasks.finetune.classical import ClassicalTrainer
from tasks.finetune.loop import Training
from tasks.finetune.params import MODELS
from tasks.finetune.small import SmallNetworkTrainer
from tasks.finetune.trainer import Trainer
from tasks.finetune.transformer import TransformerTrainer
from tasks.records import Record
from tests import tiny

CLASSES = sorted(tiny.TOPICS)
COMPUTE = Compute(seed=7, threads=1, device="cpu", precision="float32")
AUGMENT = {"copies": 2, "swap": 0.3, "delete": 0.3, "characters": 0.3}
FEATURES: dict[str, dict[str, Any]] = {
    "terms": {"kind": "tfidf", "encoder": "none", "min_rows": 1, "augment": AUGMENT},
    "plain": {"kind": "tfidf", "encoder": "none", "min_rows": 1},
    "words": {"kind": "words", "encoder": "none", "vectors": "random", "dimensions": 8, "augment": AUGMENT},
    "tokens": {"kind": "tokens", "encoder": "tiny", "max_tokens": 16, "augment": AUGMENT},
}
CANDIDATES: dict[str, dict[str, Any]] = {
    "linear_svm": {"features": "terms", "model": "linear_svm", "learning_curve": []},
    "average": {"features": "words", "model": "average", "hidden": 8, "epochs": 2, "mixup": 0.3},
    "transformer": {
        "features": "tokens", "model": "transformer", "tune": "full", "epochs": 1, "batch_rows": 8,
        "class_weight": "sampled",
    },
}  # fmt: skip
TRAINERS: dict[str, type[Trainer[Any]]] = {
    "linear_svm": ClassicalTrainer, "average": SmallNetworkTrainer, "transformer": TransformerTrainer
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """A workspace with feature sets; do not change them."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("augmented")
    tiny.clean_rows(folder)
    shutil.copytree(tiny_encoder, folder / "models/encoders/tiny")
    for name in FEATURES:
        params(folder)
        embed.run(folder, name, Record(folder, f"embed@{name}"))
    return folder


def params(root: Path, folds: int = 0) -> None:
    tiny.params(root, features=FEATURES, candidates=CANDIDATES, cross_validation={"folds": folds})


def loaded(root: Path, name: str) -> FeatureSet:
    return features.load(root / "data/features" / CANDIDATES[name]["features"])


def rows_read(monkeypatch: pytest.MonkeyPatch, name: str) -> list[Any]:
    """What the models of a family are shown from now on, one entry a fit."""
    shown: list[Any] = []
    if name == "linear_svm":
        fit = ClassicalTrainer._steps

        def steps(self: Any, params: Any, X: Any, labels: Any, weights: Any, origins: Any) -> Any:
            shown.append([(X[row].toarray().tobytes(), str(label)) for row, label in enumerate(labels)])
            return fit(self, params, X, labels, weights, origins)

        monkeypatch.setattr(ClassicalTrainer, "_steps", steps)
        return shown

    def training(network: Any, train: Any, *others: Any) -> Training:
        classes = others[-1]
        shown.append([(str(ids), classes[label]) for ids, label in zip(train.ids, train.labels, strict=True)])
        return Training(network, train, *others)

    monkeypatch.setattr(networks, "Training", training)
    return shown


def known(feature_set: FeatureSet, numbers: Any) -> list[Any]:
    """How `rows_read` writes rows and copies down."""
    labels = feature_set.labels_with_copies()
    if feature_set.form == "sparse":
        matrix = feature_set.matrix("train")
        return [(matrix[row].toarray().tobytes(), str(labels[row])) for row in numbers]
    ids = feature_set.ids("train")
    return [(str(ids[row]), str(labels[row])) for row in numbers]


@pytest.mark.parametrize("name", CANDIDATES)
def test_folds_and_the_final_fit_are_shown_rows_with_their_copies_and_no_others(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    workspace = tmp_path / "workspace"
    shutil.copytree(root, workspace)
    params(workspace, folds=3)
    shown = rows_read(monkeypatch, name)
    finetune.run(workspace, name, Record(workspace, f"finetune@{name}"))
    feature_set = loaded(workspace, name)
    origins = rows.read(feature_set.folder / "copies.rows.parquet")["origin"].to_pylist()
    assert feature_set.copies > 60
    assert len(shown) == 4, "three folds and all rows"
    for fold in shown:
        own = [row for row in range(48) if known(feature_set, [row])[0] in fold]
        copies = [48 + number for number, origin in enumerate(origins) if origin in own]
        assert sorted(fold) == sorted(known(feature_set, [*own, *copies]))
        assert len(own) in (32, 48)
    held = rows.read(workspace / f"predictions/out_of_fold/{name}.parquet")
    assert held["id"].to_pylist() == [f"train-{number}" for number in range(48)]
    assert held["label"].to_pylist() == feature_set.labels("train").tolist()
    saved = model.load(workspace / "models/candidates" / name, threads=1)
    texts = rows.read(workspace / "data/clean/validation.parquet")["text"].to_pylist()
    assert saved.predict_proba(texts).shape == (18, 3)
    assert saved.describe["features"]["augment"]["copies"] == 2, "the card tells"


@pytest.mark.parametrize("name", CANDIDATES)
def test_a_candidate_trains_on_copies_and_predicts_the_same_once_loaded(root: Path, tmp_path: Path, name: str) -> None:
    trainer = TRAINERS[name](loaded(root, name), CLASSES, COMPUTE)
    fitted = trainer.fit(MODELS[name].model_validate(CANDIDATES[name]), np.arange(48), tmp_path / "scratch")
    assert np.isfinite(fitted.curve[-1]["train_loss"])
    folder = tmp_path / "model"
    folder.mkdir()
    about: dict[str, Any] = {"rules": {"lower": True}, "recipe": {"model": name}, "features": {}}
    family = fitted.save(folder)
    model.write_card(folder, name=name, family=family, labels=CLASSES, search=None, notes={}, **about)
    texts = rows.read(root / "data/clean/train.parquet")["text"].to_pylist()
    found = model.load(folder, threads=1).predict_proba(texts)
    np.testing.assert_allclose(found, fitted.predict_proba(np.arange(48)), atol=1e-6)


def test_training_with_copies_and_mixup_gives_the_same_bytes_again(root: Path, tmp_path: Path) -> None:
    found = []
    for folder in (tmp_path / "one", tmp_path / "other"):
        trainer = SmallNetworkTrainer(loaded(root, "average"), CLASSES, COMPUTE)
        (folder / "model").mkdir(parents=True)
        recipe: Any = MODELS["average"].model_validate(CANDIDATES["average"])
        trainer.fit(recipe, np.arange(48), folder / "scratch").save(folder / "model")
        found.append(sha256(folder / "model/model.onnx"))
    assert found[0] == found[1]


@pytest.mark.parametrize("weights", [None, "given"])
def test_calibration_holds_a_copy_out_with_its_row(monkeypatch: pytest.MonkeyPatch, weights: str | None) -> None:
    from sklearn.svm import LinearSVC

    seen: list[Any] = []
    calibrated = fitting.CalibratedClassifierCV

    def watched(estimator: Any, **settings: Any) -> Any:
        seen.append(settings["cv"])
        return calibrated(estimator, **settings)

    monkeypatch.setattr(fitting, "CalibratedClassifierCV", watched)
    generator = np.random.default_rng(0)
    labels = np.array(["a", "b"] * 10 + ["c"])  # the only row of c takes part twice, and stands behind the others
    origins = np.concatenate([np.arange(21), np.repeat(np.arange(21), 2)])
    X = generator.normal(size=(63, 4)) + (labels[origins] == "a")[:, None]
    given = None if weights is None else np.ones(63)
    fitting.calibrate(LinearSVC(), X, labels[origins], given, COMPUTE, origins)
    assert given is None or (given == 1).all()
    places = np.concatenate([np.arange(21), [20], origins[21:]])  # the row of each that takes part
    ((*parts,),) = seen
    assert sorted(np.concatenate([held for _, held in parts])) == list(range(64))
    for shown, held in parts:
        assert set(places[shown]) & set(places[held]) <= {20}, "the only row of its class alone is in both"
        assert "c" in labels[places[shown]]


def test_a_search_scores_rows_alone(root: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    shutil.copytree(root, workspace)
    searched = CANDIDATES["linear_svm"] | {"search": {"trials": 2, "folds": 2, "space": {"C": [1.0, 0.1]}}}
    tiny.params(workspace, features=FEATURES, candidates={"searched": searched}, cross_validation={"folds": 0})
    finetune.run(workspace, "searched", Record(workspace, "finetune@searched"))
    trials = read_json(workspace / "plots/search/searched.json")
    assert len(trials) == 2 and all(trial["score"] > 0.5 for trial in trials)


def test_copies_change_the_model(root: Path, tmp_path: Path) -> None:
    recipe: Any = MODELS["logistic_regression"].model_validate({"features": "f", "model": "logistic_regression"})
    found = [
        ClassicalTrainer(features.load(root / "data/features" / name), CLASSES, COMPUTE)
        .fit(recipe, np.arange(48), tmp_path)
        .predict_proba(np.arange(48))
        for name in ("terms", "plain")
    ]
    assert not np.allclose(*found)
