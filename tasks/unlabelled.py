"""Texts without labels, gathered from the train rows and from files; none is the text of a validation or test row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks import rows, texts
from tasks.files import read_json
from tasks.progress import log
from tasks.rules import Rules

_FOLDER = Path("data/clean")


@dataclass(frozen=True)
class Gathered:
    """Texts in their order, no two of them alike.

    Attributes:
        own: of the train rows.
        others: of the files.
        counts: `train_rows`, `file_rows`, and how many of them together were left out: `empty`, `repeated`, and
            `kept_out` (equal to a validation or test text).
    """

    own: list[str]
    others: list[str]
    counts: dict[str, int]


def gather(root: Path, files: Sequence[Path]) -> Gathered:
    """Reads the texts of the train rows and of files without labels, which are cleaned as the rows were.

    Raises:
        BadInput: if a file cannot be read.
    """
    own = rows.strings(rows.read(root / _FOLDER / "train.parquet", ["text"]), "text")
    others = list(_cleaned(root, files))
    secret = {
        _plain(text)
        for split in ("validation", "test")
        for text in rows.strings(rows.read(root / _FOLDER / f"{split}.parquet", ["text"]), "text")
    }
    counts = {"train_rows": len(own), "file_rows": len(others), "empty": 0, "repeated": 0, "kept_out": 0}
    seen: set[str] = set()

    def keep(text: str) -> bool:
        plain = _plain(text)
        reason = "" if plain else "empty"
        reason = reason or ("kept_out" if plain in secret else "repeated" if plain in seen else "")
        if reason:
            counts[reason] += 1
        seen.add(plain)
        return not reason

    kept = Gathered([text for text in own if keep(text)], [text for text in others if keep(text)], counts)
    if counts["kept_out"]:
        log(f"{counts['kept_out']:,} texts are those of validation or test rows and are left out")
    return kept


def _cleaned(root: Path, files: Sequence[Path]) -> Iterator[str]:
    if files:
        rules = Rules.model_validate(read_json(root / _FOLDER / "rules.json"))
        for file in files:
            yield from map(rules.apply, texts.read(file))


def _plain(text: str) -> str:
    return " ".join(text.split())
