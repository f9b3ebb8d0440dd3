"""What a run would do, and why; nothing is run, and Prefect is not needed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.graph import Graph, Item, sentence
from flows.orphans import Orphan, overlooked
from tasks.errors import BadInput

_LONGEST_VALUE = 40


@dataclass(frozen=True)
class Finding:
    """What is known of one item.

    Attributes:
        reasons: why it is not up to date, a phrase each.
        follows: those items that it needs and that would run.
        restorable: whether the run cache has its outputs, for the inputs that it has now.
    """

    reasons: tuple[str, ...]
    follows: tuple[str, ...]
    restorable: bool

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
            for name, item in items.items():
                follows = tuple(other for other in item.needs if findings[other].due)
                reasons = tuple(_reasons(stages[name]))
                restorable = bool(reasons) and not follows and _restorable(repo, stages[name])
                findings[name] = Finding(reasons, follows, restorable)
    except DvcException as error:
        raise BadInput("the graph", "files that DVC can look at", sentence(error), "Try again later.") from error
    return findings


def _reasons(stage: Any) -> Iterable[str]:
    if stage.cmd and stage.outs and not any(out.hash_info for out in stage.outs):
        yield "has not run yet"
        return
    for part in stage.status().get(stage.addressing, []):
        if isinstance(part, str):
            yield part
            continue
        for name, what in part.get("changed deps", {}).items():
            if isinstance(what, dict):
                yield from _parameters(stage, name, what)
            else:
                yield f"{name} is {what}"
        yield from (f"output {name} is {what}" for name, what in part.get("changed outs", {}).items())


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
