"""Stages `evaluate`, `evaluate_{student,ensemble,quantized}`: one model, loaded afresh, measured on validation rows.

Where it was cross-validated, its out-of-fold predictions of the train rows are measured too.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tasks import block, compute, contestants, links, predictions, records, rows, texts
from tasks.contestants import Contestant
from tasks.errors import BadInput
from tasks.evaluate import answers, checks, plots, robustness, speed
from tasks.evaluate.params import EvaluateParams
from tasks.evaluate.slices import Slicing
from tasks.files import read_json, replacing, write_json
from tasks.model import SavedModel, load
from tasks.progress import log
from tasks.records import Record
from tasks.rules import Rules
from tasks.scores import Floats, Ints, count, summary

TRAIN, VALIDATION = Path("data/clean/train.parquet"), Path("data/clean/validation.parquet")
_RULES = Path("data/clean/rules.json")


class _Answered(NamedTuple):
    """Rows of the clean stage, the class of each, as an index [rows], and the probabilities [rows, classes]."""

    table: pa.Table
    actual: Ints
    probabilities: Floats


def run(root: Path, item: str | None, record: Record) -> None:
    """Predicts the validation rows with one contestant; writes its predictions, measures, plots and costs.

    Besides these: its measures on slices of the rows, its robustness, and what came of the user's checks.

    Raises:
        BadInput: if there are no validation rows or no table of out-of-fold predictions, a row has a label that the
            candidate does not know, rows lack a column to slice by, a file of checks is wrong, or its probabilities
            are not usable.
    """
    if item is None:
        wanted = "the name of a candidate, a student, an ensemble or a quantized model"
        raise BadInput("evaluate", wanted, "none", "Run `python -m tasks evaluate NAME`.")
    params = block.read(root, "evaluate", EvaluateParams)
    computing = compute.read(root)
    table = rows.read(root / VALIDATION)
    questions, labels = (rows.strings(table, name) for name in ("text", "label"))
    if not questions:
        raise BadInput(str(VALIDATION), "at least one row", "none", "Give more rows, or a larger validation share.")
    measured = contestants.find(root, item)
    model = load(root / measured.folder, computing.threads, computing.device)
    record.rows_in, record.device = len(questions), model.device
    tests = _checks(root, params.checks, model.labels)
    actual = class_indices(labels, model.labels, item, VALIDATION)
    slicing = Slicing(params.slices, params.slice_rows, params.level, computing.seed)
    out_of_fold = _out_of_fold(root, item, measured)
    ask = answers.asker(model, params.batch_rows, measured.folder)
    held = _Answered(table, actual, ask(questions, "predicting validation rows"))
    record.rows_out = len(questions)

    _write_predictions(root, item, model.labels, held, params.level)
    costs = _costs(model, questions, params) | {"size_mb": speed.size_mb(root / measured.folder)}
    costs |= {"threads": computing.threads, "device": record.device}
    write_json(root / "costs/predict" / f"{item}.json", costs)
    measures = _write_measures(root, item, slicing, held, out_of_fold)
    rules = Rules.model_validate(read_json(root / _RULES))
    predicted = held.probabilities.argmax(axis=1)
    steady = robustness.measure(ask, questions, actual, predicted, rules, params.robustness_rows, computing.seed)
    write_json(root / "metrics/robustness" / f"{item}.json", steady)
    judged = [{"file": name} | checks.run(ask, some, model.labels, rules) for name, some in tests]
    write_json(root / "metrics/checks" / f"{item}.json", judged)
    log(
        f"{item}: accuracy {measures['accuracy']:.4f}, macro F1 {measures['macro_f1']:.4f} on {len(questions):,} rows, "
        f"{costs['latency_ms_p50']:.1f} ms a row"
    )
    for one in judged:
        log(f"{item}: {one['passed']:,} of {one['rows']:,} checks of {one['file']} passed")


def class_indices(labels: Sequence[str], classes: Sequence[str], candidate: str, file: Path) -> Ints:
    """The index of each row's label among the candidate's classes [rows].

    Args:
        file: that the rows are from.

    Raises:
        BadInput: if a label is none of them.
    """
    index = {name: number for number, name in enumerate(classes)}
    unknown = sorted(set(labels) - set(index))
    if unknown:
        found = ", ".join(map(repr, unknown[:5])) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        expected = f"only labels that candidate {candidate} was trained on"
        raise BadInput(str(file), expected, found, "Train the candidate on the same split: `regraft run`.")
    return np.array([index[label] for label in labels], dtype=np.int64)


def _write_predictions(root: Path, item: str, classes: Sequence[str], held: _Answered, level: float) -> None:
    """Writes the predictions of the validation rows, as a table and as plots, with intervals at this level."""
    ids, labels = (rows.strings(held.table, name) for name in ("id", "label"))
    made = predictions.build(ids, "validation", labels, classes, held.probabilities)
    with replacing(root / "predictions" / f"{item}.parquet") as unfinished:
        rows.write(unfinished, made)
    plots.write_confusion(root / "plots/confusion" / f"{item}.csv", labels, rows.strings(made, "predicted"))
    best, sure = held.probabilities.argmax(axis=1), held.probabilities.max(axis=1)
    counts = count(held.actual, best, len(classes))
    plots.write_per_class(root / "plots/per_class" / f"{item}.csv", classes, counts)
    plots.write_calibration(root / "plots/calibration" / f"{item}.csv", sure, best == held.actual, level)
    plots.write_risk_coverage(root / "plots/risk_coverage" / f"{item}.csv", sure, best == held.actual)


def _write_measures(
    root: Path, item: str, slicing: Slicing, held: _Answered, out_of_fold: _Answered | None
) -> dict[str, Any]:
    """Writes the measures of all rows and of slices; returns those of the validation rows."""
    metrics: dict[str, dict[str, Any]] = {}
    slices: dict[str, dict[str, Any]] = {}
    for name, some in (("validation", held), ("out_of_fold", out_of_fold)):
        if some is not None:
            metrics[name] = {"rows": len(some.actual)} | summary(some.actual, some.probabilities)
            predicted, classes = some.probabilities.argmax(axis=1), some.probabilities.shape[1]
            slices[name] = slicing.measure(some.table, some.actual, predicted, classes)
    write_json(root / "metrics" / f"{item}.json", metrics)
    write_json(root / "metrics/slices" / f"{item}.json", slices)
    return metrics["validation"]


def _checks(root: Path, declared: Sequence[str], classes: Sequence[str]) -> list[tuple[str, list[checks.Check]]]:
    """The checks of each declared file, by its name."""
    files = texts.linked(root, links.CHECKS, declared)
    return [(checks.title(file), checks.read(file, classes)) for file in files]


def _out_of_fold(root: Path, item: str, measured: Contestant) -> _Answered | None:
    """What was predicted out of fold; None without cross-validation."""
    file = measured.out_of_fold
    try:
        table = rows.read(root / file)
    except FileNotFoundError:
        fix = f"Run `regraft run {measured.maker}` first."
        raise BadInput(str(file), "out-of-fold predictions, or a table without rows", "no such file", fix) from None
    if not table.num_rows:
        return None
    probabilities = predictions.probabilities(table)
    answers.check(probabilities, file)
    actual = class_indices(rows.strings(table, "label"), predictions.classes(table), item, file)
    return _Answered(_train_rows(root, rows.strings(table, "id"), measured), actual, probabilities)


def _train_rows(root: Path, ids: Sequence[str], measured: Contestant) -> pa.Table:
    """The train rows of these ids, in their order."""
    train = rows.read(root / TRAIN)
    places = {name: place for place, name in enumerate(rows.strings(train, "id"))}
    unknown = [name for name in ids if name not in places]
    if unknown:
        fix = f"Run `regraft run {measured.maker}` first."
        raise BadInput(str(measured.out_of_fold), f"only rows of {TRAIN}", repr(unknown[0]), fix)
    return train.take(pa.array([places[name] for name in ids], pa.int64()))


def _costs(model: SavedModel, questions: Sequence[str], params: EvaluateParams) -> dict[str, float | int | str]:
    middle, slow = speed.latencies_ms(model.predict_proba, questions, params.latency_rows)
    batched = speed.latencies_ms(model.predict_proba, questions, params.latency_batches, params.latency_batch_rows)
    throughput = speed.rows_per_second(model.predict_proba, questions, params.batch_rows)
    return {
        "latency_ms_p50": middle,
        "latency_ms_p95": slow,
        "batch_latency_ms_p50": batched[0],
        "batch_latency_ms_p95": batched[1],
        "batch_rows": params.latency_batch_rows,
        "rows_per_second": throughput,
        # Of this process, on the host, which has loaded and asked the model and done little else so far.
        "predict_memory_mb": round(records.peak_memory_mb(), 1),
    }
