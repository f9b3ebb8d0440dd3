"""A small workspace for tests of `evaluate` and `select`: rows, and candidates with made-up or real predictions."""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from tokenizers import Tokenizer, models, pre_tokenizers

from tasks import encoder as encoders
from tasks import ensemble, estimator, links, model, network, onnx_export, predictions, row_curve, rows, scores
from tasks.clean.stage import CONFLICTS, SET_ASIDE
from tasks.combination import Combination
from tasks.contestants import Contestant
from tasks.features import FeatureSet
from tasks.files import read_json, write_json
from tasks.finetune import export
from tasks.finetune.averaging_network import AveragingNetwork
from tasks.finetune.words import WordEmbedding
from tasks.quantize import integers
from tasks.row_curve import Step
from tasks.rules import Rules
from tasks.select import champion, ladder

CLASSES = ("billing", "leave", "network")
WORDS = {"billing": "invoice payment refund", "leave": "holiday vacation absence", "network": "router wifi cable"}


RECIPE = {"features": "tfidf", "model": "naive_bayes"}


def candidates(names: Iterable[str]) -> list[Contestant]:
    """Candidates of these names."""
    return [Contestant(name, "candidates", {}) for name in names]


def write_params(
    root: Path,
    candidates: Sequence[str] | Mapping[str, Any],
    select: str = "{}",
    evaluate: str = "{}",
    verdict: str = "{}",
    ensembles: Mapping[str, Any] | None = None,
    quantized: Mapping[str, Any] | None = None,
) -> None:
    """Writes `params.yaml`; candidates without parameters of their own have those of `RECIPE`."""
    recipes = candidates if isinstance(candidates, Mapping) else dict.fromkeys(candidates, RECIPE)
    declared = "".join(f"  {name}: {json.dumps(recipe)}\n" for name, recipe in recipes.items())
    (root / "params.yaml").write_text(
        "seed: 7\nthreads: 1\ndevice: cpu\nprecision: float32\n"
        f"candidates:\n{declared}ensembles: {json.dumps(ensembles or {})}\n"
        f"quantized: {json.dumps(quantized or {})}\n"
        f"evaluate: {evaluate}\nselect: {select}\nverdict: {verdict}\n",
        encoding="utf-8",
    )


def write_split(root: Path, split: str, labels: Sequence[str], texts: Sequence[str] | None = None) -> None:
    texts = texts or [f"{WORDS.get(label, label)} {split} {number}" for number, label in enumerate(labels)]
    table = pa.Table.from_pylist(
        [
            {"id": f"{split}-{number}", "text": text, "label": label, "source": "rows.csv", "row": number + 1}
            for number, (text, label) in enumerate(zip(texts, labels, strict=True))
        ],
        schema=rows.CLEAN,
    )
    path = root / "data/clean" / f"{split}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.write(path, table)


def write_data(root: Path, validation: Sequence[str], texts: Sequence[str] | None = None) -> None:
    """Writes what the clean stage does, without conflicts or rows set aside; there is no ladder and no champion."""
    (root / links.LADDER).parent.mkdir(parents=True, exist_ok=True)
    (root / links.LADDER).write_text(ladder.NONE, encoding="utf-8")
    (root / links.CHAMPION).write_text(champion.NONE, encoding="utf-8")
    write_split(root, "train", CLASSES * 4)
    write_split(root, "validation", validation, texts)
    write_split(root, "test", CLASSES * 5)
    rows.write(root / "data/clean/set_aside.parquet", SET_ASIDE.empty_table())
    rows.write(root / "data/clean/conflicts.parquet", CONFLICTS.empty_table())
    write_json(root / "data/clean/rules.json", Rules().model_dump())
    report = {
        "rows": {"in": 60, "train": 12, "validation": len(validation), "test": 15, "set_aside": 3},
        "set_aside": {"duplicate": 3},
        "duplicates": {"equal": 3, "near": 0},
        "conflicts": {"pairs": 1, "set_aside": 1},
        "lengths": {"words": {"median": 5, "p95": 5, "max": 6}},
        "languages": {"sampled": 200, "texts": {"en": 199, "da": 1}},
        "rules": {"spaces": 2},
        "classes": {name: {"train": 4} for name in CLASSES},
        "not_in_train": {"validation": 1, "test": 2},
    }
    write_json(root / "data/clean/report.json", report)


def write_model(root: Path, name: str, labels: Sequence[str] = CLASSES, **card: Any) -> Path:
    """Trains and saves a naive Bayes on words.

    Args:
        card: `recipe`, `search` and `notes` of `candidate.json`.
    """
    folder = root / "models/candidates" / name
    folder.mkdir(parents=True)
    texts = [WORDS.get(label, label) for label in labels]
    estimator.save(
        make_pipeline(TfidfVectorizer(), MultinomialNB(alpha=0.1)).fit(texts, labels), folder / "model.skops"
    )
    _write_card(folder, "sklearn", labels, {"encoder": "none"}, **card)
    return folder


