"""What a student learns from its teacher: soft targets of the train rows, and of texts without labels."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tasks import encoder as encoders
from tasks import links, model, predictions, rows, texts, unlabelled
from tasks.compute import Compute
from tasks.encoder import Ids
from tasks.errors import BadInput
from tasks.features import FeatureSet
from tasks.finetune.aims import Taught
from tasks.finetune.students import ClassicalStudentParams, DistillationParams, NetworkStudentParams
from tasks.finetune.update import Rows
from tasks.order import Indices
from tasks.progress import Progress, log
from tasks.rules import Rules

Probabilities = npt.NDArray[np.float64]
_TRAIN = Path("data/clean/train.parquet")
_CHUNK = 1024  # texts predicted in one call, so that memory does not grow with the files
_UNKNOWN = 1  # the word id of a text without any word, as in the feature set


@dataclass(frozen=True)
class Teaching:
    """What a teacher says.

    Attributes:
        train: of each train row, float32 [rows, classes].
        ids: of the tokens or words of each text without a label.
        unlabelled: of each of those texts, float32 [texts, classes].
        params: how much the teacher counts.
        notes: what is to be known of it: `teacher_rows`, whether `out-of-fold` or `predicted`, and the counts of texts.
        seconds: that the teacher took.
    """

    train: npt.NDArray[np.float32]
    ids: Ids
    unlabelled: npt.NDArray[np.float32]
    params: DistillationParams
    notes: dict[str, int | str]
    seconds: float

    @property
    def digest(self) -> str:
        """SHA-256 of all that it teaches."""
        whole = hashlib.sha256(repr((self.train.shape, self.unlabelled.shape, self.ids)).encode())
        for array in (self.train, self.unlabelled):
            whole.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
        return whole.hexdigest()

    def added_to(self, train: Rows, origins: Indices, present: Indices, named: npt.NDArray[np.bool_]) -> Rows:
        """The rows with what the teacher says of them, and behind them the texts without labels.

        As the class of such a text counts the one that the teacher finds most probable, but only for class weights and
        the drawing of rows: in its loss the teacher's probabilities stand alone.

        Args:
            train: rows, and copies of them, that have labels.
            origins: the train row that each is, or was made of: a copy is taught as its row is.
            present: the class of each of the network's outputs.
            named: which of them are names of classes: of these the label alone counts, as the teacher was not asked.
        """
        said = np.concatenate([self.train[origins], self.unlabelled])[:, present]
        weights = np.zeros(len(said), dtype=np.float32)
        weights[: len(origins)] = np.where(named, 1.0, self.params.label_weight)
        labels = np.concatenate([train.labels, said[len(origins) :].argmax(axis=1)])
        return Rows([*train.ids, *self.ids], labels, train.pad_id, Taught(said, weights, self.params.temperature))


def read(
    root: Path, item: str, params: NetworkStudentParams, feature_set: FeatureSet, classes: list[str], compute: Compute
) -> Teaching:
    """Asks the teacher of student `item`.

    A row that a teacher was trained on it predicts more surely than it would others, which says little of what the
    classes have in common. So out-of-fold predictions are taken where there are any.

    Raises:
        BadInput: if the teacher is not there or knows other classes, its predictions are of other rows than the
            feature set's, or the files of texts cannot be read.
    """
    started = time.perf_counter()
    name = params.teacher.model
    settings = params.distillation
    others, counts = _gathered(root, item, settings.unlabelled)
    held = rows.read(root / "predictions" / f"{params.teacher.predictions}.parquet")
    train: Probabilities | None = None
    if held.num_rows:
        _check_ids(rows.strings(held, "id"), feature_set, f"the out-of-fold predictions of {name}")
        train = _aligned(predictions.probabilities(held), predictions.classes(held), classes, name)
    if train is None or others:
        teacher = model.load(root / "models" / name, compute.threads, compute.device)
        if train is None:
            table = rows.read(root / _TRAIN, ["id", "text"])
            _check_ids(rows.strings(table, "id"), feature_set, str(_TRAIN))
            train = _predicted(teacher, rows.strings(table, "text"), classes, name)
        said = _predicted(teacher, others, classes, name)
    else:
        said = np.empty((0, len(classes)))
    source = "out-of-fold" if held.num_rows else "predicted"
    log(f"{name} teaches {len(train):,} train rows ({source}) and {len(others):,} texts without labels")
    notes: dict[str, int | str] = {"teacher_rows": source, "unlabelled": len(others), **counts}
    ids = _ids(feature_set, others)
    train32, said32 = train.astype(np.float32), said.astype(np.float32)
    return Teaching(train32, ids, said32, settings, notes, time.perf_counter() - started)


def asked(
    root: Path, item: str, params: ClassicalStudentParams, classes: list[str], compute: Compute
) -> tuple[list[str], Probabilities, dict[str, int]]:
    """The texts without labels of student `item`, what its teacher says of each, and how many were left out, and why.

    Raises:
        BadInput: if the teacher is not there or knows other classes, or the files of texts cannot be read.
    """
    others, counts = _gathered(root, item, params.distillation.unlabelled)
    name = params.teacher.model
    teacher = model.load(root / "models" / name, compute.threads, compute.device)
    return others, _predicted(teacher, others, classes, name), counts


def _gathered(root: Path, item: str, patterns: Sequence[str]) -> tuple[list[str], dict[str, int]]:
    """The texts of the files, and the counts of `unlabelled.gather` but for those of train rows."""
    files = texts.linked(root, links.UNLABELLED / item, patterns)
    if not files:
        return [], {}
    gathered = unlabelled.gather(root, files)
    return gathered.others, {name: count for name, count in gathered.counts.items() if name != "train_rows"}


def _predicted(teacher: model.SavedModel, asked: Sequence[str], classes: list[str], name: str) -> Probabilities:
    progress = Progress(f"asking {name}", len(asked))
    parts = [np.empty((0, len(teacher.labels)))]
    for start in range(0, len(asked), _CHUNK):
        parts.append(teacher.predict_proba(asked[start : start + _CHUNK]))
        progress.update(min(start + _CHUNK, len(asked)))
    return _aligned(np.concatenate(parts), teacher.labels, classes, name)


def _aligned(probabilities: Probabilities, own: Sequence[str], classes: list[str], name: str) -> Probabilities:
    if sorted(own) != classes:
        found = ", ".join(sorted(own)[:20])
        raise BadInput(name, f"a teacher of the classes {', '.join(classes[:20])}", found, "Run `regraft run`.")
    return probabilities[:, [list(own).index(label) for label in classes]]


def _check_ids(ids: list[str], feature_set: FeatureSet, where: str) -> None:
    if ids != feature_set.row_ids("train"):
        raise BadInput(where, "the train rows of the feature set", "other rows", "Run `regraft run`.")


def _ids(feature_set: FeatureSet, asked: list[str]) -> Ids:
    """The ids of texts, as the feature set makes them of rows."""
    settings = feature_set.manifest["params"]
    rules = Rules.model_validate(settings["rules"])
    asked = [rules.apply(text) for text in asked]
    if feature_set.form == "tokens":
        return encoders.Tokenizer(feature_set.encoder, int(settings["max_tokens"]))(asked)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(feature_set.tokenizer))
    parts = (tokenizer.encode_batch_fast(asked[start : start + _CHUNK]) for start in range(0, len(asked), _CHUNK))
    return [encoding.ids or [_UNKNOWN] for part in parts for encoding in part]
