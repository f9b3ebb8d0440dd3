"""One stage item: unchanged, restored from DVC's run cache, or run; the same steps as in `dvc repro`.

DVC's lock is held while something is looked up or saved, never while the command runs, so that items run
side by side. While it runs, its files are entered in DVC's own table of files in use, so that a `dvc repro`
that is started meanwhile keeps its hands off them.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from typing import Any

from flows.graph import OWNER, Graph, Stopped, sentence
from flows.lockfile import LockFile
from flows.restore import restore
from tasks.errors import RegraftError

_BUSY_POLL_SECONDS = 1.0


class Outcome(Enum):
    """How an item's outputs came to be what they should be."""

    UNCHANGED = "unchanged"
    RESTORED = "restored from the run cache"
    RAN = "completed"


class StageFailed(RegraftError):
    """An item could not be made.

    Args:
        name: the item.
        reason: what went wrong, as a sentence without its subject.
        tail: the last lines that it wrote.
    """

    def __init__(self, name: str, reason: str, tail: tuple[str, ...] = ()) -> None:
        self.name, self.reason, self.tail = name, reason, tail
        super().__init__(f"{name} {reason}")


class StageTransient(StageFailed):
    """It failed in a way that may pass, so it is worth another try."""


@dataclass(frozen=True)
class Job:
    """What has to be run to make an item.

    Attributes:
        commands: shell commands, one after the other.
        folder: where to run them.
        environment: all their environment variables.
    """

    name: str
    commands: tuple[str, ...]
    folder: str
    environment: dict[str, str]


@dataclass
class _Started:
    stage: Any
    inputs: dict[str, Any]
    in_use: ExitStack


def reproduce(graph: Graph, lock: LockFile, name: str, run: Callable[[Job], None], force: bool = False) -> Outcome:
    """Brings one item up to date.

    Args:
        run: runs the commands; raises if one fails.
        force: whether to run even what has not changed, or can be restored.

    Raises:
        StageFailed: if its inputs or outputs are not as declared, or DVC cannot save them.
    """
    from dvc.exceptions import DvcException

    try:
        started = _begin(graph, lock, name, force)
        if isinstance(started, Outcome):
            return started
        try:
            run(_job(graph, started.stage))
            with graph.locked():
                started.in_use.close()
                _save(started, lock)
        finally:
            _release(graph, started.in_use)
        return Outcome.RAN
    except DvcException as error:
        raise StageFailed(name, f"failed: {sentence(error)}") from error
    except OSError as error:
        raise StageFailed(name, f"failed: {error.filename or 'its files'}: {error.strerror or error}") from error


def _begin(graph: Graph, lock: LockFile, name: str, force: bool) -> Outcome | _Started:
    from dvc.lock import LockError

    told = False
    while True:
        try:
            with graph.locked() as repo:
                return _look(graph, repo, lock, name, force)
        except LockError as error:  # another process is using its files
            if not told:
                graph.say(f"{name} waits: {sentence(error).partition(' If there are no processes')[0]}")
                told = True
        if graph.stopping.wait(_BUSY_POLL_SECONDS):
            raise Stopped


def _look(graph: Graph, repo: Any, lock: LockFile, name: str, force: bool) -> Outcome | _Started:
    from dvc.stage.cache import RunCacheNotFoundError

    (stage,) = repo.stage.collect(name)
    if not stage.cmd or stage.frozen:  # `dvc add`ed data, imports, frozen stages: DVC knows what to do
        if stage.reproduce(force=force) is None:
            return Outcome.UNCHANGED
        stage.dump(update_pipeline=False)
        return Outcome.RAN
    if not force and not stage.changed():
        return Outcome.UNCHANGED
    stage.remove_outs(ignore_remove=False)
    try:
        if force:
            raise RunCacheNotFoundError(stage)
        restore(graph, repo, stage)
    except RunCacheNotFoundError:
        stage.save_deps()
        return _Started(stage, {str(dep): dep.hash_info for dep in stage.deps}, _claim(repo, stage))
    _commit(stage, lock)
    return Outcome.RESTORED


def _save(started: _Started, lock: LockFile) -> None:
    stage = started.stage
    stage.save_deps()
    changed = sorted(str(dep) for dep in stage.deps if dep.hash_info != started.inputs[str(dep)])
    if changed:  # what it has made belongs neither to the old inputs nor surely to the new
        raise StageFailed(stage.addressing, f"was dropped: {', '.join(changed)} changed while it ran")
    _commit(stage, lock)


def _commit(stage: Any, lock: LockFile) -> None:
    uncached = any(not out.use_cache for out in stage.outs if not (out.is_metric or out.is_plot))
    stage.save(run_cache=not uncached)  # as in dvc.stage.Stage.run
    stage.commit()
    lock.record(stage)


def _job(graph: Graph, stage: Any) -> Job:
    from dvc.stage.run import prepare_kwargs

    with graph.locked():
        settings = prepare_kwargs(stage)
    commands = stage.cmd if isinstance(stage.cmd, list) else stage.cmd.splitlines()
    return Job(stage.addressing, tuple(commands), str(settings["cwd"]), dict(settings["env"]))


def _claim(repo: Any, stage: Any) -> ExitStack:
    from dvc.dependency.db import AbstractDependency
    from dvc.dependency.repo import RepoDependency
    from dvc.rwlock import rwlock

    reads = [dep.fs_path for dep in stage.deps if not isinstance(dep, (AbstractDependency, RepoDependency))]
    writes = [out.fs_path for out in stage.outs]
    hardlink = repo.config["core"].get("hardlink_lock", False)
    stack = ExitStack()
    stack.enter_context(rwlock(repo.tmp_dir, repo.fs, OWNER + stage.addressing, reads, writes, hardlink))
    return stack


def _release(graph: Graph, in_use: ExitStack) -> None:
    try:
        with graph.locked():
            in_use.close()
    except Stopped:
        pass  # this process is about to end; DVC drops the entries of dead processes


def shell_command(command: str) -> list[str]:
    """The argument list that DVC runs `command` with: in the user's own shell, without its start files."""
    from dvc.stage.run import _make_cmd, get_executable

    return list(_make_cmd(get_executable(), command))