def write_network(root: Path, name: str, encoder: Path, labels: Sequence[str] = CLASSES) -> Path:
    """Saves an encoder with an untrained head."""
    folder = root / "models/candidates" / name
    folder.mkdir(parents=True)
    torch.manual_seed(1)
    classifier = network.Classifier(encoders.load_network(encoder), len(labels))
    network.save(classifier, folder, encoder, max_tokens=16, same_encoder=True)
    features = {"encoder": "tiny", "max_tokens": 16}
    _write_card(folder, "network", labels, features, {"features": "tokens", "model": "transformer"})
    return folder


def write_vectors(root: Path, name: str, encoder: Path, labels: Sequence[str] = CLASSES) -> Path:
    """Saves an encoder as it is, and a classifier on the vectors of a few words."""
    folder = root / "models/candidates" / name
    folder.mkdir(parents=True)
    network.save_vectors(folder, encoder, "mean", max_tokens=16)
    texts = ["printer paper jam", "password reset login", "salary payslip tax"]
    tokenizer, (vectors, _) = encoders.Tokenizer(encoder, 16), network.load_vectors(folder)
    read = encoders.run_batched(vectors, tokenizer(texts), tokenizer.pad_id, 64, "cpu")
    estimator.save(LogisticRegression(C=100.0).fit(read, labels), folder / "classifier.skops")
    features = {"encoder": "tiny", "max_tokens": 16}
    _write_card(folder, "vectors", labels, features, {"features": "vectors", "model": "logistic_regression"})
    return folder


def write_words(root: Path, name: str, labels: Sequence[str] = CLASSES) -> Path:
    """Saves a small untrained network over words as ONNX."""
    folder = root / "models/candidates" / name
    folder.mkdir(parents=True)
    words = " ".join(WORDS.values()).split()
    ids = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *words])}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    (root / "words").mkdir()
    tokenizer.save(str(root / "words/tokenizer.json"))
    torch.manual_seed(1)
    vectors = np.random.default_rng(1).normal(size=(len(ids), 8)).astype(np.float32)
    untrained = AveragingNetwork(
        WordEmbedding(vectors, tuned=False, word_dropout=0.0),
        len(labels),
        hidden=4,
        layers=1,
        normalisation="none",
        activation="relu",
        dropout=0.0,
    )
    export.save(untrained, FeatureSet(root / "words", {}), folder)
    _write_card(folder, "onnx", labels, {"encoder": "none", "max_tokens": 16}, {"features": "w", "model": "average"})
    return folder


def write_ensemble(
    folder: Path, members: Mapping[str, Path], combination: Combination, labels: Sequence[str] = CLASSES
) -> Path:
    """Saves an ensemble of saved models.

    Args:
        members: their folders, which are copied, by the names that they get.
    """
    for name, member in members.items():
        shutil.copytree(member, folder / ensemble.MEMBERS / name)
    ensemble.write(folder, list(members), combination)
    recipe = {"features": "", "model": "ensemble"}
    _write_card(folder, "ensemble", labels, {}, recipe)
    return folder


def write_quantized(folder: Path, source: Path, weights: str) -> Path:
    """Saves a saved network in another form."""
    folder.mkdir(parents=True)
    onnx_export.save_encoder(source, folder, threads=1, one_row=weights == "int8")
    if weights == "int8":
        integers.quantize(folder / onnx_export.MODEL)
    card = read_json(source / model.CARD)
    notes = {"quantized": {"model": f"candidates/{source.name}", "weights": weights}}
    _write_card(folder, "onnx", card["labels"], card["features"], card["params"], notes=notes)
    return folder


def _write_card(
    folder: Path,
    family: model.Family,
    labels: Sequence[str],
    features: dict[str, Any],
    recipe: Mapping[str, Any] = RECIPE,
    search: dict[str, Any] | None = None,
    notes: Mapping[str, Any] | None = None,
) -> None:
    model.write_card(
        folder,
        name=folder.name,
        family=family,
        labels=labels,
        rules=Rules().model_dump(),
        recipe={"class_weight": "none", **recipe},
        features=features | {"name": recipe["features"]},
        search=search,
        notes=dict(notes or {}),
    )


