"""Batch scoring: the rows of new files that have no answer yet, answered part by part; memory does not grow."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from flows import champion, due
from flows import part as parts
from flows.due import Due
from flows.part import Part, writing_part
from flows.score import Scorer, answer, in_use, read_options, with_answer
from flows.scored import Scored
from tasks.errors import BadInput
from tasks.files import read_json, sha256
from tasks.ingest.params import IngestParams
from tasks.ingest.places import Place
from tasks.ingest.raw import Item, RawRecord, Rejection
from tasks.ingest.readers import Reading
from tasks.retraining.schedule_params import ScoreTiming

MODEL = "model"
"""The column that says which model has answered."""
_CARD = "README.md"  # tells of the selection, and so changes while the model does not
_CHUNK = 1024  # rows; memory holds one chunk at a time


@dataclass
class Batch:
    """One run of batch scoring.

    Attributes:
        root: the workspace.
        timing: what to read and where to write.
        ingest: how files are read, where their names do not tell.
        scored: what has an answer already.
        rescore: whether only answers of the present model count.
    """

    root: Path
    timing: ScoreTiming
    ingest: IngestParams
    scored: Scored
    rescore: bool

    @cached_property
    def folder(self) -> Path:
        """Of the parts."""
        return self.root / self.timing.output

    @cached_property
    def _used(self) -> Path:
        """Where the model lies that answers in this run, even if another one is promoted meanwhile."""
        return (self.root / in_use(self.root)).resolve()

    @cached_property
    def scorer(self) -> Scorer:
        """The model; it is loaded when the first row wants it.

        Raises:
            BadInput: if there is none.
        """
        return Scorer(self.root, self._used)

    @cached_property
    def model(self) -> str:
        """The name of the model: its version, or what its files hash to as long as it has none."""
        return model_name(self._used)

    @property
    def _only(self) -> str | None:
        return self.model if self.rescore else None

    def due(self, inputs: Sequence[str]) -> Due:
        """The files of `inputs` that have to be read."""
        return due.look(
            inputs,
            self.root,
            self.folder,
            self.timing.settle_seconds,
            lambda name, stamp: self.scored.unchanged(name, stamp, self._only),
        )

    def score(self, place: Place) -> int:
        """Writes the answers for the rows of a file that have none yet; returns how many rows these are.

        A file that has been moved away since it was found has none.

        Raises:
            BadInput: if the file cannot be read, there is no model, or rows do not fit the format of the output.
            TransientError: if the device or a remote place failed in a way that may pass.
        """
        try:
            stamp = due.stamp(place)  # before it is read: what comes in meanwhile is for the next run
        except FileNotFoundError:
            return 0
        self.scored.begin()
        items = self._new(place)
        rows = 0
        while first := list(islice(items, min(_CHUNK, self.timing.part_rows))):
            rows += self._part(place, first, items)
        if stamp is not None:
            # Only if all rows were asked for has this model answered all; else earlier ones may have answered some.
            self.scored.finished(place.name, stamp, self.model if self.rescore else "")
        return rows

    def _new(self, place: Place) -> Iterator[tuple[Item, bytes]]:
        try:
            for item in Reading(place, read_options(place.path, self.ingest), self.root):
                digest = parts.digest(item)
                if self.scored.is_new(place.name, digest, self._only):
                    yield item, digest
        except BadInput as error:
            if (
                error.expected != "rows"
            ):  # an empty file, or a header alone, is nothing bad where files come by themselves
                raise

    def _part(self, place: Place, first: list[tuple[Item, bytes]], rest: Iterator[tuple[Item, bytes]]) -> int:
        number, taken, chunk = self.scored.next_number(), 0, first
        with writing_part(self.folder, number, self.timing.format, place.name, self.model) as part:
            while chunk:
                self._add(part, chunk)
                taken += len(chunk)
                chunk = list(islice(rest, min(_CHUNK, self.timing.part_rows - taken)))
        self.scored.add(number)
        return part.rows

    def _add(self, part: Part, chunk: Sequence[tuple[Item, bytes]]) -> None:
        rows = [item.values for item, _ in chunk if isinstance(item, RawRecord)]
        rejected = [asdict(item) for item, _ in chunk if isinstance(item, Rejection)]
        results = self.scorer.score([row.get(self.ingest.columns.text) for row in rows]) if rows else []
        answers = [{**answer(self.scorer.thresholds, *result), MODEL: self.model} for result in results]
        part.add([with_answer(row, one) for row, one in zip(rows, answers, strict=True)], answers, rejected)
        part.see([digest for _, digest in chunk])


def model_name(folder: Path) -> str:
    """The version of the champion; of a model that was only selected, what its files hash to.

    Args:
        folder: of the model.
    """
    note = folder / champion.NOTE
    if note.is_file():
        return str(read_json(note)["version"])
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _CARD)
    listed = "".join(f"{path.relative_to(folder).as_posix()} {sha256(path)}\n" for path in files)
    return f"selected-{hashlib.sha256(listed.encode()).hexdigest()[:12]}"
