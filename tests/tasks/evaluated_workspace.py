"""A small workspace for tests of `evaluate` and `select`: rows, and candidates with made-up or real predictions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from tasks import encoder as encoders
from tasks import estimator, model, network, predictions, rows, scores
from tasks.files import write_json
from tasks.rules import Rules

CLASSES = ("billing", "leave", "network")
WORDS = {"billing": "invoice payment refund", "leave": "holiday vacation absence", "network": "router wifi cable"}


def write_params(root: Path, candidates: Sequence[str], select: str = "{}", evaluate: str = "{}") -> None:
    declared = "".join(f"  {name}: {{features: tfidf, model: naive_bayes}}\n" for name in candidates)
    (root / "params.yaml").write_text(
        "seed: 7\nthreads: 1\ndevice: cpu\nprecision: float32\n"
        f"candidates:\n{declared}evaluate: {evaluate}\nselect: {select}\n",
        encoding="utf-8",
    )


def write_split(root: Path, split: str, labels: Sequence[str], texts: Sequence[str] | None = None) -> None:
    texts = texts or [f"{WORDS.get(label, label)} number {number}" for number, label in enumerate(labels)]
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
    """Writes the three splits, the cleaning rules and the cleaning report."""
    write_split(root, "train", CLASSES * 4)
    write_split(root, "validation", validation, texts)
    write_split(root, "test", CLASSES * 5)
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
    }
    write_json(root / "data/clean/report.json", report)


def write_model(root: Path, name: str, labels: Sequence[str] = CLASSES) -> Path:
    """Trains and saves a naive Bayes on words."""
    folder = root / "models/candidates" / name
    folder.mkdir(parents=True)
    texts = [WORDS.get(label, label) for label in labels]
    estimator.save(
        make_pipeline(TfidfVectorizer(), MultinomialNB(alpha=0.1)).fit(texts, labels), folder / "model.skops"
    )
    _write_card(folder, "sklearn", labels, {"name": "tfidf", "encoder": "none"})
    return folder


def write_network(root: Path, name: str, encoder: Path, labels: Sequence[str] = CLASSES) -> Path:
    """Saves an encoder with an untrained head."""
    folder = root / "models/candidates" / name
    folder.mkdir(parents=True)
    torch.manual_seed(1)
    classifier = network.Classifier(encoders.load_network(encoder), len(labels))
    network.save(classifier, folder, encoder, max_tokens=16, same_encoder=True)
    _write_card(folder, "network", labels, {"name": "tokens", "encoder": "tiny", "max_tokens": 16})
    return folder


def _write_card(folder: Path, family: model.Family, labels: Sequence[str], features: dict[str, Any]) -> None:
    model.write_card(
        folder,
        name=folder.name,
        family=family,
        labels=labels,
        rules=Rules().model_dump(),
        recipe={"model": "naive_bayes" if family == "sklearn" else "transformer", "features": features["name"]},
        features=features,
    )


def write_results(
    root: Path,
    name: str,
    actual: Sequence[str],
    probabilities: npt.NDArray[np.float64],
    costs: Mapping[str, Any] | None = None,
    classes: Sequence[str] = CLASSES,
    curve: Sequence[Mapping[str, float]] = (),
) -> None:
    """Writes what finetune and evaluate write of a candidate, for the rows of `validation`."""
    indices = np.array([list(classes).index(label) for label in actual])
    ids = [f"validation-{number}" for number in range(len(actual))]
    path = root / "predictions" / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.write(path, predictions.build(ids, "validation", actual, classes, probabilities))
    measures = {"rows": len(actual), **scores.summary(indices, probabilities)}
    write_json(root / "metrics" / f"{name}.json", {"validation": measures})
    found = {"size_mb": 1.0, "latency_ms_p50": 1.0, "latency_ms_p95": 2.0, "fit_seconds": 3.0, **(costs or {})}
    fit = {"fit_seconds": found.pop("fit_seconds"), "peak_memory_mb": 100.0}
    write_json(root / "costs/fit" / f"{name}.json", fit)
    write_json(
        root / "costs/predict" / f"{name}.json", {"rows_per_second": 500.0, "threads": 1, "device": "cpu", **found}
    )
    write_json(root / "plots/learning" / f"{name}.json", list(curve))


def answers(actual: Sequence[str], wrong: Sequence[int], classes: Sequence[str] = CLASSES, sure: float = 0.9) -> Any:
    """Probabilities [rows, classes] of a model that is wrong (by the next class) about the rows given."""
    probabilities = np.full((len(actual), len(classes)), (1 - sure) / (len(classes) - 1))
    for row, label in enumerate(actual):
        index = list(classes).index(label)
        probabilities[row, (index + (row in wrong)) % len(classes)] = sure
    return probabilities
