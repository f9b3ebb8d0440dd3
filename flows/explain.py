"""What a run would do, and why; nothing is run, and Prefect is not needed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from flows.graph import Graph, Item, sentence
from flows.orphans import Orphan, overlooked
from tasks.errors import BadInput
from tasks.links import CHAMPION, LADDER

_LONGEST_VALUE = 40
_OF_RUNS = (PurePosixPath(CHAMPION), PurePosixPath(LADDER))


@dataclass(frozen=True)
class Finding:
    """What is known of one item.

    Attributes:
        reasons: why it is not up to date, a phrase each.
        follows: those items that it needs and that would run.
        restorable: whether the run cache has its outputs, for the inputs that it has now.
        recipe: those of the reasons that are parameters, code, libraries, or files that people give; neither files
            that the graph makes, nor the champion or a ladder, which commands leave behind.
    """

    reasons: tuple[str, ...]
    follows: tuple[str, ...]
    restorable: bool
    recipe: tuple[str, ...] = ()

    @property
    def due(self) -> bool:
        """Whether a run would do anything about it."""
        return bool(self.reasons or self.follows)


def survey(graph: Graph, items: Mapping[str, Item], gone: Sequence[Orphan] = ()) -> dict[str, Finding]:
    """Looks at all `items`, given so that each comes after those that it needs.

    Args:
        gone: files that a run would remove first; nothing is removed here.

    Raises:
        BadInput: if DVC cannot tell, as when another command is using the files.
    """
    from dvc.exceptions import DvcException

    findings: dict[str, Finding] = {}
    try:
        with graph.locked() as repo, overlooked(repo, gone):
            stages = {stage.addressing: stage for stage in repo.index.stages}
            made = [*(PurePosixPath(str(out)) for out in repo.index.outs), *_OF_RUNS]
            for name, item in items.items():
                follows = tuple(other for other in item.needs if findings[other].due)
                found = list(_reasons(stages[name]))
                reasons = tuple(reason for _, reason in found)
                recipe = tuple(reason for file, reason in found if not _is_among(file, made))
                restorable = bool(reasons) and not follows and _restorable(repo, stages[name])
                findings[name] = Finding(reasons, follows, restorable, recipe)
    except DvcException as error:
        raise BadInput("the graph", "files that DVC can look at", sentence(error), "Try again later.") from error
    return findings


def _reasons(stage: Any) -> Iterable[tuple[str | None, str]]:
    """Why a stage is not up to date, each with the file that is meant; None where that is none, as for a parameter."""
    if stage.cmd and stage.outs and not any(out.hash_info for out in stage.outs):
        yield None, "has not run yet"
        return
    for part in stage.status().get(stage.addressing, []):
        if isinstance(part, str):
            yield None, part
            continue
        for name, what in part.get("changed deps", {}).items():
            if isinstance(what, dict):
                yield from ((None, reason) for reason in _parameters(stage, name, what))
            else:
                yield name, f"{name} is {what}"
        yield from ((name, f"output {name} is {what}") for name, what in part.get("changed outs", {}).items())


def _is_among(file: str | None, made: Sequence[PurePosixPath]) -> bool:
    """Whether a file is one of those, or lies in one that is a folder, or is a folder that holds one."""
    if file is None:
        return False
    path = PurePosixPath(file)
    return any(path.is_relative_to(one) or one.is_relative_to(path) for one in made)


def _parameters(stage: Any, file: str, changed: Mapping[str, str]) -> Iterable[str]:
    (dep,) = (dep for dep in stage.params if str(dep) == file)
    old, new = dep.hash_info.value or {}, dep.read_params()
    for key in changed:
        yield from _differences(key, old.get(key), new.get(key))


def _differences(key: str, old: Any, new: Any) -> Iterable[str]:
    """The leaves that differ, so that a block of parameters does not have to be read as a whole."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            if old.get(name) != new.get(name) or (name in old) != (name in new):
                yield from _differences(f"{key}.{name}", old.get(name), new.get(name))
    else:
        yield f"{key}: {_shown(old)} → {_shown(new)}"


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."


def _restorable(repo: Any, stage: Any) -> bool:
    from dvc.exceptions import DvcException
    from dvc.stage.cache import RunCacheNotFoundError

    try:
        stage.save_deps()
        for out in stage.outs:  # otherwise DVC would take the old outputs for those of the new inputs
            out.clear()
        repo.stage_cache.restore(stage, dry=True)
    except RunCacheNotFoundError:
        return False
    except (DvcException, OSError):
        return False
    return True
