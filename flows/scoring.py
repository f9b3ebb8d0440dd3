"""The Prefect flow `score`: rows of new files that have no answer yet, on a schedule (`schedule.score`)."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from flows import batch_summary, champion, workspace
from flows.batch import Batch
from flows.registry import Registry
from flows.score import SELECTED, in_use
from flows.scored import Scored
from tasks import block, model
from tasks.block import PARAMS
from tasks.errors import BadInput, RegraftError, TransientError
from tasks.ingest.params import IngestParams
from tasks.ingest.places import Place
from tasks.retraining.schedule_params import ScheduleParams, ScoreTiming

ARTIFACT = "regraft-scored"
"""Key of the artifact with the summary."""

RETRY_SECONDS = (5.0, 30.0)
"""How long to wait before each new try of a file whose reading failed in a way that may pass."""

_LOCK = Path(".dvc/tmp/regraft-score.lock")


class FilesFailed(RegraftError):
    """Some files could not be scored; all others were.

    Args:
        failures: why, by file.
    """

    def __init__(self, failures: Mapping[str, str]) -> None:
        self.files = dict(failures)
        super().__init__("\n".join(failures.values()))


@flow(name="score", flow_run_name="score new rows", validate_parameters=True)
def score(inputs: list[str] | None = None, rescore: bool | None = None) -> dict[str, Any]:
    """Scores the rows of new files that have no answer yet, with the champion, and returns what was done.

    Args:
        inputs: files, globs or folders to score; none: those of `schedule.score.inputs`.
        rescore: score again what an earlier model has scored; none: as `schedule.score.rescore` says.

    Raises:
        BadInput: if `params.yaml` does not say what to score and where to write, or there is no model.
        FilesFailed: if files or inputs cannot be used; all others are scored first.
        WorkspaceBusy: if another run is scoring here.
    """
    logger = get_run_logger()
    root = workspace.find(Path.cwd())
    timing = _timing(root)
    with workspace.held(root, say=logger.info, lock=_LOCK), Scored(root / timing.output) as scored:
        _bring_champion(root, logger)
        ingest = block.read(root, "ingest", IngestParams)
        job = Batch(root, timing, ingest, scored, timing.rescore if rescore is None else rescore)
        due = job.due(inputs or timing.inputs)
        for name in due.missing:
            logger.info(f"{name}: there is no such file yet")
        failures = {**due.failed, **_score_files(job, due.places)}
        summary = batch_summary.write(root, job.folder, due.unchanged, due.settling, failures)
    logger.info(
        f"{summary['rows']:,} new rows scored; {summary['rejected']:,} could not be read; {due.unchanged} files had "
        f"nothing new; {len(due.settling)} may still be being written, and are left for the next run."
    )
    if summary["parts"] or failures:
        with contextlib.suppress(Exception):  # a server that has gone loses the page, not the answers
            create_markdown_artifact(
                batch_summary.markdown(summary), ARTIFACT, f"What batch scoring wrote into {timing.output}"
            )
    if failures:
        raise FilesFailed(failures)
    return summary


def _score_files(job: Batch, places: tuple[Place, ...]) -> dict[str, str]:
    """Scores each file as a task of its own; returns why those failed that did."""

    @task(
        name="score file",
        task_run_name="{file}",
        cache_policy=NO_CACHE,  # the index knows what was scored
        retries=len(RETRY_SECONDS),
        retry_delay_seconds=list(RETRY_SECONDS),
        retry_condition_fn=lambda task, run, state: isinstance(
            state.result(raise_on_failure=False), TransientError | OSError
        ),
    )
    def score_file(file: str) -> int:
        rows = job.score(by_name[file])
        get_run_logger().info(f"{rows:,} new rows")
        return rows

    by_name = {place.name: place for place in places}
    failures = {}
    for name in by_name:
        state = score_file(name, return_state=True)
        error: Any = None if state.is_completed() else state.result(raise_on_failure=False)
        if isinstance(error, RegraftError | OSError):
            failures[name] = str(error)
        elif error is not None:
            raise error
    return failures


def _timing(root: Path) -> ScoreTiming:
    params = block.parse(ScheduleParams, block.load(root / PARAMS).get("schedule", {}), "schedule")
    if params.score is None:
        fix = "Add it, such as {inputs: [inbox/*.csv], output: scored/, cron: '*/30 * * * *'}."
        raise BadInput(f"{PARAMS}: schedule.score", "what to score, and where to write", "nothing", fix)
    return params.score


def _bring_champion(root: Path, logger: Any) -> None:
    """Fetches the model in service where it is not here, as in a fresh clone, or where an earlier one is.

    Raises:
        BadInput: if there is no model at all, or the files of the one in service cannot be had.
    """
    version = _appointed(root)
    if version is not None and version != champion.present(root):
        from flows import promotion

        with workspace.held(root, wait=True, say=logger.info), promotion.opened(root) as repo:
            logger.info(f"{champion.sync(root, repo)} was fetched.")
    if not (root / in_use(root) / model.CARD).is_file():
        fix = "Run `regraft run`, or `dvc pull` in a clone."
        raise BadInput(str(SELECTED), "a model to score with", "none", fix)


def _appointed(root: Path) -> str | None:
    """The version of the model in service; None without one."""
    try:
        appointed = Registry(root).champion()
    except BadInput:  # there is no git repository, and so no version
        return None
    return appointed.version if appointed else None
