"""`regraft score`: streams texts through the selected model."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from flows.output import Row, Writer, writing
from tasks import block, compute, model
from tasks.errors import BadInput
from tasks.files import read_json
from tasks.ingest.params import IngestParams
from tasks.ingest.places import FORMATS
from tasks.ingest.raw import RawRecord, Rejection
from tasks.ingest.readers import ReadOptions, read_records
from tasks.rules import Rules

MODEL = Path("models/selected")
CLEANING = "cleaning.json"
_CHUNK = 1024  # rows; memory holds one chunk at a time


class Scorer:
    """The selected model with all that stands between a raw text and its prediction.

    Args:
        root: the workspace.

    Raises:
        BadInput: if no model was selected yet.
    """

    def __init__(self, root: Path) -> None:
        resources = compute.read(root)
        self._model = model.load(root / MODEL, resources.threads, resources.device)
        self._rules = Rules.model_validate(read_json(root / MODEL / CLEANING))

    def score(self, texts: list[Any]) -> list[tuple[str | None, float | None]]:
        """Label and confidence of each text, None for what holds no text."""
        cleaned = [self._rules.apply(text) if isinstance(text, str) else "" for text in texts]
        usable = [number for number, text in enumerate(cleaned) if text.strip()]
        results: list[tuple[str | None, float | None]] = [(None, None)] * len(texts)
        probabilities = self._model.predict_proba([cleaned[number] for number in usable])
        for number, row in zip(usable, probabilities, strict=True):
            best = int(row.argmax())
            results[number] = (self._model.labels[best], float(row[best]))
        return results


def score(root: Path, source: str, target: Path) -> None:
    """Writes the rows of `source` with two more columns, `predicted` and `confidence`.

    Rows without text keep their place, without a label. What cannot be read as a row goes to
    `<target>.rejected.jsonl` with the reason. Columns of the input that bear those names keep them; ours then
    end in `_2`.

    Args:
        root: the workspace with `models/selected/`.
        source: anything that ingest reads.
        target: the file to write; its ending says the format.

    Raises:
        BadInput: if there is no model, the source cannot be read, or the rows do not fit the target's format.
    """
    ingest = block.read(root, "ingest", IngestParams)
    column = ingest.columns.text
    scorer = Scorer(root)
    records = read_records(source, _options(source, ingest), root)
    columns = (SpinnerColumn(), TextColumn("scoring"), MofNCompleteColumn(), TextColumn("rows"), TimeElapsedColumn())
    rejected: list[Rejection] = []
    with Progress(*columns, transient=True) as progress, writing(target) as writer:
        task = progress.add_task("scoring", total=None)
        counts = _score_all(
            scorer, records, column, writer, rejected, lambda done: progress.update(task, completed=done)
        )
    print(_summary(target, *counts, _write_rejected(target, rejected)))


def _options(source: str, ingest: IngestParams) -> ReadOptions:
    """How to read the input: by its name where that tells the format, else as the training data is read."""
    needs = (ingest.columns.text,)
    if ingest.format == "auto" or not FORMATS.keys().isdisjoint(Path(source).suffixes):
        return ReadOptions(needs=needs)
    return ReadOptions(ingest.format, ingest.encoding, ingest.delimiter, pattern=ingest.pattern, needs=needs)


def _score_all(
    scorer: Scorer, records: Iterator[Any], column: str, writer: Writer, rejected: list[Rejection], report: Any
) -> tuple[int, int]:
    """Scores chunk by chunk; returns rows written and rows without text."""
    written = blank = 0
    while chunk := list(islice(records, _CHUNK)):
        rejected += [item for item in chunk if isinstance(item, Rejection)]
        rows = [item.values for item in chunk if isinstance(item, RawRecord)]
        results = scorer.score([row.get(column) for row in rows])
        if rows:
            writer.write([_with_result(row, *result) for row, result in zip(rows, results, strict=True)])
        written += len(rows)
        blank += sum(label is None for label, _ in results)
        report(written)
    if not written:
        raise BadInput("the input", "rows to score", "none that could be read", "Look at its first lines.")
    return written, blank


def _with_result(row: Row, label: str | None, confidence: float | None) -> Row:
    names = [name if name not in row else f"{name}_2" for name in ("predicted", "confidence")]
    return {**row, names[0]: label, names[1]: confidence}


def _write_rejected(target: Path, rejected: list[Rejection]) -> Path | None:
    if not rejected:
        return None
    path = target.with_name(f"{target.name}.rejected.jsonl")
    with writing(path) as writer:
        fields = ("source", "row", "line", "reason", "content")
        writer.write([{name: getattr(item, name) for name in fields} for item in rejected])
    return path


def _summary(target: Path, written: int, blank: int, rejected: Path | None) -> str:
    parts = [f"{written:,} rows scored into {target}"]
    if blank:
        parts.append(f"{blank:,} of them have no text and so no label")
    if rejected:
        parts.append(f"what could not be read is in {rejected}")
    return "; ".join(parts) + "."
