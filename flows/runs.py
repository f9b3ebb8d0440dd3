"""The runs of a workspace, each by the state of `dvc.lock` that it left: what `regraft gc` takes for the last runs.

A run that left the same state as another one is that run once more. Each run of the flow is recorded in
`.regraft/runs/`; runs of `dvc repro` are known once their `dvc.lock` is committed.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flows import hashes
from flows.registry import Registry
from tasks.files import read_json, write_json

FOLDER = Path(".regraft/runs")
"""Holds a file a state, named by the SHA-256 of `dvc.lock`."""
_LOCK, _SELECTION = Path("dvc.lock"), "reports/selection.json"


@dataclass(frozen=True)
class Candidate:
    """A candidate of a run.

    Attributes:
        name: its item, such as `lora` of `finetune@lora`.
        metric: that it was chosen by.
        value: of that metric.
        names: the hashes of the outputs of its items.
        model: those of them that are the model itself.
    """

    name: str
    metric: str
    value: float
    names: frozenset[str]
    model: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Run:
    """A state of `dvc.lock`.

    Attributes:
        key: the SHA-256 of the file.
        ended: when a run left it; the last time, if several did.
        names: the hashes that it names.
        candidates: those that its selection was made of; none where that is not known.
    """

    key: str
    ended: datetime
    names: frozenset[str]
    candidates: tuple[Candidate, ...] = ()


def present(root: Path) -> Run | None:
    """The present state of `dvc.lock` as a run that ends now; None without one."""
    lock = root / _LOCK
    if not lock.is_file():
        return None
    content = lock.read_bytes()
    names = frozenset(hashes.named(content.decode()))
    return Run(hashlib.sha256(content).hexdigest(), datetime.now(UTC), names, tuple(_candidates(root)))


def record(root: Path) -> None:
    """Records the present state of `dvc.lock` as that of a run which has just ended.

    Without a record the run is not lost, as all that `dvc.lock` names is kept in any case: so a full disk is no error.
    The ladder's own workspace has no records; `regraft gc` keeps its present state.
    """
    run = None if root.parent.name == FOLDER.parts[0] else present(root)
    if run is not None:
        entry = {
            "ended": run.ended.isoformat(),
            "names": sorted(run.names),
            "candidates": [
                {**vars(one), "names": sorted(one.names), "model": sorted(one.model)} for one in run.candidates
            ],
        }
        with suppress(OSError):
            write_json(root / FOLDER / f"{run.key}.json", entry)


def recorded(root: Path) -> list[Run]:
    """All recorded runs, the last one first."""
    found = [_read(path) for path in (root / FOLDER).glob("[!.]*.json")]
    return sorted(found, key=lambda run: (run.ended, run.key), reverse=True)


def committed(registry: Registry, most: int) -> list[Run]:
    """The states of `dvc.lock` in git's history, of all branches, the last one first."""
    form, found = "--format=%H %ct", []
    for line in registry.git("log", "--all", f"--max-count={most}", form, "--", str(_LOCK)).splitlines():
        commit, _, seconds = line.partition(" ")
        with suppress(FileNotFoundError):
            content = _blob(registry, commit)
            ended = datetime.fromtimestamp(int(seconds), UTC)
            found.append(Run(hashlib.sha256(content).hexdigest(), ended, frozenset(hashes.named(content.decode()))))
    return found


def last(runs: list[Run], count: int) -> list[Run]:
    """The last runs, each once, the last one first."""
    chosen: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: (run.ended, run.key), reverse=True):
        chosen.setdefault(run.key, run)
    return list(chosen.values())[:count]


def best(runs: list[Run], count: int) -> list[Candidate]:
    """The best candidates of all runs, by the metric of the last one that made a choice; each model once."""
    from tasks.scores import LOWER_IS_BETTER

    metric = next((one.metric for run in runs for one in run.candidates), None)
    found = {one.model or one.names: one for run in reversed(runs) for one in run.candidates if one.metric == metric}
    sign = 1 if metric in LOWER_IS_BETTER else -1
    return sorted(found.values(), key=lambda one: (sign * one.value, one.name, sorted(one.names)))[:count]


def _blob(registry: Registry, commit: str) -> bytes:
    """The content of `dvc.lock` in a commit; raises FileNotFoundError where the commit has removed it."""
    line = registry.git("ls-tree", commit, "--", str(_LOCK)).split()
    if not line:
        raise FileNotFoundError(_LOCK)
    return registry.git("cat-file", "blob", line[2]).encode()


def _read(path: Path) -> Run:
    entry = read_json(path)
    candidates = (
        Candidate(one["name"], one["metric"], one["value"], frozenset(one["names"]), frozenset(one.get("model", ())))
        for one in entry["candidates"]
    )
    return Run(path.stem, datetime.fromisoformat(entry["ended"]), frozenset(entry["names"]), tuple(candidates))


def _candidates(root: Path) -> Iterator[Candidate]:
    """The candidates of the selection, if it is the one that `dvc.lock` names."""
    file = root / _SELECTION
    if not file.is_file():
        return
    outs = hashes.outputs((root / _LOCK).read_text(encoding="utf-8"))
    content = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
    if not any(made.get(_SELECTION) == content for made in outs.values()):
        return
    selection = read_json(file)
    for candidate in selection.get("candidates") or []:
        name, value = candidate["name"], candidate["validation"].get(selection["metric"])
        own = {path: md5 for item, made in outs.items() if item.partition("@")[2] == name for path, md5 in made.items()}
        if value is not None and own:
            model = frozenset(md5 for path, md5 in own.items() if path.startswith("models/"))
            yield Candidate(name, selection["metric"], float(value), frozenset(own.values()), model)
