"""`finetune`: trains one candidate on its feature set, with its search and its cross-validation; or one student.

A student has no out-of-fold predictions: what its teacher says of the rows that a fold shows was learnt from the rows
that it holds out, so that they would not be honest.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tasks import block, compute, contestants, features, links
from tasks.compute import Compute
from tasks.contestants import Contestant
from tasks.errors import BadInput, ParamsError, Problem
from tasks.features import FeatureSet
from tasks.finetune import processes, row_curve
from tasks.finetune.calibration import calibrate
from tasks.finetune.cross_validation import OutOfFold, out_of_fold
from tasks.finetune.params import (
    MODELS,
    READS,
    CandidateParams,
    ClassicalParams,
    CrossValidationParams,
    TransformerParams,
)
from tasks.finetune.result import Result, write
from tasks.finetune.search import Trial, search
from tasks.finetune.students import STUDENTS, ClassicalStudentParams, NetworkStudentParams, StudentParams
from tasks.finetune.trainer import Trainer
from tasks.folds import folds
from tasks.progress import log
from tasks.records import Record


def run(root: Path, item: str | None, record: Record) -> None:
    """Writes `models/candidates/<item>/`, its curves, out-of-fold predictions, trials, and what the fit cost.

    Of a student `models/students/<item>/` and the same, its table of out-of-fold predictions being without rows.

    Raises:
        BadInput: if the model cannot read the feature set, there are fewer than two classes, a class weight is for an
            unknown class, or training diverges.
    """
    if item is None:
        fix = "Give one of `candidates` or `students`."
        raise BadInput("python -m tasks finetune", "the name of a candidate or a student", "none", fix)
    contestant = contestants.find(root, item)
    params = _params(contestant)
    at = f"{contestant.block}.{item}"
    if isinstance(params, StudentParams):
        validating = CrossValidationParams(folds=0)
    else:
        validating = block.read(root, "cross_validation", CrossValidationParams)
    resources = compute.read(root)
    resources.apply()
    feature_set = features.load(root / "data" / "features" / params.features)
    if feature_set.form not in READS[params.model]:
        wanted = " or ".join(READS[params.model])
        fix = "Name a feature set of that form."
        raise BadInput(f"{at}.features", f"a feature set that is {wanted}", feature_set.form, fix)
    classes = _classes(feature_set)
    record.rows_in = record.rows_out = int(feature_set.manifest["rows"]["train"])
    own = resources if params.seed is None else replace(resources, seed=params.seed)
    trainer = _trainer(root, item, params, feature_set, classes, own)
    result = _fit(trainer, params, validating, resources.seed, root / "scratch/finetune" / item)
    if not processes.is_main():
        return
    write(root, contestant, feature_set, classes, result, resources, record)
    last = result.fitted.curve[-1]
    reached = f"validation accuracy {last['validation_accuracy']:.3f}, macro F1 {last['validation_macro_f1']:.3f}"
    log(f"{item}: {reached}" + (", the mean of its members" if result.fitted.notes.get("members") else ""))


def _params(contestant: Contestant) -> CandidateParams:
    models: Mapping[str, type[CandidateParams]] = STUDENTS if contestant.block == "students" else MODELS
    at, name = f"{contestant.block}.{contestant.name}", contestant.params.get("model")
    if not isinstance(name, str) or name not in models:
        raise ParamsError(block.PARAMS, [Problem(f"{at}.model", f"one of {', '.join(models)}", repr(name))])
    return block.parse(models[name], contestant.params, at)


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
    teaching = None
    if isinstance(params, NetworkStudentParams):
        from tasks.finetune import teaching as teachings

        teaching = teachings.read(root, item, params, feature_set, classes, resources)
    if isinstance(params, TransformerParams):
        from tasks.finetune.transformer import TransformerTrainer

        earlier = _earlier(root, item, params)
        return _bagging(TransformerTrainer(feature_set, classes, resources, earlier, teaching))
    if feature_set.form == "words":
        from tasks.finetune.small import SmallNetworkTrainer

        return _bagging(SmallNetworkTrainer(feature_set, classes, resources, teaching))
    from tasks.finetune.classical import ClassicalTrainer

    labelled = None
    if isinstance(params, ClassicalStudentParams):
        from tasks.finetune import pseudo_labels

        labelled = pseudo_labels.read(root, item, params, feature_set, classes, resources)
    return ClassicalTrainer(feature_set, classes, resources, labelled)


def _bagging(trainer: Any) -> Trainer[Any]:
    from tasks.finetune.bag import BaggingTrainer

    return BaggingTrainer(trainer)


def _earlier(root: Path, item: str, params: TransformerParams) -> Path | None:
    """The folder of the model that training starts from, None for none; through the link that DVC looks at."""
    declared = params.warm_folder
    if declared is None:
        return None
    link = root / links.MODELS / item
    if not (root / declared).is_dir():
        fix = "Correct the path; it is taken from the project's folder."
        at = f"{contestants.find(root, item).block}.{item}"
        raise BadInput(f"{at}.warm_start", "an existing folder", str(declared), fix)
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
    shares = params.learning_curve if isinstance(params, ClassicalParams) else []  # it takes networks too long
    by_rows = row_curve.draw(trainer, params, shares, fitted, seed, scratch / "shares")
    held = calibrate(trainer, fitted, params, held)
    asking = None if trainer.teaching is None else trainer.teaching.seconds
    searching = sum(trial.seconds for trial in trials)
    return Result(params, declared, trials, fitted, number, held, by_rows, searching, asking)
