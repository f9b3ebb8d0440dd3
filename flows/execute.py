"""The commands of one job, run one after the other to their end; what each way to end means."""

from collections import deque
from typing import Protocol

from flows.secrets import redacted
from flows.stage import Job, StageFailed, StageTransient, shell_command
from flows.worker import NurseryLost, Worker

TRY_AGAIN = 75
"""The exit code that says that it may pass: EX_TEMPFAIL of sysexits.h."""
_TAIL_LINES = 12


class Listener(Protocol):
    """What hears each line of output."""

    def line(self, text: str) -> bool:
        """Takes a line; returns whether it was log rather than progress."""


def execute(worker: Worker, job: Job, listener: Listener) -> None:
    """Runs a job.

    Raises:
        StageTransient: if a command ended with 75, so that another try may help.
        StageFailed: if one failed otherwise, was killed or was lost.
        Stopped: if the worker was told to stop.
    """
    tail: deque[str] = deque(maxlen=_TAIL_LINES)

    def line(text: str) -> None:
        text = redacted(text)  # it goes to the terminal, to files and to the server
        if listener.line(text):
            tail.append(text)

    for command in job.commands:
        try:
            code = worker.run(command, shell_command(command), job.folder, job.environment, line)
        except NurseryLost as error:
            raise StageFailed(job.name, f"was lost: {error}", tuple(tail)) from error
        if code == TRY_AGAIN:
            raise StageTransient(job.name, f"ended with exit code {code}", tuple(tail))
        if code < 0:
            hint = ", often for lack of memory" if code == -9 else ""
            raise StageFailed(job.name, f"was killed by signal {-code}{hint}", tuple(tail))
        if code:
            raise StageFailed(job.name, f"failed with exit code {code}", tuple(tail))
