"""Texts without labels, of the train rows and of files; none is the text of a validation or test row, or nearly so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks import rows, texts
from tasks.files import read_json
from tasks.near import NearIndex
from tasks.plain_form import plain_form
from tasks.progress import Progress, log
from tasks.rules import Rules

_FOLDER = Path("data/clean")
# As the clean stage compares rows by default (clean.duplicates). A lower threshold would have many more pairs compared
# one by one, and 100,000 texts would take hours in place of minutes.
_THRESHOLD, _SHINGLE = 0.85, 5


@dataclass(frozen=True)
class Gathered:
    """Texts in their order, no two of them alike.

    Attributes:
        own: of the train rows.
        others: of the files.
        counts: `train_rows`, `file_rows`, and how many of them together were left out: `empty`, `repeated`, and
            `kept_out` (a validation or test text but for case, punctuation and white space, or in a file a near
            duplicate of one).
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
    held = [
        text
        for split in ("validation", "test")
        for text in rows.strings(rows.read(root / _FOLDER / f"{split}.parquet", ["text"]), "text")
    ]
    secret = Secret(held, near=bool(others))
    counts = {"train_rows": len(own), "file_rows": len(others), "empty": 0, "repeated": 0, "kept_out": 0}
    seen: set[str] = set()
    kept = Gathered([], [], counts)
    progress = Progress("comparing with validation and test rows", len(own) + len(others), "texts")
    for number, text in enumerate([*own, *others]):
        progress.update(number + 1)
        spaced, from_file = " ".join(text.split()), number >= len(own)
        if not spaced:
            counts["empty"] += 1
        elif spaced in seen:
            counts["repeated"] += 1
        # Near duplicates among the rows themselves are the clean stage's matter.
        elif secret.holds(text) or (from_file and secret.holds_near(text)):
            counts["kept_out"] += 1
        else:
            seen.add(spaced)
            (kept.others if from_file else kept.own).append(text)
    if counts["kept_out"]:
        log(f"{counts['kept_out']:,} texts are those of validation or test rows, or nearly so, and are left out")
    return kept


class Secret:
    """Texts that nobody may learn from, as of the validation and test rows.

    Args:
        near: whether near duplicates are to be found too.
    """

    def __init__(self, held: Sequence[str], *, near: bool) -> None:
        self._plain: set[str] = set()
        self._index = NearIndex(_THRESHOLD, _SHINGLE)
        for text in held:
            plain = plain_form(text)
            if near and plain not in self._plain:
                self._index.add(len(self._plain), self._index.sketch(plain))
            self._plain.add(plain)

    def holds(self, text: str) -> bool:
        """Whether a text is one of them, but for case, punctuation, white space and Unicode compatibility forms."""
        return plain_form(text) in self._plain

    def holds_near(self, text: str) -> bool:
        """Whether a text is a near duplicate of one of them."""
        return bool(self._index.near(self._index.sketch(plain_form(text))))


def _cleaned(root: Path, files: Sequence[Path]) -> Iterator[str]:
    if files:
        rules = Rules.model_validate(read_json(root / _FOLDER / "rules.json"))
        for file in files:
            yield from map(rules.apply, texts.read(file))
