"""The texts that an encoder is adapted to; none of them is the text of a validation or test row."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks import rows
from tasks.adapt import texts
from tasks.errors import BadInput
from tasks.files import read_json
from tasks.progress import log
from tasks.rules import Rules

_FOLDER = Path("data/clean")
_FEWEST = 4


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
        Texts in their order, with the counts `train_rows`, `file_rows`, `empty`, `repeated`, `kept_out` (equal to a
        validation or test text), `trained_on` and `held_out`; the first two together are the sum of the others.

    Raises:
        BadInput: if a file cannot be read, or too few texts are left.
    """
    own = rows.strings(rows.read(root / _FOLDER / "train.parquet", ["text"]), "text")
    others = list(_cleaned(root, files))
    secret = {
        _plain(text)
        for split in ("validation", "test")
        for text in rows.strings(rows.read(root / _FOLDER / f"{split}.parquet", ["text"]), "text")
    }
    counts = {"train_rows": len(own), "file_rows": len(others), "empty": 0, "repeated": 0, "kept_out": 0}
    kept: dict[str, str] = {}
    for text in [*own, *others]:
        plain = _plain(text)
        reason = "" if plain else "empty"
        reason = reason or ("kept_out" if plain in secret else "repeated" if plain in kept else "")
        if reason:
            counts[reason] += 1
        else:
            kept[plain] = text
    if counts["kept_out"]:
        log(f"{counts['kept_out']:,} texts are those of validation or test rows and are left out")
    return _divide(list(kept.values()), held_out, counts)


def _cleaned(root: Path, files: Sequence[Path]) -> Iterator[str]:
    if files:
        rules = Rules.model_validate(read_json(root / _FOLDER / "rules.json"))
        for file in files:
            yield from map(rules.apply, texts.read(file))


def _plain(text: str) -> str:
    return " ".join(text.split())


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
