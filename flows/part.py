"""A part of the output of batch scoring: a folder that appears whole or not at all.

It holds the answers for rows of one input, those of them from which the model abstains, what could not be read, and
what says so for the next run: `part.json` and the hash of every row.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from flows.output import Row, Writer, writing
from tasks.files import read_json, replacing, write_json
from tasks.ingest.raw import Item, RawRecord

NOTE, SEEN = "part.json", "seen.txt"
_DIGEST_BYTES = 16
_NAME = "{:06d}"


def digest(item: Item) -> bytes:
    """The same for rows of which all columns are the same, in whatever order; of an unreadable row for its content."""
    if isinstance(item, RawRecord):
        content = json.dumps(item.values, sort_keys=True, ensure_ascii=False, default=str)
    else:
        content = f"\0{item.kind}\0{item.content}"  # no row of JSON begins so
    return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()


def place(folder: Path, number: int) -> Path:
    """The folder of a part."""
    return folder / _NAME.format(number)


def numbers(folder: Path) -> list[int]:
    """The parts that are there, whole."""
    return sorted(int(path.parent.name) for path in folder.glob(f"[0-9]*/{NOTE}") if path.parent.name.isdigit())


def read(folder: Path, number: int) -> dict[str, Any]:
    """What a part says of itself (`part.json`)."""
    note: dict[str, Any] = read_json(place(folder, number) / NOTE)
    return note


def seen(folder: Path, number: int) -> Iterator[bytes]:
    """The hashes of a part's rows, those that could not be read among them."""
    with (place(folder, number) / SEEN).open(encoding="ascii") as file:
        for line in file:
            yield bytes.fromhex(line.strip())


class Part:
    """What is being written.

    Args:
        folder: where to; exists and is empty.
        ending: of the tables, such as `csv`; it says the format.
        files: what ends the files when the part is whole.
    """

    def __init__(self, folder: Path, ending: str, files: ExitStack) -> None:
        self._folder, self._ending, self._files = folder, ending, files
        self._writers: dict[str, Writer] = {}
        self._seen = files.enter_context((folder / SEEN).open("w", encoding="ascii"))
        self.labels: Counter[str] = Counter()
        self.rows = self.blank = self.abstained = self.rejected = 0

    def add(self, rows: Sequence[Row], answers: Sequence[Row], rejected: Sequence[Row]) -> None:
        """Takes some rows.

        Args:
            rows: with the answer among their columns.
            answers: the answer for each of them.
            rejected: what could not be read, with the reason.
        """
        aside = [row for row, answer in zip(rows, answers, strict=True) if answer.get("abstained")]
        self._write(f"rows.{self._ending}", rows)
        self._write(f"abstained.{self._ending}", aside)
        self._write("rejected.jsonl", rejected)
        said = [answer["predicted"] for answer in answers]
        self.labels.update(label for label in said if label is not None)
        self.rows += len(rows)
        self.blank += sum(label is None for label in said)
        self.abstained += len(aside)
        self.rejected += len(rejected)

    def see(self, digests: Sequence[bytes]) -> None:
        """Takes the hashes of those rows, and of what could not be read."""
        self._seen.writelines(f"{one.hex()}\n" for one in digests)

    def _write(self, name: str, rows: Sequence[Row]) -> None:
        if not rows:
            return
        if name not in self._writers:  # a table without rows is no file, as it would have no columns
            self._writers[name] = self._files.enter_context(writing(self._folder / name))
        self._writers[name].write(rows)


@contextmanager
def writing_part(folder: Path, number: int, ending: str, source: str, model: str) -> Iterator[Part]:
    """Yields a part to write; it appears when all is written.

    Args:
        folder: of all parts.
        source: the input whose rows they are.
        model: the name of what answers.
    """
    with replacing(place(folder, number)) as partial:
        partial.mkdir(parents=True)
        with ExitStack() as files:
            part = Part(partial, ending, files)
            yield part
        counts = {name: getattr(part, name) for name in ("rows", "blank", "abstained", "rejected")}
        labels = dict(sorted(part.labels.items()))
        write_json(partial / NOTE, {"source": source, "model": model, **counts, "labels": labels})
