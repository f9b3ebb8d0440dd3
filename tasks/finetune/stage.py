"""`finetune`: trains one candidate on its feature set, with its search and its cross-validation."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tasks import block, compute, features, links, model, predictions, rows
from tasks.compute import Compute
from tasks.errors import BadInput, ParamsError, Problem
from tasks.features import FeatureSet
from tasks.files import replacing, write_json
from tasks.finetune import processes
from tasks.finetune.cross_validation import OutOfFold, out_of_fold
from tasks.finetune.folds import folds
from tasks.finetune.params import MODELS, READS, CandidateParams, CrossValidationParams, Search, TransformerParams
from tasks.finetune.search import Trial, search
from tasks.finetune.trainer import Fitted, Trainer
from tasks.progress import log
from tasks.records import Record, peak_memory_mb


@dataclass(frozen=True)
class Result:
    """All that the stage found out about a candidate.

    Attributes:
        params: of the final fit: the best of the search, or as declared.
        search: as it was declared, None without one.
        trials: of the search, none without one.
        folds: of the cross-validation, 0 without one.
        search_seconds: that all fits of the search took.
    """

    params: CandidateParams
    search: Search | None
    trials: list[Trial]
    fitted: Fitted
    folds: int
    out_of_fold: OutOfFold
    search_seconds: float


def run(root: Path, item: str | None, record: Record) -> None:
    """Writes `models/candidates/<item>/`, its curves, out-of-fold predictions, trials, and what the fit cost.

    Raises:
        BadInput: if the model cannot read the feature set, there are fewer than two classes, a class weight is for an
            unknown class, or training diverges.
    """
    if item is None:
        raise BadInput("python -m tasks finetune", "the name of a candidate", "none", "Give one of `candidates`.")
    params = _params(root, item)
    validating = block.read(root, "cross_validation", CrossValidationParams)
    resources = compute.read(root)
    resources.apply()
    feature_set = features.load(root / "data" / "features" / params.features)
    if feature_set.form not in READS[params.model]:
        wanted = " or ".join(READS[params.model])
        fix = "Name a feature set of that form."
        raise BadInput(f"candidates.{item}.features", f"a feature set that is {wanted}", feature_set.form, fix)
    classes = _classes(feature_set)
    record.rows_in = record.rows_out = int(feature_set.manifest["rows"]["train"])
    own = resources if params.seed is None else replace(resources, seed=params.seed)
    trainer = _trainer(root, item, params, feature_set, classes, own)
    result = _fit(trainer, params, validating, resources.seed, root / "scratch/finetune" / item)
    if not processes.is_main():
        return
    _write(root, item, feature_set, classes, result, resources, record)
    last = result.fitted.curve[-1]
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


def _trainer(
    root: Path, item: str, params: CandidateParams, feature_set: FeatureSet, classes: list[str], resources: Compute
) -> Trainer[Any]:
    """The trainer of the candidate's family; only its libraries are imported."""
    if isinstance(params, TransformerParams):
        from tasks.finetune.transformer import TransformerTrainer

        return TransformerTrainer(feature_set, classes, resources, _earlier(root, item, params))
    if feature_set.form == "words":
        from tasks.finetune.small import SmallNetworkTrainer

        return SmallNetworkTrainer(feature_set, classes, resources)
    from tasks.finetune.classical import ClassicalTrainer

    return ClassicalTrainer(feature_set, classes, resources)


def _earlier(root: Path, item: str, params: TransformerParams) -> Path | None:
    """The folder of the model that training starts from, None for none; through the link that DVC looks at."""
    declared = params.warm_folder
    if declared is None:
        return None
    link = root / links.MODELS / item
    if not (root / declared).is_dir():
        fix = "Correct the path; it is taken from the project's folder."
        raise BadInput(f"candidates.{item}.warm_start", "an existing folder", str(declared), fix)
    if not (link.is_dir() and link.samefile(root / declared)):
        found = "a link to another folder" if link.is_dir() else "none"
        raise BadInput(str(links.MODELS / item), f"a link to {declared}", found, links.REFRESH)
    return link


def _fit(
    trainer: Trainer[Any], params: CandidateParams, validating: CrossValidationParams, seed: int, scratch: Path
) -> Result:
    """All fits of the candidate; `seed` is the workspace's, by which rows are divided alike for every candidate."""
    labels = trainer.feature_set.labels("train")
    everything = np.arange(len(labels))
    trials: list[Trial] = []
    declared = params.search
    if declared is not None:
        # Other folds than those of the cross-validation, which would else repeat what the search chose by.
        parts = folds(labels, declared.folds, seed + 1)
        params, trials = search(trainer, params, parts, scratch / "search")
    number = validating.number(len(labels), int(np.unique(labels, return_counts=True)[1].max()))
    held = OutOfFold(np.empty((0, len(trainer.classes))), 0.0)
    if number:
        parts = folds(labels, number, seed)
        number = len(parts)
        held = out_of_fold(trainer, params, parts, scratch / "folds", "cross-validation")
    fitted = trainer.fit(params, everything, scratch / "whole")
    return Result(params, declared, trials, fitted, number, held, sum(trial.seconds for trial in trials))


def _write(
    root: Path,
    item: str,
    feature_set: FeatureSet,
    classes: list[str],
    result: Result,
    resources: Compute,
    record: Record,
) -> None:
    fitted = result.fitted
    with replacing(root / "models" / "candidates" / item) as folder:
        folder.mkdir(parents=True)
        family = fitted.save(folder)
        settings: dict[str, Any] = dict(feature_set.manifest["params"])
        rules = settings.pop("rules")
        model.write_card(
            folder,
            name=item,
            family=family,
            labels=classes,
            rules=rules,
            recipe=result.params.model_dump(),
            features={"name": result.params.features, **settings},
            search=_summary(result.search, result.trials),
            notes=fitted.notes | ({"folds": result.folds} if result.folds else {}),
        )
    with replacing(root / "predictions/out_of_fold" / f"{item}.parquet") as partial:
        rows.write(partial, _table(feature_set, classes, result.out_of_fold))
    write_json(root / "plots" / "learning" / f"{item}.json", fitted.curve)
    write_json(root / "plots" / "gradients" / f"{item}.json", fitted.gradients)
    write_json(root / "plots" / "search" / f"{item}.json", [trial.as_dict() for trial in result.trials])
    costs = {
        "fit_seconds": round(fitted.seconds, 3),
        "cross_validation_seconds": round(result.out_of_fold.seconds, 3),
        "search_seconds": round(result.search_seconds, 3),
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "device": fitted.device,
        "precision": fitted.precision,
        "threads": resources.threads,
    }
    if "weights" in fitted.notes:
        costs["trained_share"] = round(fitted.notes["trained_weights"] / fitted.notes["weights"], 6)
    write_json(root / "costs" / "fit" / f"{item}.json", costs)
    record.device = fitted.device
    record.notes |= {"precision": fitted.precision, **fitted.notes}


def _summary(declared: Search | None, trials: list[Trial]) -> dict[str, Any] | None:
    best = next((trial for trial in trials if trial.best), None)
    if declared is None or best is None:
        return None
    found = {"trials": len(trials), "score": best.score, "values": best.params}
    return {"metric": declared.metric, "folds": declared.folds} | found


def _table(feature_set: FeatureSet, classes: list[str], held: OutOfFold) -> Any:
    """The table of out-of-fold predictions; without rows where there was no cross-validation."""
    count = len(held.probabilities)
    ids, labels = feature_set.row_ids("train")[:count], feature_set.labels("train")[:count].tolist()
    return predictions.build(ids, "train", labels, classes, held.probabilities)
