"""Calibrates an ensemble by a temperature, if that helps."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tasks import temperature
from tasks.combination import Combination, Probabilities
from tasks.combine.fitting import Labels
from tasks.combine.params import EnsembleParams
from tasks.folds import Fold
from tasks.progress import log
from tasks.temperature import Part

VOTES = "its probabilities are shares of votes, not the softmax of anything that could be divided"
"""Why the method `vote` stays as it is."""
_SOURCE = "out-of-fold"


def calibrate(
    params: EnsembleParams,
    combination: Combination,
    probabilities: Probabilities,
    labels: Sequence[str],
    actual: Labels,
    folds: Sequence[Fold],
) -> tuple[Combination, Probabilities, dict[str, Any]]:
    """Softens or sharpens what the members say together: means of calibrated probabilities are mostly not sure enough.

    That a mean of calibrated forecasts that differ is underconfident is the main theorem of Ranjan and Gneiting (2010),
    "Combining probability forecasts", Journal of the Royal Statistical Society B 72. The temperature is fitted to the
    ensemble's own out-of-fold predictions, and kept if each fold also gains by the temperature of the others, which is
    the one that its predictions get.

    Args:
        combination: fitted to all rows.
        probabilities: what the ensemble says of each row, fitted to the other folds alone [rows, classes].
        actual: the label of each row, all among `labels`.
        folds: each row is held out by one; no fold for no out-of-fold predictions.

    Returns:
        The combination and the probabilities, calibrated if that helps, and what the card says of it (nothing where
        no calibration is asked for).
    """
    if params.calibration == "none":
        return combination, probabilities, {}
    if params.method == "vote":
        return combination, probabilities, {"calibration": {"kept": False, "reason": VOTES}}
    if not folds:
        return combination, probabilities, {"calibration": {"kept": False, "reason": "no out-of-fold predictions"}}
    numbers = {label: number for number, label in enumerate(labels)}
    own = np.array([numbers[label] for label in actual.tolist()], dtype=np.int64)
    found = temperature.find([Part.of(probabilities[held][None], own[held]) for _, held in folds])
    log(f"calibration: {temperature.told(found, _SOURCE)}")
    notes = {"calibration": temperature.notes(found, _SOURCE)}
    if found is None or not found.helps:
        return combination, probabilities, notes
    calibrated = probabilities.copy()
    for (_, held), divisor in zip(folds, found.crosswise, strict=True):
        calibrated[held] = temperature.softened(probabilities[held][None], divisor)
    return replace(combination, temperature=found.temperature), calibrated, notes
