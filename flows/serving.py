"""`regraft serve`: retraining and scoring on their schedules, one run of each at a time, until it is stopped.

A Prefect server keeps the schedules; this process asks it for runs that are due, and runs each in a process of its own
in the workspace. A server that is not there yet, or goes away, is waited for.
"""

import time
from collections.abc import Callable
from contextlib import chdir, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tasks import block
from tasks.block import PARAMS
from tasks.errors import BadInput, RegraftError
from tasks.retraining.schedule_params import ScheduleParams, Timing

DEPLOYMENT = "regraft"
"""Name of both deployments: `retrain/regraft` and `score/regraft`."""

_ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)  # intervals are counted from here, so that a restart does not move them
_POLL_SECONDS = 2.0
_ANSWER_SECONDS = 10.0
_AUTH = "PREFECT_API_AUTH_STRING"
Say = Callable[[str], None]


def serve(root: Path, say: Say) -> None:
    """Serves the flows that the block `schedule` asks for, until Ctrl-C or SIGTERM.

    Args:
        root: the workspace.
        say: is told what happens, a line at a time.

    Raises:
        BadInput: if no server is configured, it refuses us, or there is nothing to serve.
        ParamsError: if the block is not usable.
    """
    address = _address()
    deployments = made(block.parse(ScheduleParams, block.load(root / PARAMS).get("schedule", {}), "schedule"), root)
    with chdir(root), suppress(KeyboardInterrupt):
        while True:
            _wait_for_server(address, say)
            if _served(deployments, address, say):
                break
    say("Stopped. Schedules are paused until `regraft serve` runs again.")


def made(schedule: ScheduleParams, root: Path) -> list[Any]:
    """The deployments, as Prefect has them.

    Raises:
        BadInput: if there are none, or Prefect cannot read a schedule.
    """
    from flows.retrain import retrain
    from flows.scoring import score

    wanted = [(retrain, schedule.retrain, "retrain"), (score, schedule.score, "score")]
    found = [_deployment(flow, timing, name, root) for flow, timing, name in wanted if timing is not None]
    if not found:
        raise BadInput(f"{PARAMS}: schedule", "retrain or score", "null for both", "Say when one of them is to run.")
    return found


def _deployment(flow: Any, timing: Timing, name: str, root: Path) -> Any:
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.types.entrypoint import EntrypointType
    from pydantic import ValidationError

    about = (flow.description or name).partition("\n\n")[0]  # what follows are arguments, which the form explains
    try:
        return flow.to_deployment(
            DEPLOYMENT,
            schedule=_schedule(timing),
            paused=timing.paused,
            # What is due while a run is at work would find nothing to do after it.
            concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
            description=f"{' '.join(about.split())}\n\nOf the workspace `{root.name}`.",
            tags=["regraft", root.name],
            entrypoint_type=EntrypointType.MODULE_PATH,  # which needs no copy of the code
        )
    except (ValidationError, ValueError) as error:
        found = " ".join(str(error).split())
        raise BadInput(f"{PARAMS}: schedule.{name}", "a schedule that Prefect can read", found, "Correct it.") from None


def _schedule(timing: Timing) -> Any:
    from prefect.schedules import Cron, Interval

    if timing.interval_hours is None:  # one of the two there is, as the parameters were checked
        return Cron(str(timing.cron), timezone=timing.timezone)
    return Interval(timedelta(hours=timing.interval_hours), _ANCHOR, timezone=timing.timezone)


def _address() -> str:
    from prefect.settings import PREFECT_API_URL

    address = PREFECT_API_URL.value()
    if not address:
        fix = (
            "Start one with `prefect server start` (and leave it running), then "
            "`export PREFECT_API_URL=http://127.0.0.1:4200/api`. Its page shows all runs."
        )
        raise BadInput("PREFECT_API_URL", "the address of a Prefect server that keeps the schedules", "none", fix)
    return str(address)


def _wait_for_server(address: str, say: Say) -> None:
    """Returns when the server answers and lets us in.

    Raises:
        BadInput: if it does not let us in.
    """
    told = False
    while (trouble := _trouble()) is not None:
        if not told:
            say(
                f"Waiting for the Prefect server at {_shown(address)}, which does not answer ({trouble}). "
                "`prefect server start` starts one; Ctrl-C ends this."
            )
            told = True
        time.sleep(_POLL_SECONDS)


def _trouble() -> str | None:
    """Why the server cannot be used now; None if it can.

    Raises:
        BadInput: if it wants other credentials, which waiting does not bring.
    """
    from httpx import HTTPStatusError, RequestError
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: _ANSWER_SECONDS}):
        try:
            with get_client(sync_client=True) as client:
                client.read_flows(limit=1)
        except HTTPStatusError as error:
            if error.response.status_code in (401, 403):
                fix = f"Set {_AUTH} to the user:password that the server was started with."
                raise BadInput(_AUTH, "what the server takes", "something that it refuses", fix) from None
            return f"it answers with status {error.response.status_code}"
        except RequestError as error:
            return " ".join(str(error).split()) or type(error).__name__
    return None


def _served(deployments: list[Any], address: str, say: Say) -> bool:
    """Serves; returns whether it was asked to stop, as opposed to having lost its server."""
    import prefect

    for one in deployments:
        say(f"{one.full_name}: {_when(one)}")
    say(f"Runs: {_shown(address).removesuffix('/api')}. Ctrl-C ends this.")
    try:
        prefect.serve(*deployments, print_starting_message=False)
    except Exception as error:
        if isinstance(error, RegraftError) or _trouble() is None:
            raise
        say("The Prefect server has gone.")
        return False
    return True


def _when(deployment: Any) -> str:
    """When a deployment runs by itself, in words."""
    if deployment.paused:
        return "paused; a person can start it in the Prefect UI"
    schedule = deployment.schedules[0].schedule
    cron = getattr(schedule, "cron", None)
    return f"cron {cron}, {schedule.timezone}" if cron else f"every {schedule.interval}"


def _shown(address: str) -> str:
    """An address without user and password."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
