"""The Prefect flow `pipeline`: the graph of `dvc.yaml`, one task a stage item, side by side where it allows that."""

import queue
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, get_run_logger, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows import artifacts, runs
from flows.announce import Announcer
from flows.display import Display, duration
from flows.execute import execute
from flows.graph import Item, Stopped
from flows.lockfile import LockFile
from flows.session import Session, default_workers, opened
from flows.stage import Outcome, StageFailed, StageTransient, reproduce
from tasks.errors import RegraftError

RETRY_SECONDS = (2.0, 10.0)
"""How long to wait before each new try of a stage that failed in a way that may pass."""


class PipelineFailed(RegraftError):
    """Some items could not be made; all that did not need them was.

    Args:
        failures: what went wrong, by item.
        not_run: the items that need one of those.
    """

    def __init__(self, failures: Mapping[str, StageFailed], not_run: tuple[str, ...]) -> None:
        self.failures, self.not_run = dict(failures), not_run
        super().__init__("\n".join(str(failure) for failure in failures.values()))


def _run_name() -> str:
    return ", ".join(runtime.flow_run.parameters.get("targets") or ["all stages"])


@flow(name="pipeline", flow_run_name=_run_name, validate_parameters=True)
def pipeline(
    targets: list[str] | None = None, workers: Annotated[int | None, Field(ge=1)] = None, force: bool = False
) -> dict[str, str]:
    """Brings the stages of `dvc.yaml` up to date, as `dvc repro` would, and returns how each came to be so.

    Args:
        targets: stages or items to bring up to date; none: all.
        workers: how many run side by side; none: by processors.
        force: run even what has not changed.

    Raises:
        PipelineFailed: if a stage fails; those that do not need it are finished first.
        WorkspaceBusy: if another run is at work in the workspace.
    """
    logger = get_run_logger()
    with opened(Path.cwd(), LogDisplay(logger)) as session:
        outcomes = bring_up(session, targets or (), workers, force)
        if any(name.partition("@")[0] == "select" for name in outcomes):
            artifacts.publish(session.graph.root, None)
        return outcomes


def bring_up(
    session: Session,
    targets: Sequence[str] = (),
    workers: int | None = None,
    force: bool = False,
    warm: bool = True,
) -> dict[str, str]:
    """Does what the flow `pipeline` does, as tasks of the flow run that it is called in.

    Args:
        warm: whether to import the large libraries meanwhile, for stages that need them.

    Raises:
        PipelineFailed: if a stage fails; those that do not need it are finished first.
    """
    items = session.graph.items(targets)
    session.display.plan(list(items))
    if warm:
        session.warm_up(items.values())
    outcomes = _Run(session, items, force).finish(workers or default_workers())
    runs.record(session.graph.root)
    return outcomes


class LogDisplay(Display):
    """Shows notes in the flow run's log, where no terminal shows anything."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def note(self, text: str) -> None:
        """Logs it."""
        self._logger.info(text)


class _Run:
    """One run of the items, in the order that they allow."""

    def __init__(self, session: Session, items: dict[str, Item], force: bool) -> None:
        self._session, self._items, self._force = session, items, force
        self._display, self._lock = session.display, LockFile(list(items))
        self._outcomes: dict[str, str] = {}
        self._failures: dict[str, StageFailed] = {}
        self._running: set[str] = set()

    def finish(self, workers: int) -> dict[str, str]:
        """Runs every item as soon as those that it needs are done and one of `workers` places is free."""
        try:
            self._submit_all(workers)
        except BaseException:  # Ctrl-C and the cancellation of the flow run among them
            if self._running:
                self._display.note(f"Stopping {', '.join(sorted(self._running))}.")
            self._session.graph.stopping.set()
            self._session.worker.stop()  # at once: Prefect waits for its threads before it lets an error out
            raise
        if self._failures:
            raise PipelineFailed(self._failures, tuple(n for n in self._items if n not in self._outcomes))
        return {name: self._outcomes[name] for name in self._items}

    def _submit_all(self, workers: int) -> None:
        step = self._task()
        ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        futures: dict[str, Any] = {}
        done: set[str] = set()
        while len(done) < len(self._items):
            for name, item in self._items.items():
                if name not in futures and done.issuperset(item.needs) and self._has_place(item, workers):
                    # Tags cost: for each one Prefect asks its server for a place, which takes up to two seconds.
                    named = step.with_options(name=item.stage, tags=item.tags)
                    futures[name] = named.submit(name, wait_for=[futures[other] for other in item.needs])
                    futures[name].add_done_callback(_putter(ended, name))
                    self._running.add(name)
            name = ended.get()
            self._running.remove(name)
            done.add(name)
            self._settle(name, futures[name])

    def _has_place(self, item: Item, workers: int) -> bool:
        if item.alone or any(self._items[name].alone for name in self._running):
            return not self._running
        return len(self._running) < workers

    def _task(self) -> Any:
        @task(
            task_run_name="{item}",
            cache_policy=NO_CACHE,  # DVC knows what is up to date; Prefect's cache does not look at files
            retries=len(RETRY_SECONDS),
            retry_delay_seconds=list(RETRY_SECONDS),
            retry_condition_fn=lambda task, run, state: isinstance(
                state.result(raise_on_failure=False), StageTransient
            ),
        )
        def stage(item: str) -> State[Any]:
            return self._reproduce(item)

        return stage

    def _reproduce(self, name: str) -> State[Any]:
        began = time.monotonic()
        announcer = Announcer(name, get_run_logger(), self._display)
        self._display.started(name)
        worker = self._session.worker
        try:
            outcome = reproduce(
                self._session.graph, self._lock, name, lambda job: execute(worker, job, announcer), self._force
            )
        except StageTransient as error:
            announcer.text(f"{error.reason}; it may pass, so it is tried again, {len(RETRY_SECONDS) + 1} times in all")
            raise
        if outcome is Outcome.RAN:
            spent = duration(time.monotonic() - began)
            self._display.finished(name, "done", f"{outcome.value} in {spent}")
            return Completed(message=f"{outcome.value} in {spent}", data=outcome.value)
        self._display.finished(name, "kept", outcome.value)
        return Completed(name="Cached", message=outcome.value, data=outcome.value)

    def _settle(self, name: str, future: Any) -> None:
        future.wait()
        state = future.state
        if state.is_completed():
            self._outcomes[name] = state.result()
            return
        if state.is_pending():  # Prefect did not start it, as something that it needs has failed
            self._display.finished(name, "skipped", "not run, as what it needs has failed")
            return
        error = state.result(raise_on_failure=False)
        if isinstance(error, Stopped):
            raise error
        failure = error if isinstance(error, StageFailed) else StageFailed(name, f"failed: {error!r}")
        self._failures[name] = failure
        self._display.finished(name, "failed", failure.reason)


def _putter(ended: "queue.SimpleQueue[str]", name: str) -> Callable[[Any], None]:
    return lambda _: ended.put(name)
