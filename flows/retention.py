"""What `regraft gc` keeps: the hashes of all files that something still needs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows import hashes, ladder_workspace, runs
from flows.registry import Registry
from tasks.block import PARAMS, load, parse
from tasks.errors import RegraftError
from tasks.retraining.retention_params import RetentionParams

_REFS = ("refs/heads", "refs/remotes", "refs/tags", "refs/exps", "refs/stash")
"""Whatever has a name in git: branches here and as last fetched, tags (versions of models among them), experiments of
DVC, and what was stashed last."""
_EXPERIMENTS = Path(".dvc/tmp/exps")
"""Holds a workspace for each experiment that DVC runs in a folder of its own, with the project's cache."""


class InUse(RegraftError):
    """Something of DVC's is at work with the cache."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder}: a command of DVC is at work here. Nothing was freed; run again when it has ended.")


@dataclass(frozen=True)
class Needed:
    """What is needed, and by how much.

    Attributes:
        names: hashes, those of files in folders that are needed among them.
        records: keys of the runs whose records say what is needed.
        versions: models that were ever in service.
        refs: names in git.
        runs: the last ones.
        candidates: the best ones.
    """

    names: frozenset[str]
    records: frozenset[str]
    versions: int
    refs: int
    runs: int
    candidates: int


def policy(root: Path, last_runs: int | None = None, best: int | None = None) -> RetentionParams:
    """The block `retention` of `params.yaml`, with what the command line says in its place.

    Raises:
        ParamsError: if the block is wrong.
    """
    declared = load(root / PARAMS).get("retention") or {}
    own = {key: value for key, value in {"runs": last_runs, "best": best}.items() if value is not None}
    return parse(RetentionParams, {**declared, **own}, "retention")


def needed(root: Path, repo: Any, keep: RetentionParams, cache: hashes.Cache) -> Needed:
    """Finds what is needed; the workspace must be held, with DVC's lock.

    That is what the files of DVC name as they are now, here and in workspaces that share the cache, what any branch,
    tag or experiment names, and the last runs; and of earlier runs the outputs of the best candidates.

    Raises:
        InUse: if DVC is at work.
        BadInput: if git cannot tell.
    """
    names = hashes.present(root)
    for folder in _workspaces(root):
        if _is_busy(folder):
            raise InUse(folder)
        names |= hashes.present(folder)
    registry = _registry(root, repo)
    refs = _refs(registry) if registry else {}
    if registry:
        names |= hashes.committed(registry, refs.values())
    now, recorded = runs.present(root), runs.recorded(root)
    known = [now, *recorded] if now else recorded
    last = runs.last([*known, *(runs.committed(registry, keep.runs) if registry else [])], keep.runs)
    best = runs.best(known, keep.best)
    names = names.union(*(run.names for run in last), *(candidate.names for candidate in best))
    records = {run.key for run in last} | {run.key for run in recorded if {*run.candidates} & {*best}}
    return Needed(
        names=frozenset(cache.expanded(names)),
        records=frozenset(records),
        versions=len({one.version for one in registry.appointments()}) if registry else 0,
        refs=len(refs),
        runs=len(last),
        candidates=len(best),
    )


def _registry(root: Path, repo: Any) -> Registry | None:
    from dvc.scm import NoSCM

    return None if isinstance(repo.scm, NoSCM) else Registry(root)


def _refs(registry: Registry) -> dict[str, str]:
    """The commit of each name in git, and of what is checked out."""
    form = "--format=%(refname) %(objecttype) %(objectname) %(*objecttype) %(*objectname)"
    found = {}
    for line in registry.git("for-each-ref", form, *_REFS).splitlines():
        name, *pairs = line.split()
        kinds = dict(zip(pairs[::2], pairs[1::2], strict=True))
        if "commit" in kinds:  # not of a file or a folder, which a tag can name too
            found[name] = kinds["commit"]
    if found:
        found.setdefault("HEAD", registry.head())
    return found


def _workspaces(root: Path) -> Iterator[Path]:
    """This workspace, and others that share its cache."""
    yield root
    yield from (folder for folder in [root / ladder_workspace.FOLDER] if folder.is_dir())
    experiments = root / _EXPERIMENTS  # those of `dvc exp run --temp` lie one level deeper
    found = [*experiments.glob("*/.dvc"), *experiments.glob("standalone/*/.dvc")]
    yield from (path.parent for path in sorted(found) if path.is_dir())


def _is_busy(folder: Path) -> bool:
    """Whether DVC has files in use there; entries of dead processes don't count."""
    from psutil import pid_exists

    table = folder / ".dvc" / "tmp" / "rwlock"
    if not table.is_file():
        return False
    try:
        content = json.loads(table.read_text(encoding="utf-8"))
        readers = [entry for entries in content.get("read", {}).values() for entry in entries]
        return any(pid_exists(int(entry["pid"])) for entry in [*content.get("write", {}).values(), *readers])
    except (ValueError, KeyError, TypeError, AttributeError):  # DVC was killed while it wrote it
        return False
