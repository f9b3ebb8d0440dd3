"""Calibrates a fitted model by a temperature, if that helps."""

from dataclasses import replace
from typing import Any

import numpy as np

from tasks import temperature
from tasks.finetune import processes
from tasks.finetune.cross_validation import OutOfFold
from tasks.finetune.params import CandidateParams, TransformerParams
from tasks.finetune.trainer import Fitted, Trainer
from tasks.finetune.transfer import NONE
from tasks.progress import log
from tasks.temperature import Found, Part

_HALVES = 3  # tells the division of the validation rows from others with the same seed


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
    fitted.notes["calibration"] = temperature.notes(found, source)
    if found is not None and found.helps:
        fitted.soften(found.temperature)
    if processes.is_main():
        log(f"calibration: {temperature.told(found, source)}")
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
