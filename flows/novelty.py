"""Which rows are new since the last decision, and how they compare with those that the champion was made of.

The champion's rows are those of its commit, from DVC's cache or remote: exact, with the labels that they had then, and
to be had in a fresh clone too. Where they cannot be had, the rows that the last decision knew take their place.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flows import champion as champions
from flows import hashes, remote
from flows.decision import FOLDER, Record, judged, sound
from flows.registry import Appointment, Registry
from flows.secrets import redacted
from flows.stage import StageFailed
from flows.trouble import explained
from tasks.errors import BadInput, RegraftError
from tasks.files import read_json, remove, replacing, sha256
from tasks.retraining import known as knowing
from tasks.retraining.drift_params import DriftParams
from tasks.retraining.known import ROWS, Marks

DRIFT = Path("reports/drift.json")
_BEFORE, _AFTER = FOLDER / "before.parquet", FOLDER / "after.parquet"

Compare = Callable[[Path, Path, Path], None]
"""Runs the drift test: rows before, rows after, the file to write; all paths within the workspace."""


@dataclass(frozen=True)
class Novelty:
    """What is new.

    Attributes:
        judged: whether anything says which rows were known.
        total, new: rows, and those of them that were not known.
        labels: how many are new of each label that the champion does not know.
        drift: what the drift test found; None where there was none.
        state: a hash of all that this was worked out from; None where the next run is to look again.
        untested: why drift could not be tested, as a sentence; None where it could, or was not to be.
    """

    judged: bool
    total: int
    new: int
    labels: dict[str, int]
    drift: Mapping[str, Any] | None
    state: str | None
    untested: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The form in a decision that knows no more rows than the one before."""
        return {"total": self.total, "new": self.new, "labels": self.labels, "known": None, "state": self.state}


def find(
    root: Path,
    repo: Any,
    champion: Appointment | None,
    records: Sequence[Record],
    params: DriftParams | None,
    compare: Compare,
    say: Callable[[str], None],
) -> Novelty:
    """Looks at the present rows; anew only if something has changed since the last run looked.

    Args:
        repo: DVC's, of that workspace.
        champion: in service; None if there is none.
        records: the earlier decisions.
        params: of the drift test; None for none.

    Raises:
        BadInput: if there are no rows.
    """
    path = root / ROWS
    if not path.is_file():
        raise BadInput(str(ROWS), "the rows that ingest writes", "none", "Run `regraft run ingest` to see why.")
    last = judged(records)
    version = champion.version if champion else None
    told = None if last is None else (last["rows"] or {}).get("known")
    state = _hashed([sha256(path), told, version, None if params is None else params.model_dump(mode="json")])
    before = _as_before(root, records, state)
    if before is not None:
        return before
    window = _Window(root, repo, champion, say)
    marks = _marks(root, last, version, window)
    news = knowing.look(path, marks)
    familiar = _familiar(root, version, window)
    labels = {} if familiar is None else {one: rows for one, rows in news.labels.items() if one not in familiar}
    found = Novelty(marks is not None, news.total, news.new, labels, None, state)
    if params is None or marks is None or not news.new:
        return found
    try:
        return replace(found, drift=_compared(root, marks, window, compare))
    except StageFailed as error:  # such as for lack of memory: new rows are a reason without it
        untested = redacted(f"Drift could not be tested: {': '.join([str(error), *error.tail[-1:]])}", repo.config)
        say(untested)
        return replace(found, state=None, untested=untested)


def remember(root: Path) -> str:
    """Keeps the marks of the present rows, as those that a decision knows; returns their name.

    Older ones stay until `forget`, as the decision that names these is not yet written.
    """
    marks = knowing.look(root / ROWS, None).marks
    name = knowing.name(marks)
    knowing.write(_file(root, name), marks)
    return name


def forget(root: Path, name: str) -> None:
    """Drops all marks but those."""
    for path in (root / FOLDER).glob("known-*.npy"):
        if path != _file(root, name):
            remove(path)


