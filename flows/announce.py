"""Hands on what a running stage says: to the terminal, and to its Prefect task run."""

import json
import time
from typing import Any, cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from flows.artifacts import patient
from flows.display import Display, progress_text
from tasks.progress import MARK

ARTIFACT_SECONDS = 5.0
"""How often Prefect is told of progress; each time is a request to its server."""


class Announcer:
    """Takes the lines of one item.

    Args:
        logger: the log of its Prefect task run.
        display: the terminal.
    """

    def __init__(self, name: str, logger: Any, display: Display) -> None:
        self._name, self._logger, self._display = name, logger, display
        self._artifacts: dict[str, UUID] = {}
        self._lost = False
        self._told = time.monotonic()

    def line(self, text: str) -> bool:
        """Hands on one line of output; returns whether it was log rather than progress."""
        report = _report(text)
        if report is None:
            self.text(text)
            return True
        self._display.progress(self._name, report)
        now = time.monotonic()
        if now - self._told >= ARTIFACT_SECONDS:
            self._told = now
            self._tell(report)
        return False

    def text(self, text: str) -> None:
        """Hands on a line of log."""
        if text.strip():
            self._logger.info(text)
        self._display.line(self._name, text)

    def _tell(self, report: dict[str, Any]) -> None:
        if not report.get("total"):
            self._logger.info(progress_text(report))
            return
        share, text = 100.0 * report["done"] / report["total"], progress_text(report)
        if self._lost:
            return
        # What a person watches must not stop the work, and this thread reads the stage's output: a server that is down
        # is asked once, and not for long.
        try:
            with patient():
                known = self._artifacts.get(report["what"])
                if known is None:
                    made = create_progress_artifact(share, description=f"{self._name}: {text}")
                    self._artifacts[report["what"]] = cast(UUID, made)  # no coroutine, as this thread runs no loop
                else:
                    update_progress_artifact(known, share, description=f"{self._name}: {text}")
        except Exception:
            self._lost = True


def _report(text: str) -> dict[str, Any] | None:
    if not text.startswith(MARK):
        return None
    try:
        report = json.loads(text.removeprefix(MARK))
    except ValueError:
        return None
    complete = isinstance(report, dict) and report.keys() >= {"what", "done", "total", "unit", "figures"}
    return report if complete else None
