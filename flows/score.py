"""`regraft score`: streams texts through the champion, or the selected model as long as there is none."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from flows.output import Row, Writer, writing
from tasks import block, compute, model, thresholds
from tasks.errors import BadInput
from tasks.files import read_json
from tasks.ingest.params import IngestParams
from tasks.ingest.places import FORMATS
from tasks.ingest.raw import RawRecord, Rejection
from tasks.ingest.readers import ReadOptions, read_records
from tasks.rules import Rules
from tasks.thresholds import Cutoff, Thresholds

CHAMPION, SELECTED = Path("models/champion"), Path("models/selected")
CLEANING = "cleaning.json"
_CHUNK = 1024  # rows; memory holds one chunk at a time
_NAMED = 5  # classes that the summary names


def in_use(root: Path) -> Path:
    """The folder of the model that answers: the champion, or the selected one as long as there is no champion."""
    return CHAMPION if (root / CHAMPION / model.CARD).is_file() else SELECTED


class Scorer:
    """The model in use with all that stands between a raw text and its prediction.

    Args:
        root: the workspace.
        folder: of the model; none: of the one in use.

    Attributes:
        thresholds: below which the model abstains; None if it has none.
        cutoff: from which on it answers with one of two classes; None without.

    Raises:
        BadInput: if no model was selected yet.
    """

    def __init__(self, root: Path, folder: Path | None = None) -> None:
        resources = compute.read(root)
        # Where the link leads now: a promotion meanwhile must not mix two models.
        folder = (folder or root / in_use(root)).resolve()
        self._model = model.load(folder, resources.threads, resources.device)
        self._rules = Rules.model_validate(read_json(folder / CLEANING))
        asked = thresholds.read(folder)
        self.thresholds = asked if isinstance(asked, Thresholds) else None
        self.cutoff = asked if isinstance(asked, Cutoff) else None

    def score(self, texts: list[Any]) -> list[tuple[str | None, float | None]]:
        """Label of each text and its probability, None for what holds no text."""
        cleaned = [self._rules.apply(text) if isinstance(text, str) else "" for text in texts]
        usable = [number for number, text in enumerate(cleaned) if text.strip()]
        results: list[tuple[str | None, float | None]] = [(None, None)] * len(texts)
        labels, probabilities = self._model.labels, self._model.predict_proba([cleaned[number] for number in usable])
        chosen = probabilities.argmax(axis=1) if self.cutoff is None else self.cutoff.chosen(labels, probabilities)
        for number, best, row in zip(usable, chosen.tolist(), probabilities, strict=True):
            results[number] = (labels[best], float(row[best]))
        return results


def score(root: Path, source: str, target: Path) -> None:
    """Writes the rows of `source` with two more columns, `predicted` and `confidence`.

    Where the model has thresholds for abstaining, there is a third, `abstained`; `predicted` is filled all the same.
    Where it has a threshold for one of two classes, `predicted` is what that says.
    Rows without text keep their place, without a label. What cannot be read as a row goes to
    `<target>.rejected.jsonl` with the reason. Columns of the input that bear those names keep them; ours then
    end in `_2`.

    Args:
        root: the workspace with `models/champion/` or `models/selected/`.
        source: anything that ingest reads.
        target: the file to write; its ending says the format.

    Raises:
        BadInput: if there is no model, the source cannot be read, or the rows do not fit the target's format.
    """
    ingest = block.read(root, "ingest", IngestParams)
    column = ingest.columns.text
    scorer = Scorer(root)
    if Path(source).exists():  # a path is taken from where the user stands; everything else as in ingest.sources
        source = str(Path(source).resolve())
    records = read_records(source, read_options(source, ingest), root)
    columns = (SpinnerColumn(), TextColumn("scoring"), MofNCompleteColumn(), TextColumn("rows"), TimeElapsedColumn())
    aside = target.with_name(f"{target.name}.rejected.jsonl")
    with Progress(*columns, transient=True) as progress, writing(target) as writer, writing(aside) as rejected:
        task = progress.add_task("scoring", total=None)
        counts = _score_all(
            scorer, records, column, writer, rejected, lambda done: progress.update(task, completed=done)
        )
    if not counts.rejected:
        aside.unlink()
    print(_summary(root, target, counts, aside))
    if scorer.thresholds is not None:
        print(_abstained(scorer.thresholds, counts))
    if scorer.cutoff is not None:
        print(_cut(scorer.cutoff))


def read_options(source: str, ingest: IngestParams) -> ReadOptions:
    """How to read the input: by its name where that tells the format, else as the training data is read."""
    needs = (ingest.columns.text,)
    told = not FORMATS.keys().isdisjoint(Path(source).suffixes)
    return ReadOptions(
        format="auto" if told else ingest.format,
        encoding=ingest.encoding,
        delimiter=ingest.delimiter,
        quote=ingest.quote,
        header=None if ingest.header is None else tuple(ingest.header),
        pattern=ingest.pattern,
        needs=needs,
    )


@dataclass
class _Counts:
    written: int = 0
    blank: int = 0
    rejected: int = 0
    abstained: Counter[str] = field(default_factory=Counter)


def _score_all(
    scorer: Scorer, records: Iterator[Any], column: str, writer: Writer, rejected: Writer, report: Any
) -> _Counts:
    """Scores chunk by chunk."""
    counts = _Counts()
    while chunk := list(islice(records, _CHUNK)):
        bad = [asdict(item) for item in chunk if isinstance(item, Rejection)]
        rejected.write(bad)
        rows = [item.values for item in chunk if isinstance(item, RawRecord)]
        results = scorer.score([row.get(column) for row in rows])
        if rows:
            found = [answer(scorer.thresholds, *result) for result in results]
            writer.write([with_answer(row, result) for row, result in zip(rows, found, strict=True)])
            counts.abstained.update(result["predicted"] for result in found if result.get("abstained"))
        counts.written += len(rows)
        counts.rejected += len(bad)
        counts.blank += sum(label is None for label, _ in results)
        report(counts.written)
    if not counts.written:
        raise BadInput("the input", "rows to score", "none that could be read", "Look at its first lines.")
    return counts


def answer(found: Thresholds | None, label: str | None, confidence: float | None) -> Row:
    """The columns that are added to a row."""
    result: Row = {"predicted": label, "confidence": confidence}
    if found is not None:
        result["abstained"] = None if label is None or confidence is None else found.abstains(label, confidence)
    return result


def with_answer(row: Row, result: Row) -> Row:
    """A row with the columns of `answer` after its own; one whose name is taken ends in `_2`."""
    return {**row, **{name if name not in row else f"{name}_2": value for name, value in result.items()}}


def _abstained(found: Thresholds, counts: _Counts) -> str:
    """From how many rows the model abstains, and what it would have said of them."""
    if not found.reached:
        return (
            f"No row is marked in the column `abstained`: no threshold was shown to make {found.precision:.3g} of the "
            "answers right (reports/report.html says what can be reached)."
        )
    number = counts.abstained.total()
    told = f"It abstains from {number:,} of them (`abstained` is true there)"
    if not number:
        return f"{told}."
    most = [f"{label} ({count:,})" for label, count in counts.abstained.most_common(_NAMED)]
    rest = len(counts.abstained) - len(most)
    return f"{told}, where it would say {', '.join(most)}{f' and {rest} other classes' if rest else ''}."


def _cut(found: Cutoff) -> str:
    """From which threshold on the model answers with one of its two classes."""
    if found.cutoff is None:
        return (
            f"`{found.label}` has no threshold, as none was shown to reach what was asked for (reports/report.html): "
            "the more probable class is predicted."
        )
    return (
        f"`{found.label}` is predicted where its probability is {found.cutoff:.4f} or more, `{found.other}` elsewhere."
    )


def _summary(root: Path, target: Path, counts: _Counts, aside: Path) -> str:
    parts = [f"{counts.written:,} rows scored by {in_use(root)} into {target}"]
    if counts.blank:
        parts.append(f"{counts.blank:,} of them have no text and so no label")
    if counts.rejected:
        parts.append(f"{counts.rejected:,} that could not be read are in {aside}")
    return "; ".join(parts) + "."
