"""What surrounds every look at the graph: the workspace is ours, nothing is left over, links, parameters
and champion hold."""

import os
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import chdir, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from flows import champion, links, orphans, overrides, workspace
from flows.display import Display
from flows.graph import Graph, Item
from flows.worker import Worker, module_arguments


@dataclass(frozen=True)
class Session:
    """A workspace at work.

    Attributes:
        graph: its stages.
        display: what shows the work to a person.
        worker: what runs the stages' commands; it starts nothing until asked to.
    """

    graph: Graph
    display: Display
    worker: Worker

    def warm_up(self, items: Iterable[Item]) -> None:
        """Begins to import what `python -m tasks` commands need, if any of the items is made by one."""
        if any(module_arguments(command) is not None for item in items for command in item.commands):
            self.worker.warm_up()


@dataclass(frozen=True)
class Watch:
    """Who looks on while a flow opens workspaces by itself.

    Attributes:
        display: what shows the work.
        wait: whether to wait for another run in the workspace rather than to refuse.
    """

    display: Display
    wait: bool


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)
_open: dict[Path, Session] = {}  # so that a flow that the command line starts works in the command line's session


@contextmanager
def opened(
    start: Path,
    display: Display,
    settings: Sequence[str] = (),
    wait: bool = False,
    tidy: bool = True,
    bring: Callable[[Graph], None] | None = None,
) -> Iterator[Session]:
    """Yields the workspace that `start` lies in, ready to be looked at or run.

    Meanwhile the workspace is held, it is the current folder, and `settings` stand in `params.yaml`.
    Within an open session of the same workspace, yields that one.

    Args:
        settings: `key=value` each, in place of what `params.yaml` says.
        wait: whether to wait for another run here rather than to refuse.
        tidy: whether to remove the outputs of items that are gone.
        bring: brings files of the project that may be missing; is called before anything asks for them.

    Raises:
        WorkspaceBusy: if another run is at work here and `wait` is false.
        ParamsError: if the parameters are not usable.
        BadInput: if something that the project refers to is missing.
    """
    root = workspace.find(start)
    if root in _open:
        if bring is not None:
            bring(_open[root].graph)
        yield _open[root]
        return
    from tasks.params import check

    with chdir(root), workspace.held(root, wait, display.note):
        model = typing.get_type_hints(check).get("return")
        with overrides.applied(root, settings, model, display.note):
            check(root)
            graph = Graph(root, display.note)
            try:
                graph.clear_leftovers()
                if bring is not None:
                    bring(graph)
                links.refresh(root)
                champion.sync(root, graph.repo)
                links.refresh_champion(root)
                if tidy:
                    orphans.clear(graph)
                with Worker(root) as worker:
                    _open[root] = Session(graph, display, worker)
                    yield _open[root]
            finally:
                _open.pop(root, None)
                graph.close()


@contextmanager
def watched(display: Display, wait: bool) -> Iterator[None]:
    """Within it, flows show their work there: what a flow is called with must be plain values, which Prefect stores."""
    token = _watch.set(Watch(display, wait))
    try:
        yield
    finally:
        _watch.reset(token)


def watch() -> Watch | None:
    """Who looks on; None where nobody has said so."""
    return _watch.get()


def default_workers() -> int:
    """How many stages run side by side unless told: one for every two processors, at least two."""
    return max(2, (os.cpu_count() or 2) // 2)
