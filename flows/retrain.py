"""The Prefect flow `retrain`: makes models anew where that is worth it, and says each time what was decided and why."""

import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, get_run_logger, runtime
from pydantic import Field

from flows import session as sessions
from flows.graph import Stopped
from flows.pipeline import LogDisplay
from flows.retraining import Options, Retraining, sentence
from flows.workspace import WorkspaceBusy
from tasks.errors import RegraftError
from tasks.retraining.params import Policy


class RetrainFailed(RegraftError):
    """A retrain that failed, or could not do all that follows its decision; the decision says so too.

    Args:
        message: what went wrong.
        cause: the error, of whose stages `failures` and `not_run` tell; None where there is none.
    """

    def __init__(self, message: str, cause: BaseException | None = None) -> None:
        self.failures: dict[str, Any] = dict(getattr(cause, "failures", {}))
        self.not_run: tuple[str, ...] = tuple(getattr(cause, "not_run", ()))
        super().__init__(message)


def _run_name() -> str:
    return f"retrain {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


@flow(name="retrain", flow_run_name=_run_name, validate_parameters=True)
def retrain(
    force: bool = False,
    reason: str | None = None,
    policy: Policy | None = None,
    workers: Annotated[int | None, Field(ge=1)] = None,
) -> dict[str, Any]:
    """Looks whether there is reason to retrain; if so, makes what is due, judges it and follows the policy.

    Without a reason it ends within seconds. Every run writes its decision to `reports/decision.json`.

    Args:
        force: retrain even if nothing speaks for it.
        reason: why it is asked for, in your own words; is recorded.
        policy: what to do with a better model. auto: put it into service; approve: ask a person; never: only record
            it; none: as `retrain.policy` of params.yaml says.
        workers: how many stages run side by side; none: by processors.

    Returns:
        The decision.

    Raises:
        RetrainFailed: if something failed; champion and workspace are as they were, and the next run tries again.
        WorkspaceBusy: if another run is at work in the workspace, and whoever looks on does not want to wait.
    """
    watch, logger = sessions.watch(), get_run_logger()
    options = Options(force, reason, policy, workers, wait=watch.wait if watch else True)
    work = Retraining(
        Path.cwd(), watch.display if watch else LogDisplay(logger), options, str(runtime.flow_run.id), logger
    )
    return carry_out(work)


def carry_out(work: Retraining) -> dict[str, Any]:
    """Lets a run come to its decision, and writes down if it fails.

    Raises:
        RetrainFailed, WorkspaceBusy: as `retrain` does.
    """
    try:
        record = work.decide()
    except (WorkspaceBusy, Stopped):
        raise
    except Exception as error:
        work.record_failure(error)
        said = str(error) if isinstance(error, RegraftError) else sentence(error)
        shown = "".join(traceback.format_exception(error))  # with its causes, as logs show it
        if work.harmless(shown) != shown:
            raise RetrainFailed(work.harmless(said), error) from None
        if isinstance(error, (RegraftError, OSError)):  # the latter such as a full disk
            raise RetrainFailed(said, error) from error
        raise
    if record["problems"]:
        raise RetrainFailed(" ".join(record["problems"]))
    return record
