"""All that the stage finds out about a candidate, and where it is written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks import learned_rows, predictions, row_curve, rows
from tasks.compute import Compute
from tasks.contestants import Contestant
from tasks.features import FeatureSet
from tasks.files import replacing, write_json
from tasks.finetune import card
from tasks.finetune.cross_validation import OutOfFold
from tasks.finetune.params import CandidateParams, Search
from tasks.finetune.row_curve import RowCurve
from tasks.finetune.search import Trial
from tasks.finetune.students import StudentParams
from tasks.finetune.trainer import Fitted
from tasks.records import Record, peak_memory_mb


@dataclass(frozen=True)
class Result:
    """All that the stage found out about a candidate.

    Attributes:
        params: of the final fit: the best of the search, or as declared.
        search: as it was declared, None without one.
        trials: of the search, none without one.
        folds: of the cross-validation, 0 without one.
        row_curve: the learning curve by rows, empty without one.
        search_seconds: that all fits of the search took.
        teaching_seconds: that a teacher took to predict, and the features of its texts; None without one.
    """

    params: CandidateParams
    search: Search | None
    trials: list[Trial]
    fitted: Fitted
    folds: int
    out_of_fold: OutOfFold
    row_curve: RowCurve
    search_seconds: float
    teaching_seconds: float | None = None


def write(
    root: Path,
    contestant: Contestant,
    feature_set: FeatureSet,
    classes: list[str],
    result: Result,
    resources: Compute,
    record: Record,
) -> None:
    """Writes the model with its card, its out-of-fold predictions and curves, and what it cost."""
    item, fitted = contestant.name, result.fitted
    with replacing(root / contestant.folder) as folder:
        folder.mkdir(parents=True)
        family = fitted.save(folder)
        if isinstance(result.params, StudentParams):
            learned_rows.pass_on(root / "models" / result.params.teacher.model, folder)
        notes = fitted.notes | ({"folds": result.folds} if result.folds else {})
        searched = _summary(result.search, result.trials)
        card.write(folder, item, family, feature_set, classes, result.params, notes, searched)
    with replacing(root / contestant.out_of_fold) as partial:
        rows.write(partial, _table(feature_set, classes, result.out_of_fold))
    if contestant.block == "candidates":
        _write_row_curve(root, item, feature_set, result.row_curve)
    write_json(root / "plots" / "learning" / f"{item}.json", fitted.curve)
    write_json(root / "plots" / "gradients" / f"{item}.json", fitted.gradients)
    write_json(root / "plots" / "search" / f"{item}.json", [trial.as_dict() for trial in result.trials])
    costs = {
        "fit_seconds": round(fitted.seconds, 3),
        "cross_validation_seconds": round(result.out_of_fold.seconds, 3),
        "search_seconds": round(result.search_seconds, 3),
        "learning_curve_seconds": round(result.row_curve.seconds, 3),
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "device": fitted.device,
        "precision": fitted.precision,
        "threads": resources.threads,
    }
    if result.teaching_seconds is not None:
        costs["teaching_seconds"] = round(result.teaching_seconds, 3)
    if "weights" in fitted.notes:
        costs["trained_share"] = round(fitted.notes["trained_weights"] / fitted.notes["weights"], 6)
    write_json(root / "costs" / "fit" / f"{item}.json", costs)
    record.device = fitted.device
    record.notes |= {"precision": fitted.precision, **fitted.notes}


def _write_row_curve(root: Path, item: str, feature_set: FeatureSet, found: RowCurve) -> None:
    labels = feature_set.labels("validation").tolist()
    with replacing(root / row_curve.FOLDER / f"{item}.parquet") as partial:
        row_curve.write(partial, feature_set.row_ids("validation"), labels, found.steps)
    write_json(root / "plots" / "row_curve" / f"{item}.json", found.points)


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
