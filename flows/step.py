"""One thing that a flow does beside the stages, as a task of its own in the flow run: seen, logged, tried again."""

from collections.abc import Callable
from typing import TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows import pipeline
from flows.stage import StageTransient
from tasks.errors import TransientError

T = TypeVar("T")


def step(name: str, do: Callable[[], T]) -> T:
    """Does it as a task of that name. What may pass is tried again, as often as a stage; all else is raised at once."""

    @task(
        name=name,
        task_run_name=name,
        cache_policy=NO_CACHE,
        retries=len(pipeline.RETRY_SECONDS),
        retry_delay_seconds=list(pipeline.RETRY_SECONDS),
        retry_condition_fn=lambda task, run, state: isinstance(
            state.result(raise_on_failure=False), (TransientError, StageTransient)
        ),
    )
    def done() -> T:
        return do()

    return done()