class _Window:
    """The rows that the champion was made of, fetched when they are asked for."""

    def __init__(self, root: Path, repo: Any, champion: Appointment | None, say: Callable[[str], None]) -> None:
        self._root, self._repo, self._champion, self._say = root, repo, champion, say
        self._tried = False

    def path(self) -> Path | None:
        """The table, within the workspace; None if it cannot be had."""
        if self._champion is None:
            return None
        path = FOLDER / f"window-{self._champion.version}.parquet"
        if not (self._root / path).is_file() and not self._tried:
            self._tried = True
            self._fetch(self._champion, self._root / path)
        return path if (self._root / path).is_file() else None

    def _fetch(self, champion: Appointment, target: Path) -> None:
        from dvc.fs import download

        try:
            with explained(champion.version, "the rows that it was made of", self._repo.config):
                # DVC would look for a remote in the settings of that commit, which may not know of the present one.
                text = Registry(self._root).git("show", f"{champion.commit}:./dvc.lock")
                outs = [pair for item in hashes.outputs(text).values() for pair in item.items()]
                remote.bring(self._repo, {name for path, name in outs if path == ROWS.as_posix()}, "these rows")
                with replacing(target) as partial, self._repo.switch(champion.commit):
                    download(self._repo.dvcfs, f"/{ROWS.as_posix()}", str(partial))
        except RegraftError as error:
            found = redacted(" ".join(str(error).split()), self._repo.config)
            self._say(
                f"The rows that {champion.version} was made of cannot be had ({found}), so that those that the last "
                "decision knew take their place."
            )
            return
        for other in target.parent.glob("window-*.parquet"):
            if other != target:
                remove(other)


def _as_before(root: Path, records: Sequence[Record], state: str) -> Novelty | None:
    """What the last run found, if it looked at the same."""
    last = sound(records)
    rows = None if last is None else last["rows"]
    if last is None or rows is None or rows["state"] != state:
        return None
    if last["drift"] is not None and not (root / DRIFT).is_file():
        return None
    drift = None if last["drift"] is None else read_json(root / DRIFT)
    return Novelty(True, rows["total"], rows["new"], rows["labels"], drift, state)


def _marks(root: Path, last: Record | None, version: str | None, window: _Window) -> Marks | None:
    """The marks of all rows that a decision knows: of `retrain`, or of whoever put the champion into service."""
    import numpy as np

    name = None if last is None else (last["rows"] or {}).get("known")
    path = None if name is None else _file(root, name)
    own = knowing.read(path) if path is not None and path.is_file() else None
    if own is not None and last is not None and version in (None, last["champion"]["after"]):
        return own
    table = window.path()
    theirs = None if table is None else knowing.look(root / table, None).marks
    found = [marks for marks in (own, theirs) if marks is not None]
    return np.unique(np.concatenate(found)) if found else None


def _familiar(root: Path, version: str | None, window: _Window) -> set[str] | None:
    """The labels that the champion knows; None if there is none, or nothing tells."""
    if version is None:
        return None
    labels = knowing.labels_of(root / champions.FOLDER)
    if labels is not None:
        return labels
    table = window.path()
    return None if table is None else set(knowing.look(root / table, None).labels)


def _compared(root: Path, marks: Marks, window: _Window, compare: Compare) -> Mapping[str, Any] | None:
    table = window.path()
    try:
        knowing.part(root / ROWS, marks, root / _AFTER, new=True)
        if table is None:
            table = _BEFORE
            if not knowing.part(root / ROWS, marks, root / table, new=False):
                return None
        compare(table, _AFTER, DRIFT)
    finally:
        for path in (_BEFORE, _AFTER):
            remove(root / path)
    found: dict[str, Any] = read_json(root / DRIFT)
    return found


def _file(root: Path, name: str) -> Path:
    return root / FOLDER / f"known-{name}.npy"


def _hashed(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
