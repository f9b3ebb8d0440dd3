"""A feature set on disk: what models read, as arrays that can be memory-mapped, with a manifest.

`data/features/<name>/` holds, for the splits `train` and `validation`, and for `copies`, the altered copies of train
rows of a feature set that is augmented,

- `<split>.rows.parquet`: id and label of each row, in the order of the arrays; of each copy its `origin`, the number of
  the train row that it was made of, with that row's id and label, and its text and the `way` it was altered;
- form `sparse`: `<split>.{data,indices,indptr}.npy`, a sparse matrix [rows, terms];
- form `dense`: `<split>.npy`, float32 [rows, dimensions];
- forms `tokens` and `words`: `<split>.ids.npy`, int32, all rows' ids end to end, and `<split>.offsets.npy`,
  int64 [rows + 1];

what turns a text into them: `vectorizer.skops`, a pipeline of scikit-learn from texts to the matrix (kinds `tfidf` and
`word_vectors`); `encoder/`, the network (kinds `encoder` and `tokens`); or `tokenizer.json`, of the library tokenizers,
and `vectors.npy`, float32 [words, dimensions], the vector of each id (kind `words`; id 0 pads, id 1 is any other word);

and `manifest.json`, written last: kind, form, parameters, shapes, and the SHA-256 of every other file.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from tasks import rows
from tasks.errors import BadInput
from tasks.files import read_json, sha256, write_json

MANIFEST = "manifest.json"
SPLITS = ("train", "validation")
COPIES = "copies"
LABEL_NAME = "label_names"
"""The way of a copy that is not one, but the name of its class."""
Indices = npt.NDArray[np.int64]
Sparse = Any  # scipy.sparse.csr_matrix, which has no type stubs
Form = Literal["sparse", "dense", "tokens", "words"]
"""What a model sees of a feature set: a sparse or a dense matrix, or lists of ids of tokens or of words."""


@dataclass(frozen=True)
class FeatureSet:
    """A feature set that is there, whole.

    Rows of a split are known by their numbers. Of the split `train`, `matrix` and `ids` also give the copies, numbered
    behind the train rows; `row_ids` and `labels` give the train rows alone, which are all that is divided into folds,
    predicted and counted. `with_copies` adds their copies to some train rows.
    """

    folder: Path
    manifest: dict[str, Any]

    @property
    def kind(self) -> str:
        """The word in the parameter `kind`."""
        return str(self.manifest["kind"])

    @property
    def form(self) -> Form:
        """What a model sees of it."""
        form: Form = self.manifest["form"]
        return form

    @property
    def encoder(self) -> Path:
        """The folder of the network that made the vectors, or that reads the ids."""
        return self.folder / "encoder"

    def row_ids(self, split: str) -> list[str]:
        """The id of each row of a split."""
        return [str(name) for name in rows.read(self.folder / f"{split}.rows.parquet", ["id"])["id"].to_pylist()]

    def labels(self, split: str) -> npt.NDArray[np.str_]:
        """The label of each row of a split."""
        return np.asarray(rows.read(self.folder / f"{split}.rows.parquet", ["label"])["label"].to_pylist(), dtype=str)

    @property
    def copies(self) -> int:
        """How many altered copies of train rows there are."""
        return int(self.manifest.get("copies", 0))

    def with_copies(self, shown: Indices) -> tuple[Indices, Indices]:
        """What a model learns from that is shown some train rows: these rows, and then all copies of them.

        Args:
            shown: numbers of train rows; of a row that stands there twice, so do its copies.

        Returns:
            The numbers of rows and copies, and for each of them a place in `shown`: a row's own, and for a copy that of
            the row that it was made of.
        """
        shown, places = np.asarray(shown, dtype=np.int64), np.arange(len(shown))
        if not self.copies:
            return shown, places
        origins = self._origins
        first, last = np.searchsorted(origins, shown, "left"), np.searchsorted(origins, shown, "right")
        own = [np.arange(start, end) for start, end in zip(first, last, strict=True)]
        copies = np.concatenate([*own, np.empty(0, dtype=np.int64)]) + int(self.manifest["rows"]["train"])
        return np.concatenate([shown, copies]), np.concatenate([places, np.repeat(places, last - first)])

    def labels_with_copies(self) -> npt.NDArray[np.str_]:
        """The label of each train row, and then of each copy: that of the row it was made of."""
        labels = self.labels("train")
        return np.concatenate([labels, labels[self._origins]]) if self.copies else labels

    def are_names(self, shown: Indices) -> npt.NDArray[np.bool_]:
        """Which of these train rows, or copies of them, are names of classes, which say nothing of the row."""
        if not self.copies:
            return np.zeros(len(shown), dtype=bool)
        ways = rows.strings(rows.read(self.folder / f"{COPIES}.rows.parquet", ["way"]), "way")
        named = [False] * int(self.manifest["rows"]["train"]) + [way == LABEL_NAME for way in ways]
        return np.array(named)[shown]

    @property
    def _origins(self) -> Indices:
        """The train row that each copy was made of, rising."""
        table = rows.read(self.folder / f"{COPIES}.rows.parquet", ["origin"])
        return np.asarray(table["origin"].to_numpy(), dtype=np.int64)

    @property
    def vectorizer(self) -> Path:
        """The file of the pipeline from texts to the matrix."""
        return self.folder / "vectorizer.skops"

    @property
    def tokenizer(self) -> Path:
        """The file of what turns a text into word ids."""
        return self.folder / "tokenizer.json"

    def word_vectors(self) -> npt.NDArray[np.float32]:
        """The vector of each word id, float32 [words, dimensions], memory-mapped."""
        vectors: npt.NDArray[np.float32] = np.load(self.folder / "vectors.npy", mmap_mode="r")
        return vectors

    def matrix(self, split: str) -> Any:
        """The matrix [rows, features], sparse or dense as its form says; memory-mapped, but where there are copies."""
        read, stack = (self._sparse, sp.vstack) if self.form == "sparse" else (self._dense, np.concatenate)
        if split == "train" and self.copies:
            return stack([read("train"), read(COPIES)])
        return read(split)

    def _sparse(self, split: str) -> Sparse:
        parts = [np.load(self.folder / f"{split}.{part}.npy", mmap_mode="r") for part in ("data", "indices", "indptr")]
        return sp.csr_matrix(tuple(parts), shape=(len(parts[2]) - 1, self.manifest["dimensions"]), copy=False)

    def _dense(self, split: str) -> npt.NDArray[np.float32]:
        vectors: npt.NDArray[np.float32] = np.load(self.folder / f"{split}.npy", mmap_mode="r")
        return vectors

    def ids(self, split: str) -> list[list[int]]:
        """The ids of each row's tokens or words."""
        if split == "train" and self.copies:
            return self._ids("train") + self._ids(COPIES)
        return self._ids(split)

    def _ids(self, split: str) -> list[list[int]]:
        flat = np.load(self.folder / f"{split}.ids.npy", mmap_mode="r")
        offsets = np.load(self.folder / f"{split}.offsets.npy")
        return [flat[start:end].tolist() for start, end in pairwise(offsets)]


