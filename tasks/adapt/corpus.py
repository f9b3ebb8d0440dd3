"""The texts that an encoder is adapted to; none of them is the text of a validation or test row, or nearly so."""

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks import rows
from tasks.adapt import texts
from tasks.errors import BadInput
from tasks.files import read_json
from tasks.near import NearIndex
from tasks.progress import Progress, log
from tasks.rules import Rules

_FOLDER = Path("data/clean")
_FEWEST = 4
# As the clean stage compares rows by default (clean.duplicates). A lower threshold would have many more pairs compared
# one by one, and 100,000 texts take hours in place of a minute or two.
_THRESHOLD, _SHINGLE = 0.85, 5


@dataclass(frozen=True)
class Corpus:
    """Texts, no two of them alike.

    Attributes:
        train: those that are trained on.
        held_out: those that tell the loss.
        counts: rows by where they came from and where they went, see `read`.
    """

    train: list[str]
    held_out: list[str]
    counts: dict[str, int]

    @property
    def digest(self) -> str:
        """SHA-256 of all texts in their order."""
        whole = hashlib.sha256()
        for text in [*self.train, "", *self.held_out]:
            whole.update(f"{len(text)}:{text}".encode("utf-8", "surrogatepass"))
        return whole.hexdigest()


def read(root: Path, files: Sequence[Path], held_out: float) -> Corpus:
    """Reads the texts of the train rows and of files without labels, which are cleaned as the rows were.

    Args:
        held_out: share of the texts that are held out. Those whose hash is the smallest are, so that they stay where
            they are when other texts come and go.

    Returns:
        Texts in their order, with the counts `train_rows`, `file_rows`, `empty`, `repeated`, `kept_out` (a validation
        or test text but for case, punctuation and white space, or in a file a near duplicate of one), `trained_on` and
        `held_out`; the first two together are the sum of the others.

    Raises:
        BadInput: if a file cannot be read, or too few texts are left.
    """
    own = rows.strings(rows.read(root / _FOLDER / "train.parquet", ["text"]), "text")
    others = list(_cleaned(root, files))
    secret = _Secret(root, near=bool(others))
    counts = {"train_rows": len(own), "file_rows": len(others), "empty": 0, "repeated": 0, "kept_out": 0}
    kept: dict[str, str] = {}
    progress = Progress("comparing with validation and test rows", len(own) + len(others), "texts")
    for number, text in enumerate([*own, *others]):
        progress.update(number + 1)
        spaced = " ".join(text.split())
        if not spaced:
            counts["empty"] += 1
        elif spaced in kept:
            counts["repeated"] += 1
        # Near duplicates among the rows themselves are the clean stage's matter.
        elif secret.holds(text) or (number >= len(own) and secret.holds_near(text)):
            counts["kept_out"] += 1
        else:
            kept[spaced] = text
    if counts["kept_out"]:
        log(f"{counts['kept_out']:,} texts are those of validation or test rows, or nearly so, and are left out")
    return _divide(list(kept.values()), held_out, counts)


def _cleaned(root: Path, files: Sequence[Path]) -> Iterator[str]:
    if files:
        rules = Rules.model_validate(read_json(root / _FOLDER / "rules.json"))
        for file in files:
            yield from map(rules.apply, texts.read(file))


class _Secret:
    """The texts of the validation and test rows.

    Args:
        near: whether near duplicates are to be found too.
    """

    def __init__(self, root: Path, *, near: bool) -> None:
        self._plain: set[str] = set()
        self._index = NearIndex(_THRESHOLD, _SHINGLE)
        for split in ("validation", "test"):
            for text in rows.strings(rows.read(root / _FOLDER / f"{split}.parquet", ["text"]), "text"):
                plain = _plain(text)
                if near and plain not in self._plain:
                    self._index.add(len(self._plain), self._index.sketch(plain))
                self._plain.add(plain)

    def holds(self, text: str) -> bool:
        """Whether a text is one of them, but for case, punctuation, white space and Unicode compatibility forms."""
        return _plain(text) in self._plain

    def holds_near(self, text: str) -> bool:
        """Whether a text is a near duplicate of one of them."""
        return bool(self._index.near(self._index.sketch(_plain(text))))


def _plain(text: str) -> str:
    """A text without all that a copy of it may differ in; only punctuation stays where there is nothing else."""
    spaceless = "".join(unicodedata.normalize("NFKC", text).casefold().split())
    return "".join(one for one in spaceless if not unicodedata.category(one).startswith("P")) or spaceless


def _divide(kept: list[str], held_out: float, counts: dict[str, int]) -> Corpus:
    if len(kept) < _FEWEST:
        fix = "Give more rows, or declare files of the domain in `texts` of the encoder."
        raise BadInput("the texts to adapt to", f"at least {_FEWEST}", f"{len(kept)}", fix)
    ranked = sorted(kept, key=lambda text: hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    held = set(ranked[: max(2, round(held_out * len(kept)))])
    train = [text for text in kept if text not in held]
    return Corpus(
        train, [text for text in kept if text in held], counts | {"trained_on": len(train), "held_out": len(held)}
    )
