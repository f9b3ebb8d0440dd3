"""Which rows a model has learned from, as hashes of their texts, in a file that travels with it.

Nobody can read the texts from them, but whoever has a text can ask whether it is among them. Of n texts that are not,
one is taken for one of m with a probability of n * m / 2^64, which is next to nothing.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tasks import model_file, rows
from tasks.plain_form import plain_form

FILE = "learned_rows.npy"
EARLIER = "earlier_rows.npy"
"""In the folder of a model that started from an earlier one: what that one has learned from."""
UNKNOWN = "earlier_rows_unknown.txt"
"""In the folder of a model that started from one that does not tell, or not all."""
Hashes = npt.NDArray[np.uint64]

_FOLDER = Path("data/clean")
_LEARNED = ("train", "validation")  # the second tells when to stop, and which candidate is the best
_TYPE = "<u8"  # the same bytes on every machine


def of_workspace(root: Path) -> Hashes:
    """The hashes of the rows that models of this workspace learn from, sorted, each once."""
    texts = (rows.strings(rows.read(root / _FOLDER / f"{split}.parquet", ["text"]), "text") for split in _LEARNED)
    return np.unique(hashes(text for some in texts for text in some))


def hashes(texts: Iterable[str]) -> Hashes:
    """A number of 64 bits for each text, the same for copies that differ in case, punctuation or white space alone.

    It is the first 64 bits of the SHA-256 of the text's plain form in UTF-8.
    """
    return np.array([_hash(text) for text in texts], dtype=np.uint64)


def of_earlier(folder: Path) -> Hashes:
    """The hashes of what the earlier models have learned from that a model, or a member of it, started from; sorted.

    There are none if it did not, or started from one that does not tell (`is_earlier_unknown`).

    Raises:
        BadInput: if a file is not what `write` wrote.
    """
    found = [read(path.parent, EARLIER) for path in sorted(folder.rglob(EARLIER))]
    return np.unique(np.concatenate([np.empty(0, np.uint64), *(some for some in found if some is not None)]))


def is_earlier_unknown(folder: Path) -> bool:
    """Whether a model, or a member of it, started from one that does not tell all that it has learned from."""
    return any(folder.rglob(UNKNOWN))


def pass_on(made_of: Path, folder: Path) -> None:
    """Writes into a model's folder what those have learned from that another one started from.

    What is made of a model, such as a smaller form or a student that it taught, knows of those rows too.

    Args:
        made_of: the folder of the other one.
        folder: of the model, which may have earlier rows of its own.
    """
    known = np.union1d(of_earlier(made_of), of_earlier(folder))
    if len(known):
        write(folder, known, EARLIER)
    if is_earlier_unknown(made_of):
        write_unknown(folder)


def write_unknown(folder: Path) -> None:
    """Notes in a model's folder that it started from one that does not tell all that it has learned from."""
    told = f"It started from an earlier model that does not tell all that it has learned from: there was no {FILE}.\n"
    (folder / UNKNOWN).write_text(told, encoding="utf-8")


def write(folder: Path, learned: Hashes, name: str = FILE) -> None:
    """Writes the file into a model's folder: eight bytes a row."""
    np.save(folder / name, learned.astype(_TYPE), allow_pickle=False)


def read(folder: Path, name: str = FILE) -> Hashes | None:
    """The hashes of the rows that a model has learned from, sorted; None if its folder does not tell.

    Raises:
        BadInput: if the file is not what `write` wrote.
    """
    return model_file.read(folder / name, "a list of hashes that Regraft wrote", _parse)


def _parse(path: Path) -> Hashes:
    try:
        found = np.load(path, allow_pickle=False)
    except (ValueError, EOFError):
        raise ValueError("something else") from None
    if found.dtype != np.dtype(_TYPE) or found.ndim != 1:
        raise ValueError(f"{found.dtype} [{', '.join(map(str, found.shape))}]")
    return np.sort(found.astype(np.uint64))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(plain_form(text).encode()).digest()[:8], "big")
