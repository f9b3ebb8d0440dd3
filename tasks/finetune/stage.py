"""`finetune`: trains one candidate on its feature set."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from tasks import block, compute, features, model
from tasks.compute import Compute
from tasks.errors import BadInput, ParamsError, Problem
from tasks.features import FeatureSet
from tasks.files import replacing, write_json
from tasks.finetune.params import MODELS, READS, CandidateParams, TransformerParams
from tasks.model import Family
from tasks.progress import log
from tasks.records import Record, peak_memory_mb


def run(root: Path, item: str | None, record: Record) -> None:
    """Writes `models/candidates/<item>/`, its learning curve and what the fit cost.

    Raises:
        BadInput: if the model cannot read the kind of feature set, or there are fewer than two classes.
    """
    if item is None:
        raise BadInput("python -m tasks finetune", "the name of a candidate", "none", "Give one of `candidates`.")
    params = _params(root, item)
    resources = compute.read(root)
    resources.apply()
    feature_set = features.load(root / "data" / "features" / params.features)
    if feature_set.kind not in READS[params.model]:
        wanted = " or ".join(READS[params.model])
        fix = "Name a feature set of that kind."
        raise BadInput(f"candidates.{item}.features", f"a feature set of kind {wanted}", feature_set.kind, fix)
    classes = _classes(feature_set)
    record.rows_in = record.rows_out = int(feature_set.manifest["rows"]["train"])
    scratch = root / "scratch" / "finetune" / item
    with replacing(root / "models" / "candidates" / item) as folder:
        folder.mkdir(parents=True)
        curve, seconds = _fit(feature_set, params, classes, folder, resources, scratch)
        _write_card(folder, item, feature_set, params, classes)
    write_json(root / "plots" / "learning" / f"{item}.json", curve)
    costs = {
        "fit_seconds": round(seconds, 3),
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "device": resources.device if isinstance(params, TransformerParams) else "cpu",
        "threads": resources.threads,
    }
    write_json(root / "costs" / "fit" / f"{item}.json", costs)
    record.device = str(costs["device"])
    record.notes["precision"] = resources.precision if isinstance(params, TransformerParams) else "float64"
    last = curve[-1]
    log(f"{item}: validation accuracy {last['validation_accuracy']:.3f}, macro F1 {last['validation_macro_f1']:.3f}")


def _params(root: Path, item: str) -> CandidateParams:
    at = f"candidates.{item}"
    node = block.load(root / block.PARAMS).get("candidates", {}).get(item)
    name = node.get("model") if isinstance(node, dict) else None
    if name not in MODELS:
        raise ParamsError(block.PARAMS, [Problem(f"{at}.model", f"one of {', '.join(MODELS)}", repr(name))])
    return block.read(root, at, MODELS[name])


def _classes(feature_set: FeatureSet) -> list[str]:
    classes = np.unique(feature_set.labels("train")).tolist()
    if len(classes) < 2:
        fix = "Check `ingest.columns.label`, or give rows of another class."
        raise BadInput("the train rows", "at least two classes", f"only {classes}", fix)
    return [str(name) for name in classes]


def _fit(
    feature_set: FeatureSet,
    params: CandidateParams,
    classes: list[str],
    folder: Path,
    resources: Compute,
    scratch: Path,
) -> tuple[list[dict[str, float]], float]:
    """Trains and saves; returns the learning curve and the seconds that it took."""
    if isinstance(params, TransformerParams):
        from tasks.finetune import transformer

        state = transformer.train(feature_set, params, classes, folder, resources, scratch)
        return state.curve, state.seconds
    from tasks.finetune import classical

    started = time.perf_counter()
    points = classical.train(feature_set, params, classes, folder, resources.seed)
    return [point.as_dict() for point in points], time.perf_counter() - started


def _write_card(folder: Path, item: str, feature_set: FeatureSet, params: CandidateParams, classes: list[str]) -> None:
    settings: dict[str, Any] = dict(feature_set.manifest["params"])
    rules = settings.pop("rules")
    family: Family = "sklearn" if feature_set.kind == "tfidf" else "network"
    model.write_card(
        folder,
        name=item,
        family=family,
        labels=classes,
        rules=rules,
        recipe=params.model_dump(),
        features={"name": params.features, **settings},
    )
