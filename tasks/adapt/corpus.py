"""The texts that an encoder is adapted to; none of them is the text of a validation or test row, or nearly so."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks import unlabelled
from tasks.errors import BadInput

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
        Texts in their order, with the counts `train_rows`, `file_rows`, `empty`, `repeated`, `kept_out` (a validation
        or test text but for case, punctuation and white space, or in a file a near duplicate of one), `trained_on` and
        `held_out`; the first two together are the sum of the others.

    Raises:
        BadInput: if a file cannot be read, or too few texts are left.
    """
    found = unlabelled.gather(root, files)
    return _divide([*found.own, *found.others], held_out, found.counts)


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
