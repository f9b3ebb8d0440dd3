"""Stages `evaluate`, `evaluate_student`, `evaluate_ensemble`: one model, loaded afresh, measured on validation rows.

Where it was cross-validated, its out-of-fold predictions of the train rows are measured too.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from tasks import block, compute, contestants, predictions, rows
from tasks.contestants import Contestant
from tasks.errors import BadInput
from tasks.evaluate import plots, speed
from tasks.evaluate.params import EvaluateParams
from tasks.files import replacing, write_json
from tasks.model import SavedModel, load
from tasks.progress import Progress, log
from tasks.records import Record
from tasks.scores import Floats, Ints, count, summary

VALIDATION = Path("data/clean/validation.parquet")


def run(root: Path, item: str | None, record: Record) -> None:
    """Predicts the validation rows with one contestant; writes its predictions, measures, plots and costs.

    Raises:
        BadInput: if there are no validation rows or no table of out-of-fold predictions, a row has a label that the
            candidate does not know, or its probabilities are not usable.
    """
    if item is None:
        wanted = "the name of a candidate, a student or an ensemble"
        raise BadInput("evaluate", wanted, "none", "Run `python -m tasks evaluate NAME`.")
    params = block.read(root, "evaluate", EvaluateParams)
    computing = compute.read(root)
    table = rows.read(root / VALIDATION, ["id", "text", "label"])
    ids, texts, labels = (rows.strings(table, name) for name in ("id", "text", "label"))
    if not texts:
        raise BadInput(str(VALIDATION), "at least one row", "none", "Give more rows, or a larger validation share.")
    measured = contestants.find(root, item)
    model = load(root / measured.folder, computing.threads, computing.device)
    record.rows_in, record.device = len(texts), model.device
    actual = class_indices(labels, model.labels, item, VALIDATION)
    out_of_fold = _out_of_fold(root, item, measured)
    probabilities = _predicted(model, texts, params.batch_rows, measured.folder)
    record.rows_out = len(texts)

    measures = {"rows": len(texts)} | summary(actual, probabilities)
    made = predictions.build(ids, "validation", labels, model.labels, probabilities)
    counts = count(actual, probabilities.argmax(axis=1), len(model.labels))
    with replacing(root / "predictions" / f"{item}.parquet") as unfinished:
        rows.write(unfinished, made)
    plots.write_confusion(root / "plots/confusion" / f"{item}.csv", labels, rows.strings(made, "predicted"))
    plots.write_per_class(root / "plots/per_class" / f"{item}.csv", model.labels, counts)
    write_json(root / "metrics" / f"{item}.json", {"validation": measures} | out_of_fold)
    costs = _costs(model, texts, params) | {"size_mb": speed.size_mb(root / measured.folder)}
    costs |= {"threads": computing.threads, "device": record.device}
    write_json(root / "costs/predict" / f"{item}.json", costs)
    log(
        f"{item}: accuracy {measures['accuracy']:.4f}, macro F1 {measures['macro_f1']:.4f} on {len(texts):,} rows, "
        f"{costs['latency_ms_p50']:.1f} ms a row"
    )


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


def _predicted(model: SavedModel, texts: Sequence[str], batch_rows: int, folder: Path) -> Floats:
    progress = Progress("predicting validation rows", len(texts))
    parts = []
    for start in range(0, len(texts), batch_rows):
        report = partial(_advance, progress, start)
        parts.append(model.predict_proba(texts[start : start + batch_rows], report))
    probabilities = np.concatenate(parts)
    _check(probabilities, folder)
    return probabilities


def _out_of_fold(root: Path, item: str, measured: Contestant) -> dict[str, dict[str, float]]:
    """Measures of the out-of-fold predictions, by the key in `metrics/<item>.json`; none without cross-validation."""
    file = measured.out_of_fold
    try:
        table = rows.read(root / file)
    except FileNotFoundError:
        fix = f"Run `regraft run {measured.maker}` first."
        raise BadInput(str(file), "out-of-fold predictions, or a table without rows", "no such file", fix) from None
    if not table.num_rows:
        return {}
    probabilities = predictions.probabilities(table)
    _check(probabilities, file)
    actual = class_indices(rows.strings(table, "label"), predictions.classes(table), item, file)
    return {"out_of_fold": {"rows": table.num_rows} | summary(actual, probabilities)}


def _check(probabilities: Floats, where: Path) -> None:
    if not np.isfinite(probabilities).all() or (probabilities < 0).any():
        found = "some that are negative or no number"
        fix = "Its training diverged: lower the candidate's learning rate, then run again."
        raise BadInput(str(where), "probabilities", found, fix)


def _advance(progress: Progress, start: int, done: int) -> None:
    progress.update(start + done)


def _costs(model: SavedModel, texts: Sequence[str], params: EvaluateParams) -> dict[str, float | int | str]:
    middle, slow = speed.latencies_ms(model.predict_proba, texts, params.latency_rows)
    throughput = speed.rows_per_second(model.predict_proba, texts, params.batch_rows)
    return {"latency_ms_p50": middle, "latency_ms_p95": slow, "rows_per_second": throughput}