def load(folder: Path) -> FeatureSet:
    """Opens a feature set.

    Raises:
        BadInput: if it is not there, or was not finished.
    """
    try:
        return FeatureSet(folder, read_json(folder / MANIFEST))
    except FileNotFoundError:
        raise BadInput(str(folder), "a feature set", "none", "Run `regraft run embed` first.") from None


def write_rows(folder: Path, split: str, table: pa.Table) -> None:
    """Writes id and label of the rows of a split."""
    rows.write(folder / f"{split}.rows.parquet", table.select(["id", "label"]))


def write_copies(folder: Path, table: pa.Table, origins: list[int], texts: list[str], ways: list[str]) -> None:
    """Writes what the copies are.

    Args:
        table: the train rows.
        origins: the number of the train row that each copy was made of, rising.
        texts: the copies' texts, to be looked at.
        ways: how each was altered.
    """
    numbers = pa.array(origins, pa.int64())
    copies = table.select(["id", "label"]).take(numbers).append_column("origin", numbers)
    for name, values in (("way", ways), ("text", texts)):
        copies = copies.append_column(name, pa.array(values, pa.string()))
    rows.write(folder / f"{COPIES}.rows.parquet", copies)


def write_matrix(folder: Path, split: str, matrix: Sparse) -> None:
    """Writes a sparse matrix [rows, terms]."""
    matrix.sort_indices()
    np.save(folder / f"{split}.data.npy", matrix.data)
    np.save(folder / f"{split}.indices.npy", matrix.indices)
    np.save(folder / f"{split}.indptr.npy", matrix.indptr)


def write_vectors(folder: Path, split: str, vectors: npt.NDArray[np.float32]) -> None:
    """Writes a dense matrix [rows, dimensions]."""
    np.save(folder / f"{split}.npy", np.ascontiguousarray(vectors, dtype=np.float32))


def write_ids(folder: Path, split: str, ids: list[list[int]]) -> None:
    """Writes the ids of each row's tokens or words."""
    offsets = np.zeros(len(ids) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in ids], out=offsets[1:])
    flat = np.fromiter((token for row in ids for token in row), dtype=np.int32, count=int(offsets[-1]))
    np.save(folder / f"{split}.ids.npy", flat)
    np.save(folder / f"{split}.offsets.npy", offsets)


def write_manifest(folder: Path, entries: dict[str, Any]) -> None:
    """Writes the manifest; call it last, since its existence means that the rest is complete."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    digests = {str(file.relative_to(folder)): sha256(file) for file in files}
    write_json(folder / MANIFEST, {**entries, "sha256": digests})
