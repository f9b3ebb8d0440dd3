"""Stage `combine`: makes one model out of several trained candidates.

It reads no row of the clean data: what it is fitted to are the members' out-of-fold predictions of the train rows.
"""

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from tasks import block, compute, ensemble, model, predictions, rows
from tasks.combination import Combination
from tasks.combine import members
from tasks.combine.calibration import calibrate
from tasks.combine.fitting import cross_fitted, fit
from tasks.combine.members import CANDIDATES, Members
from tasks.combine.params import FITTED, METHODS, EnsembleParams
from tasks.errors import BadInput, ParamsError, Problem
from tasks.files import replacing, write_json
from tasks.folds import folds
from tasks.progress import log
from tasks.records import Record, peak_memory_mb


def run(root: Path, item: str | None, record: Record) -> None:
    """Writes `models/ensembles/<item>/`, its own out-of-fold predictions, and what it cost.

    Raises:
        BadInput: if a member has not been trained, members differ in classes, rows or folds, or the method needs
            out-of-fold predictions that a member does not have.
        ParamsError: if the ensemble is not declared as it must be.
    """
    if item is None:
        raise BadInput("python -m tasks combine", "the name of an ensemble", "none", "Give one of `ensembles`.")
    params = _params(root, item)
    computing = compute.read(root)
    computing.apply()
    started = time.perf_counter()
    group = members.read(root, params.members)
    known = members.out_of_fold(root, group)
    if known is None:
        if params.method in FITTED:
            raise _unfounded(root, item, params, group)
        combination, probabilities = Combination(params.method), np.empty((0, len(group.labels)))
        actual, parts = np.array([], dtype=str), []
    else:
        record.rows_in = record.rows_out = len(known.ids)
        actual = known.actual
        combination = fit(params, known.parts, group.labels, actual)
        parts = folds(actual, known.folds, computing.seed)
        probabilities = cross_fitted(params, known.parts, group.labels, actual, parts)
    combination, probabilities, notes = calibrate(params, combination, probabilities, group.labels, actual, parts)
    _write_model(root, item, params, group, combination, ({} if known is None else {"folds": known.folds}) | notes)
    ids = [] if known is None else known.ids
    with replacing(root / "predictions/combined" / f"{item}.parquet") as partial:
        rows.write(partial, predictions.build(ids, "train", actual.tolist(), group.labels, probabilities))
    costs = {
        "combine_seconds": round(time.perf_counter() - started, 3),
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "threads": computing.threads,
    }
    write_json(root / "costs/fit" / f"{item}.json", costs)
    log(f"{item}: {_told(params, combination)}")


def _params(root: Path, item: str) -> EnsembleParams:
    at = f"ensembles.{item}"
    node = (block.load(root / block.PARAMS).get("ensembles") or {}).get(item)
    name = node.get("method") if isinstance(node, dict) else None
    if name not in METHODS:
        raise ParamsError(block.PARAMS, [Problem(f"{at}.method", f"one of {', '.join(METHODS)}", repr(name))])
    return block.read(root, at, METHODS[name])


def _unfounded(root: Path, item: str, params: EnsembleParams, group: Members) -> BadInput:
    expected, warm = "out-of-fold predictions of all members", members.warm_started(group)
    if warm:
        found = f"those of {', '.join(warm)} made without its warm start, as folds are"
        fix = "Use the method mean or vote, or members without warm_start."
        return BadInput(f"ensembles.{item}.method: {params.method}", expected, found, fix)
    found = f"none of {', '.join(members.without(root, group))}"
    fix = "Set cross_validation.folds to 5 (auto makes none where there are many rows), or use the method mean or vote."
    return BadInput(f"ensembles.{item}.method: {params.method}", expected, found, fix)


def _write_model(
    root: Path, item: str, params: EnsembleParams, group: Members, combination: Combination, notes: dict[str, Any]
) -> None:
    with replacing(root / "models/ensembles" / item) as folder:
        for name in group.names:
            shutil.copytree(root / CANDIDATES / name, folder / ensemble.MEMBERS / name)
        ensemble.write(folder, group.names, combination)
        model.write_card(
            folder,
            name=item,
            family="ensemble",
            labels=group.labels,
            rules=ensemble.NO_RULES,
            recipe={"model": "ensemble", **params.model_dump()},
            features={},
            search=None,
            notes=notes,
        )


def _told(params: EnsembleParams, combination: Combination) -> str:
    if combination.method != "weighted":
        return f"{combination.method} of {', '.join(params.members)}"
    pairs: Any = zip(params.members, combination.weights, strict=True)
    return f"weights {', '.join(f'{name} {weight:.3f}' for name, weight in pairs)}"
