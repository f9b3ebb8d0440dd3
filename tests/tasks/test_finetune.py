"""The stage: every model is trained, saved, reloaded in a clean process, and repeated to the byte."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tasks import features, model, predictions, rows
from tasks.embed import stage as embed
from tasks.errors import BadInput, ParamsError
from tasks.files import read_json, sha256
from tasks.finetune import stage as finetune
from tasks.finetune.params import MODELS, READS
from tasks.folds import Fold, folds
from tasks.records import Record
from tests import tiny

VOCABULARY = {"encoder": "none", "dimensions": 8, "epochs": 3}
FEATURES = {
    "terms": {"kind": "tfidf", "encoder": "none", "min_rows": 1},
    "counts": {"kind": "tfidf", "encoder": "none", "min_rows": 1, "weighting": "counts", "characters": None},
    "topics": {"kind": "tfidf", "encoder": "none", "min_rows": 1, "dimensions": 8},
    "means": {"kind": "word_vectors", **VOCABULARY},
    "words": {"kind": "words", **VOCABULARY},
    "vectors": {"kind": "encoder", "encoder": "tiny", "max_tokens": 16},
    "ids": {"kind": "tokens", "encoder": "tiny", "max_tokens": 16},
}
SMALL = {"features": "words", "epochs": 12, "batch_rows": 8, "learning_rate": 0.02, "dropout": 0.1, "patience": 12}
CANDIDATES = {
    "naive_bayes": {"features": "terms", "model": "naive_bayes"},
    "complement": {"features": "counts", "model": "naive_bayes", "variant": "complement"},
    "nb_svm": {"features": "terms", "model": "nb_svm"},
    "linear_svm": {"features": "terms", "model": "linear_svm", "select": {"by": "chi2", "keep": 60}},
    "linear_svm_vectors": {"features": "vectors", "model": "linear_svm", "C": 100.0},
    "rbf_svm": {"features": "topics", "model": "rbf_svm"},
    "rbf_svm_vectors": {"features": "vectors", "model": "rbf_svm", "C": 1000.0},
    "logistic_regression": {"features": "terms", "model": "logistic_regression"},
    "lasso": {"features": "counts", "model": "logistic_regression", "C": 10.0, "l1_ratio": 1.0},
    "frozen": {"features": "vectors", "model": "logistic_regression", "C": 100.0},
    "random_forest": {"features": "terms", "model": "random_forest", "trees": 20},
    "gradient_boosting": {"features": "topics", "model": "gradient_boosting", "rounds": 10, "min_leaf_rows": 2},
    "linear_discriminant": {"features": "vectors", "model": "linear_discriminant"},
    "discriminant_means": {"features": "means", "model": "linear_discriminant"},
    "nearest_neighbours": {"features": "topics", "model": "nearest_neighbours"},
    "text_cnn": {**SMALL, "model": "text_cnn", "widths": [1, 2], "filters": 8},
    "rnn": {**SMALL, "model": "rnn", "hidden": 8},
    "lstm": {**SMALL, "model": "lstm", "hidden": 8},
    "gru": {**SMALL, "model": "gru", "hidden": 8, "pooling": "attention"},
    "average": {**SMALL, "model": "average", "hidden": 8},
    "finetune": {
        "features": "ids", "model": "transformer", "tune": "full", "epochs": 6, "batch_rows": 8,
        "learning_rate": 0.005, "head_rate_factor": 2.0, "patience": 6,
    },
}  # fmt: skip
NO_FOLDS = {"folds": 0}


def prepare(root: Path, candidates: dict[str, dict[str, object]], folds: dict[str, object] | None = None) -> None:
    tiny.params(root, features=FEATURES, candidates=candidates, cross_validation=folds or NO_FOLDS)
    (root / "links" / "vectors").mkdir(parents=True, exist_ok=True)
    for name in sorted({str(recipe["features"]) for recipe in candidates.values()}):
        embed.run(root, name, Record(root, f"embed@{name}"))


def fit(root: Path, name: str) -> Path:
    finetune.run(root, name, Record(root, f"finetune@{name}"))
    return root / "models" / "candidates" / name


def outputs(name: str) -> list[str]:
    """The files that the stage writes beside the model and its costs."""
    curves = [f"plots/{kind}/{name}.json" for kind in ("learning", "gradients", "search")]
    curves.append(f"plots/row_curve/{name}.json")
    return [*curves, *(f"predictions/{kind}/{name}.parquet" for kind in ("out_of_fold", "row_curve"))]


def digests(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): sha256(file) for file in sorted(folder.rglob("*")) if file.is_file()}


def texts(root: Path, split: str) -> list[str]:
    return [str(text) for text in rows.read(root / f"data/clean/{split}.parquet")["text"].to_pylist()]


CLEAN_PROCESS = """
import json, sys
from pathlib import Path
from typing import Any
from tasks import model
root, texts = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
found = {f.name: model.load(f, threads=1).predict_proba(texts).tolist() for f in sorted(root.iterdir())}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """A workspace in which every candidate was trained; do not change it."""
    root = tmp_path_factory.mktemp("trained")
    tiny.clean_rows(root)
    shutil.copytree(tiny_encoder, root / "models" / "encoders" / "tiny")
    prepare(root, CANDIDATES)
    for name in CANDIDATES:
        fit(root, name)
    return root


