"""Calibrates a fitted model by a temperature, if that helps."""

from dataclasses import replace
from typing import Any

import numpy as np

from tasks.finetune import processes, temperature
from tasks.finetune.cross_validation import OutOfFold
from tasks.finetune.params import CandidateParams, TransformerParams
from tasks.finetune.temperature import Found, Part
from tasks.finetune.trainer import Fitted, Trainer
from tasks.finetune.transfer import NONE
from tasks.progress import log

_HALVES = 3  # tells the division of the validation rows from others with the same seed
_DIGITS = 6  # of a log loss in the card


def calibrate(trainer: Trainer[Any], fitted: Fitted, params: CandidateParams, held: OutOfFold) -> OutOfFold:
    """Softens or sharpens the model, in place, and its out-of-fold predictions; notes what was done, or why nothing.

    The temperature is fitted to out-of-fold predictions where there are any, else to the validation rows. It is kept if
    it also helps where it was not fitted: on each fold (or half of the validation rows) with the temperature of the
    others. That is the one which a fold's out-of-fold predictions get, so that none knows the label of its own row. A
    model with a warm start takes the validation rows in any case, as its folds started without.

    Args:
        fitted: to all train rows.
        held: of the same candidate, without rows where there was no cross-validation.

    Returns:
        The out-of-fold predictions, calibrated if that helps.
    """
    if params.calibration == "none":
        return held
    if fitted.firm:
        fitted.notes["calibration"] = {"kept": False, "reason": fitted.firm}
        return held
    of_folds = temperature.find([Part.of(part.members, trainer.labels(part.rows)) for part in held.parts])
    warm = isinstance(params, TransformerParams) and params.warm_start != NONE
    source, found = "out-of-fold", of_folds
    if not held.parts or warm:
        source, found = "validation", temperature.find(_halves(trainer, fitted))
    fitted.notes["calibration"] = _notes(found, source)
    if found is not None and found.helps:
        fitted.soften(found.temperature)
    if processes.is_main():
        log(f"calibration: {_told(found, source)}")
    return held if of_folds is None or not of_folds.helps else _softened(held, of_folds)


def _halves(trainer: Trainer[Any], fitted: Fitted) -> list[Part]:
    """The validation rows in two random halves."""
    actual = trainer.validation_labels()
    members = fitted.members(np.arange(len(actual)), "validation")
    order = np.random.default_rng([trainer.compute.seed, _HALVES]).permutation(len(actual))
    return [Part.of(members[:, half], actual[half]) for half in np.array_split(order, 2)]


def _softened(held: OutOfFold, found: Found) -> OutOfFold:
    probabilities = held.probabilities.copy()
    for part, own in zip(held.parts, found.crosswise, strict=True):
        probabilities[part.rows] = temperature.softened(part.members, own)
    return replace(held, probabilities=probabilities)


def _notes(found: Found | None, source: str) -> dict[str, Any]:
    """What the card says: rows are those that the temperature was fitted to, losses are in nats a row."""
    if found is None:
        return {"kept": False, "reason": f"too few {source} rows", "rows": source}
    reason = {} if found.helps else {"reason": "rows that the temperature was not fitted to gain nothing by it"}
    changed = {"changed_rows": found.changed} if found.changed else {}
    return {
        "kept": found.helps,
        **reason,
        "temperature": found.temperature,
        "rows": source,
        "count": found.count,
        "log_loss": round(found.before, _DIGITS),
        "log_loss_calibrated": round(found.after, _DIGITS),
        "log_loss_cross_checked": round(found.crossed, _DIGITS),
        **changed,
    }


def _told(found: Found | None, source: str) -> str:
    if found is None:
        return f"none, as there are too few {source} rows"
    losses = f"log loss {found.before:.4f} without, {found.crossed:.4f} with, cross-checked"
    kept = "kept" if found.helps else "not kept"
    return f"temperature {found.temperature:.4g} of {found.count:,} {source} rows {kept}: {losses}"
