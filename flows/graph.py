"""The graph of `dvc.yaml`: which stage items there are, and what each needs. No other list of stages exists."""

import difflib
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from tasks.errors import BadInput, RegraftError

OWNER = "regraft: "
"""Begins each of our entries in DVC's table of files in use (`.dvc/tmp/rwlock`)."""


class Stopped(RegraftError):
    """The run is being stopped, so nothing new may begin."""

    def __init__(self) -> None:
        super().__init__("The run was stopped.")


@dataclass(frozen=True)
class Item:
    """One node of the graph.

    Attributes:
        name: its address, such as `finetune@lora`.
        needs: the names of the items whose outputs it reads.
        commands: the shell commands that make its outputs.
        alone: whether nothing may run beside it (`meta: {alone: true}` in `dvc.yaml`), as a stage asks that
            measures time.
        tags: of its Prefect task run (`meta: {tags: [gpu]}`), by which Prefect can limit how many run at once anywhere.
    """

    name: str
    needs: tuple[str, ...]
    commands: tuple[str, ...]
    alone: bool = False
    tags: tuple[str, ...] = ()

    @property
    def stage(self) -> str:
        """The stage that it is an item of."""
        return self.name.partition("@")[0]


class Graph:
    """DVC's view of a workspace, for several threads.

    DVC's objects are not made for threads, and its lock is one a workspace; `locked` serves both.

    Args:
        root: the workspace; the current folder must lie in it, as DVC's addresses depend on it.
        say: is told when something else has to be waited for.

    Attributes:
        without_remote: whether DVC's remote is to be left alone, as it did not answer.
    """

    def __init__(self, root: Path, say: Callable[[str], None]) -> None:
        os.environ["DVC_NO_ANALYTICS"] = "1"
        for name in ("dvc", "dvc_data", "dvc_objects"):  # its progress bars follow the level of its log
            logging.getLogger(name).setLevel(logging.CRITICAL)
        from dvc.repo import Repo

        self.root, self.say = root, say
        self.stopping = threading.Event()
        self.without_remote = False
        self.repo = Repo(str(root))
        self._mutex = threading.RLock()
        _trust_no_mode(self.repo.cache.local)

    @contextmanager
    def locked(self) -> Iterator[Any]:
        """Yields DVC's `Repo`, fresh from disk, with DVC's lock held. Hold it for a short time only.

        Raises:
            Stopped: if the run is stopped while it waits.
        """
        from dvc.lock import LockError

        with self._mutex:
            told = False
            while True:
                try:
                    self.repo.lock.lock()  # tries for three seconds
                    break
                except LockError:
                    if self.stopping.is_set():
                        raise Stopped from None
                    if not told:
                        self.say("Waiting for another DVC command in this workspace to finish.")
                        told = True
            try:
                self.repo._reset()
                with self.repo.scm_context(quiet=True):
                    yield self.repo
            finally:
                self.repo.lock.unlock()

    def items(self, targets: Sequence[str] = ()) -> dict[str, Item]:
        """The items that `targets` are and need, by name, each after those that it needs.

        Args:
            targets: names of stages or items; none means all.

        Raises:
            BadInput: if `dvc.yaml` has no such stage or cannot be read.
        """
        from dvc.repo.reproduce import get_active_graph, plan_repro

        with readable(), self.locked() as repo:
            graph = get_active_graph(repo.index.graph)
            wanted = _stages(graph, targets)
            steps = plan_repro(graph, wanted)
            chosen = set(steps)
            return {step.addressing: _item(step, graph, chosen) for step in steps}

    def clear_leftovers(self) -> None:
        """Clears what a killed run left in DVC's table of files in use. Call it while holding the workspace.

        DVC itself drops the entries of dead processes, but not where the number is in use again, and
        it refuses to work at all if it was killed while it wrote the table.
        """
        with self.locked() as repo:
            path = Path(repo.tmp_dir) / "rwlock"
            if not path.exists():
                return
            try:
                table = json.loads(path.read_text(encoding="utf-8"))
                entries = [*table.get("write", {}).values()]
                entries += [entry for readers in table.get("read", {}).values() for entry in readers]
                stale = all(_is_stale(entry, path.stat().st_mtime) for entry in entries)
            except (ValueError, AttributeError, TypeError):
                stale = True
            if stale:
                path.unlink()

    def close(self) -> None:
        """Frees DVC's databases."""
        self.repo.close()


def sentence(error: BaseException) -> str:
    """An error's message, with its causes, on one line."""
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        text = " ".join(str(cause).split()) or type(cause).__name__
        if not any(text in part for part in parts):
            parts.append(text)
        cause = cause.__cause__
    return ": ".join(parts)


def _stages(graph: Any, targets: Sequence[str]) -> list[Any] | None:
    if not targets:
        return None
    chosen = []
    for target in targets:
        found = [stage for stage in graph if target in (stage.addressing, stage.addressing.partition("@")[0])]
        if not found:
            names = sorted({name for s in graph for name in (s.addressing, s.addressing.partition("@")[0])})
            near = difflib.get_close_matches(target, names, n=3) or sorted({n.partition("@")[0] for n in names})
            raise BadInput(target, "a stage or item of dvc.yaml", "no such name", f"Did you mean {', '.join(near)}?")
        chosen += found
    return chosen


@contextmanager
def readable() -> Iterator[None]:
    """Says in one sentence what DVC cannot read.

    Raises:
        BadInput: if the body fails because of `dvc.yaml`.
    """
    from dvc.exceptions import DvcException

    try:
        yield
    except DvcException as error:
        raise BadInput("dvc.yaml", "a graph that DVC can read", sentence(error), "Correct it first.") from error


def _item(stage: Any, graph: Any, chosen: set[Any]) -> Item:
    needs = sorted(other.addressing for other in graph.successors(stage) if other in chosen)
    command = stage.cmd or []
    lines = command if isinstance(command, list) else command.splitlines()
    meta = stage.meta or {}
    tags = meta.get("tags") or ()
    if isinstance(tags, str) or not all(isinstance(tag, str) for tag in tags):
        fix = "Write a list, such as `meta: {tags: [gpu]}`."
        raise BadInput(f"dvc.yaml: {stage.addressing}", "a list of words under meta.tags", repr(tags), fix)
    return Item(stage.addressing, tuple(needs), tuple(lines), bool(meta.get("alone")), tuple(tags))


def _trust_no_mode(cache: Any) -> None:
    """Makes DVC check its cached files by content (through its state database, so unchanged ones cost a `stat`).

    By default it takes every read-only file in the cache to be intact, and would hand out a damaged one.
    """
    from dvc_data.hashfile.db import HashFileDB

    cache.check = partial(HashFileDB.check, cache)


def _is_stale(entry: dict[str, Any], written: float) -> bool:
    if str(entry["cmd"]).startswith(OWNER):
        return True  # we hold the workspace, so no other run of ours is alive
    try:
        return bool(psutil.Process(int(entry["pid"])).create_time() > written)  # the number was given anew
    except psutil.NoSuchProcess:
        return True