def test_every_model_and_every_form_of_features_is_tried_here() -> None:
    assert {recipe["model"] for recipe in CANDIDATES.values()} == set(MODELS) == set(READS)
    assert {recipe["features"] for recipe in CANDIDATES.values()} == set(FEATURES)


def test_every_model_predicts_the_same_in_a_clean_process(trained: Path, tmp_path: Path) -> None:
    asked = texts(trained, "validation")
    (tmp_path / "texts.json").write_text(json.dumps(asked))
    folder = trained / "models" / "candidates"
    command = [sys.executable, "-c", CLEAN_PROCESS, str(folder), str(tmp_path / "texts.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == set(CANDIDATES)
    for name, probabilities in found.items():
        here = model.load(folder / name, threads=1).predict_proba(asked)
        np.testing.assert_array_equal(np.array(probabilities), here, err_msg=name)


@pytest.mark.parametrize("name", CANDIDATES)
def test_a_model_learns_and_what_was_measured_is_what_was_saved(trained: Path, name: str) -> None:
    saved = model.load(trained / "models" / "candidates" / name, threads=1)
    probabilities = saved.predict_proba(texts(trained, "validation"))
    assert saved.labels == sorted(tiny.TOPICS)
    assert probabilities.shape == (18, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    truth = rows.read(trained / "data/clean/validation.parquet")["label"].to_numpy()
    accuracy = np.mean(np.array(saved.labels)[probabilities.argmax(axis=1)] == truth)
    curve = read_json(trained / f"plots/learning/{name}.json")
    assert accuracy >= 0.85
    assert accuracy == pytest.approx(max(point["validation_accuracy"] for point in curve))


@pytest.mark.parametrize("name", CANDIDATES)
def test_the_same_inputs_give_the_same_bytes(trained: Path, tmp_path: Path, name: str) -> None:
    for part in ("data", "params.yaml"):
        (tmp_path / part).symlink_to(trained / part)
    again = fit(tmp_path, name)
    assert digests(again) == digests(trained / "models" / "candidates" / name)
    for file in outputs(name):
        assert sha256(tmp_path / file) == sha256(trained / file), file


def test_another_seed_gives_another_network(workspace: Path) -> None:
    prepare(workspace, {name: CANDIDATES[name] for name in ("finetune", "text_cnn")})
    first = [digests(fit(workspace, name)) for name in ("finetune", "text_cnn")]
    text = (workspace / "params.yaml").read_text().replace('"seed": 7', '"seed": 8')
    (workspace / "params.yaml").write_text(text)
    second = [digests(fit(workspace, name)) for name in ("finetune", "text_cnn")]
    assert all(one != two for one, two in zip(first, second, strict=True))


@pytest.mark.parametrize("name", ["nb_svm", "frozen", "text_cnn", "finetune"])
def test_out_of_fold_predictions_are_there_for_every_family(workspace: Path, name: str) -> None:
    prepare(workspace, {name: CANDIDATES[name]}, {"folds": 3})
    fit(workspace, name)
    table = rows.read(workspace / f"predictions/out_of_fold/{name}.parquet")
    train = rows.read(workspace / "data/clean/train.parquet")
    assert table["id"].to_pylist() == train["id"].to_pylist()
    assert table["label"].to_pylist() == train["label"].to_pylist()
    assert set(table["split"].to_pylist()) == {"train"}
    right = np.mean(table["predicted"].to_numpy() == train["label"].to_numpy())
    assert right >= 0.8
    assert read_json(workspace / f"models/candidates/{name}/candidate.json")["notes"]["folds"] == 3
    costs = read_json(workspace / f"costs/fit/{name}.json")
    assert costs["cross_validation_seconds"] > 0
    again = {file: sha256(workspace / file) for file in outputs(name)}
    shutil.rmtree(workspace / "scratch")
    fit(workspace, name)
    assert {file: sha256(workspace / file) for file in outputs(name)} == again
    if name == "nb_svm":  # a model that is shown a row's label would know it
        shown = model.load(workspace / "models/candidates" / name, threads=1).predict_proba(texts(workspace, "train"))
        assert not np.allclose(shown, predictions.probabilities(table))


def test_without_folds_the_table_of_out_of_fold_predictions_is_empty(trained: Path) -> None:
    table = rows.read(trained / "predictions/out_of_fold/frozen.parquet")
    assert table.num_rows == 0
    assert predictions.classes(table) == sorted(tiny.TOPICS)


def test_a_search_trains_the_best_and_tells_its_trials(workspace: Path) -> None:
    recipe = {
        "features": "terms", "model": "nb_svm", "C": 1e-6,
        "search": {"trials": 4, "folds": 2, "space": {"C": {"low": 1e-6, "high": 10.0, "log": True}}},
    }  # fmt: skip
    prepare(workspace, {"nb_svm": recipe})
    first = digests(fit(workspace, "nb_svm"))
    card = read_json(workspace / "models/candidates/nb_svm/candidate.json")
    trials = read_json(workspace / "plots/search/nb_svm.json")
    assert len(trials) == 4
    (best,) = [trial for trial in trials if trial["best"]]
    assert card["params"]["C"] == best["params"]["C"] == card["search"]["values"]["C"]
    assert card["search"]["score"] == best["score"]
    assert read_json(workspace / "costs/fit/nb_svm.json")["search_seconds"] > 0
    shutil.rmtree(workspace / "scratch")
    assert digests(fit(workspace, "nb_svm")) == first
    assert read_json(workspace / "plots/search/nb_svm.json") == trials


def test_a_model_refuses_features_that_it_cannot_read(workspace: Path) -> None:
    prepare(workspace, {"wrong": {"features": "ids", "model": "naive_bayes"}})
    with pytest.raises(BadInput, match=r"wrong\.features: expected a feature set that is sparse, found tokens"):
        fit(workspace, "wrong")
    assert not (workspace / "models/candidates/wrong").exists()


@pytest.mark.parametrize("name", ["naive_bayes", "linear_discriminant", "text_cnn", "finetune", "nearest_neighbours"])
def test_a_class_weight_for_an_unknown_class_is_refused(workspace: Path, name: str) -> None:
    prepare(workspace, {name: CANDIDATES[name] | {"class_weight": {"payrol": 2.0}}})
    with pytest.raises(BadInput, match=r"class_weight.*payrol"):
        fit(workspace, name)


def test_a_class_weight_that_is_not_positive_is_refused(workspace: Path) -> None:
    prepare(workspace, {"naive_bayes": CANDIDATES["naive_bayes"]})
    tiny.params(
        workspace, features=FEATURES, cross_validation=NO_FOLDS,
        candidates={"naive_bayes": CANDIDATES["naive_bayes"] | {"class_weight": {"payroll": 0.0}}},
    )  # fmt: skip
    with pytest.raises(ParamsError, match=r"candidates\.naive_bayes\.class_weight"):
        fit(workspace, "naive_bayes")


def write_train(root: Path, keep: list[int], labels: list[str] | None = None) -> None:
    path = root / "data/clean/train.parquet"
    table = rows.read(path).take(keep)
    if labels is not None:
        place = table.column_names.index("label")
        table = table.set_column(place, table.schema.field("label"), pa.array(labels, pa.string()))
    rows.write(path, table)


@pytest.mark.parametrize("name", ["linear_svm", "nb_svm", "frozen", "text_cnn", "finetune"])
def test_a_class_with_one_train_row_can_be_fitted_and_held_out(workspace: Path, name: str) -> None:
    labels = rows.read(workspace / "data/clean/train.parquet")["label"].to_pylist()
    write_train(workspace, [number for number, label in enumerate(labels) if label != "payroll" or number == 2])
    prepare(workspace, {name: CANDIDATES[name]}, {"folds": 3})
    assert model.load(fit(workspace, name), threads=1).labels == sorted(tiny.TOPICS)
    table = rows.read(workspace / f"predictions/out_of_fold/{name}.parquet")
    (row,) = [row for row in table.to_pylist() if row["label"] == "payroll"]
    assert row["payroll"] == 0.0, "no model that was not shown this row knows its class"


@pytest.mark.parametrize("name", ["naive_bayes", "logistic_regression", "linear_svm", "text_cnn", "finetune"])
def test_as_many_classes_as_rows_can_be_fitted(workspace: Path, name: str) -> None:
    """Each row has a class of its own: enough to fit, though no fold could know the class that it holds out."""
    labels = [f"c{number}" for number in range(6)]
    write_train(workspace, list(range(6)), labels)
    validation = rows.read(workspace / "data/clean/validation.parquet").take(list(range(6)))
    place = validation.column_names.index("label")
    field = validation.schema.field("label")
    rows.write(
        workspace / "data/clean/validation.parquet",
        validation.set_column(place, field, pa.array(labels, pa.string())),
    )
    prepare(workspace, {name: CANDIDATES[name]}, {"folds": "auto"})
    saved = model.load(fit(workspace, name), threads=1)
    assert saved.labels == labels
    assert np.isfinite(saved.predict_proba(texts(workspace, "test"))).all()
    tiny.params(workspace, features=FEATURES, candidates={name: CANDIDATES[name]}, cross_validation={"folds": 2})
    with pytest.raises(BadInput, match="expected a class with two rows or more, found 6 rows of 6 classes"):
        fit(workspace, name)


def test_one_class_alone_is_refused(workspace: Path) -> None:
    write_train(workspace, [0, 3, 6, 9])
    prepare(workspace, {"naive_bayes": CANDIDATES["naive_bayes"]})
    with pytest.raises(BadInput, match="expected at least two classes, found only"):
        fit(workspace, "naive_bayes")


def test_an_unfinished_feature_set_is_not_read(workspace: Path) -> None:
    prepare(workspace, {"naive_bayes": CANDIDATES["naive_bayes"]})
    (workspace / "data/features/terms" / features.MANIFEST).unlink()
    with pytest.raises(BadInput, match="expected a feature set, found none"):
        fit(workspace, "naive_bayes")


def test_nothing_is_left_of_a_stage_that_fails_while_writing(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(workspace, {"naive_bayes": CANDIDATES["naive_bayes"]})
    monkeypatch.setattr(model, "write_card", lambda *_, **__: Path("/no/such/file").stat())
    with pytest.raises(FileNotFoundError):
        fit(workspace, "naive_bayes")
    assert list((workspace / "models/candidates").iterdir()) == []


@pytest.mark.parametrize("name", ["random_forest", "text_cnn", "finetune"])
def test_a_seed_of_its_own_changes_a_candidate_but_not_its_folds(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    divided: list[list[list[int]]] = []

    def noted(labels: Any, number: int, seed: int) -> list[Fold]:
        made = folds(labels, number, seed)
        divided.append([held.tolist() for _, held in made])
        return made

    monkeypatch.setattr(finetune, "folds", noted)
    recipe = CANDIDATES[name] | ({"epochs": 2} if "epochs" in CANDIDATES[name] else {})
    prepare(workspace, {"of_the_workspace": recipe, "same": recipe | {"seed": 7}, "other": recipe | {"seed": 8}},
            {"folds": 2})  # fmt: skip
    made = {}
    for one in ("of_the_workspace", "same", "other"):
        found = digests(fit(workspace, one))
        del found["candidate.json"]  # which names it
        made[one] = found, rows.read(workspace / f"predictions/out_of_fold/{one}.parquet")
    assert made["of_the_workspace"] == made["same"]
    assert made["of_the_workspace"][0] != made["other"][0]
    assert not made["same"][1].equals(made["other"][1])
    assert divided[0] == divided[1] == divided[2]
