"""A person's word on a challenger: in the Prefect UI, or by `regraft promote` meanwhile."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from prefect.exceptions import FlowPauseTimeout, NotPausedError
from prefect.flow_runs import pause_flow_run, resume_flow_run
from prefect.input import RunInput
from pydantic import Field

from tasks.errors import RegraftError

POLL_SECONDS = 5
"""How often it is looked whether somebody has answered."""
_MARGIN_SECONDS = 600
"""How much later than we Prefect would give up: what it gives up it also takes for failed."""


class Answer(RunInput):
    """What is to become of the challenger."""

    answer: Literal["promote", "hold"] = Field(
        default="hold", description="promote: it takes the champion's place now; hold: the champion stays."
    )
    reason: str = Field(default="", description="Why, in your own words; is kept with the decision.")


@dataclass(frozen=True)
class Reply:
    """How the waiting ended.

    Attributes:
        by: `person`: who answered; `elsewhere`: the champion changed meanwhile; `nobody`: time ran out.
        promote: whether the person wants the challenger.
        reason: what the person says.
    """

    by: Literal["person", "elsewhere", "nobody"]
    promote: bool = False
    reason: str = ""


def ask(run: UUID, question: str, hours: float, settled: Callable[[], bool]) -> Reply:
    """Pauses the flow run until a person answers.

    Args:
        run: the flow run that this is called in.
        question: Markdown, shown above the form in the UI.
        hours: after which it goes on without an answer.
        settled: whether the champion has changed, so that there is no more to ask.
    """
    watch = _Watch(run, hours, settled)
    thread = threading.Thread(target=copy_context().run, args=(watch.follow,), daemon=True)  # Prefect's settings too
    thread.start()
    try:
        form = Answer.with_initial_data(description=question)
        seconds = int(hours * 3600) + _MARGIN_SECONDS
        answer: Answer = pause_flow_run(wait_for_input=form, timeout=seconds, poll_interval=POLL_SECONDS)
    finally:
        watch.done.set()
        thread.join()
    if watch.resumed is not None:
        return Reply(watch.resumed)
    return Reply("person", answer.answer == "promote", answer.reason)


def question(selection: Mapping[str, Any], because: Sequence[str], before: str | None) -> str:
    """What is asked, in Markdown.

    Args:
        selection: what `reports/selection.json` holds.
        because: the causes of the retrain, a sentence each.
        before: the version in service.
    """
    place = f"in place of {before}" if before else "as the first champion"
    causes, reasons = ("\n".join(f"- {reason}" for reason in each) for each in (because, selection["reasons"]))
    return (
        f"**Put {selection['winner']} into service {place}?**\n\n"
        f"It was made because:\n\n{causes}\n\n"
        f"The verdict is {selection['verdict']}:\n\n{reasons}\n\n"
        "More is in reports/report.html, and in the artifacts of this run."
    )


class _Watch:
    """Resumes the flow run itself when there is no more to wait for."""

    def __init__(self, run: UUID, hours: float, settled: Callable[[], bool]) -> None:
        self._run, self._settled = run, settled
        self._deadline = time.monotonic() + hours * 3600
        self.done = threading.Event()
        self.resumed: Literal["elsewhere", "nobody"] | None = None

    def follow(self) -> None:
        from httpx import HTTPError

        while not self.done.wait(POLL_SECONDS):
            if self._is_settled():
                by: Literal["elsewhere", "nobody"] = "elsewhere"
            elif time.monotonic() >= self._deadline:
                by = "nobody"
            else:
                continue
            try:
                resume_flow_run(self._run, run_input={"answer": "hold", "reason": ""})
            except (NotPausedError, FlowPauseTimeout, HTTPError, RuntimeError):
                continue  # somebody was quicker, or the server is away for a while
            self.resumed = by
            return

    def _is_settled(self) -> bool:
        try:
            return self._settled()
        except RegraftError:  # git may be busy; it is asked again
            return False