def write_results(
    root: Path,
    name: str,
    actual: Sequence[str],
    probabilities: npt.NDArray[np.float64],
    costs: Mapping[str, Any] | None = None,
    classes: Sequence[str] = CLASSES,
    curve: Sequence[Mapping[str, float]] = (),
    gradients: Sequence[Mapping[str, float]] = (),
    trials: Sequence[Mapping[str, Any]] = (),
    steps: Sequence[Step] = (),
    out_of_fold: npt.NDArray[np.float64] | None = None,
    is_ensemble: bool = False,
    is_quantized: bool = False,
) -> None:
    """Writes what finetune and evaluate write of a candidate, or combine or quantize and evaluate of what is made of
    others, for the rows of `validation`.

    Args:
        out_of_fold: probabilities of the train rows; None without cross-validation.
        steps: of the learning curve by rows.
    """
    block = "ensembles" if is_ensemble else "quantized" if is_quantized else "candidates"
    indices = np.array([list(classes).index(label) for label in actual])
    ids = [f"validation-{number}" for number in range(len(actual))]
    path = root / "predictions" / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.write(path, predictions.build(ids, "validation", actual, classes, probabilities))
    measures = {"rows": len(actual), **scores.summary(indices, probabilities)}
    metrics = {"validation": measures} | _write_out_of_fold(
        root / Contestant(name, block, {}).out_of_fold, root, classes, out_of_fold
    )
    write_json(root / "metrics" / f"{name}.json", metrics)
    write_behaviour(root, name, {which: one["accuracy"] for which, one in metrics.items()})
    found = {"size_mb": 1.0, "latency_ms_p50": 1.0, "latency_ms_p95": 2.0, "fit_seconds": 3.0, **(costs or {})}
    seconds = found.pop("fit_seconds")
    made = {"ensembles": "combine_seconds", "quantized": "quantize_seconds"}
    spent = {made[block]: seconds} if block in made else {"fit_seconds": seconds, "search_seconds": 40.0}
    fit = {**spent, "peak_memory_mb": 100.0}
    write_json(root / "costs/fit" / f"{name}.json", fit)
    write_json(
        root / "costs/predict" / f"{name}.json", {"rows_per_second": 500.0, "threads": 1, "device": "cpu", **found}
    )
    if block in made:
        return
    for kind, points in {"learning": curve, "gradients": gradients, "search": trials}.items():
        write_json(root / "plots" / kind / f"{name}.json", list(points))
    path = root / row_curve.FOLDER / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    row_curve.write(path, ids, actual, steps)


def write_behaviour(root: Path, name: str, accuracies: Mapping[str, float], checks: Sequence[Any] = ()) -> None:
    """Writes made-up slices with that accuracy on all rows, robustness, and what came of checks."""
    slices = {}
    for which, accuracy in accuracies.items():
        found = [
            _slice("month", "2026-01", accuracy - 0.3, (accuracy - 0.4, accuracy - 0.1)),
            _slice("source", "b.csv", accuracy + 0.02, (accuracy - 0.1, accuracy + 0.1)),
            _slice("language", None, accuracy - 0.5, (0.0, 1.0), few=True),
        ]
        slices[which] = {"level": 0.95, "slice_rows": 30, "rows": 60, "accuracy": accuracy, "slices": found}
    write_json(root / "metrics/slices" / f"{name}.json", slices)
    ways = {"typos": _altered(40, 0.25, (0.9, 0.7)), "punctuation": _altered(0, None, (None, None))}
    write_json(root / "metrics/robustness" / f"{name}.json", {"rows": 40, "alterations": ways})
    write_json(root / "metrics/checks" / f"{name}.json", list(checks))


def _slice(
    column: str, value: str | None, accuracy: float, interval: tuple[float, float], few: bool = False
) -> dict[str, Any]:
    measures = {"rows": 5 if few else 55, "accuracy": accuracy, "accuracy_interval": list(interval)}
    return {"column": column, "value": value, "values": 1, "few": few, "macro_f1": accuracy} | measures


def _altered(rows: int, changed: float | None, accuracy: tuple[float | None, float | None]) -> dict[str, Any]:
    return {"rows": rows, "changed": changed, "accuracy": dict(zip(("before", "after"), accuracy, strict=True))}


def _write_out_of_fold(
    path: Path, root: Path, classes: Sequence[str], probabilities: npt.NDArray[np.float64] | None
) -> dict[str, Any]:
    path.parent.mkdir(parents=True, exist_ok=True)
    if probabilities is None:
        rows.write(path, predictions.build([], "train", [], classes, np.empty((0, len(classes)))))
        return {}
    train = rows.read(root / "data/clean/train.parquet")
    ids, labels = (rows.strings(train, column) for column in ("id", "label"))
    rows.write(path, predictions.build(ids, "train", labels, classes, probabilities))
    indices = np.array([list(classes).index(label) for label in labels])
    return {"out_of_fold": {"rows": len(labels), **scores.summary(indices, probabilities)}}


def answers(actual: Sequence[str], wrong: Sequence[int], classes: Sequence[str] = CLASSES, sure: float = 0.9) -> Any:
    """Probabilities [rows, classes] of a model that is wrong (by the next class) about the rows given."""
    probabilities = np.full((len(actual), len(classes)), (1 - sure) / (len(classes) - 1))
    for row, label in enumerate(actual):
        index = list(classes).index(label)
        probabilities[row, (index + (row in wrong)) % len(classes)] = sure
    return probabilities
