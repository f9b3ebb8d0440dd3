"""What a command works within: a display, a Prefect server, the workspace; its errors as messages and exit codes."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from flows import summary
from flows.display import Display, LiveDisplay, PlainDisplay
from flows.secrets import redacted
from tasks.errors import BadInput, RegraftError

FAILED, MISUSED, INTERRUPTED = 1, 2, 130


@contextmanager
def errors(again: str = "regraft run") -> Iterator[None]:
    """Turns errors into messages and exit codes; `again` is the command that goes on after a stop."""
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it is as orderly as Ctrl-C
    try:
        yield
    except KeyboardInterrupt:
        console.print(f"Stopped. What was finished is kept: `{again}` continues from there.", highlight=False)
        raise typer.Exit(INTERRUPTED) from None
    except RegraftError as error:
        for line in summary.failure(error, again):
            console.print(line, highlight=False, soft_wrap=True)
        raise typer.Exit(FAILED if summary.is_failed_run(error) else MISUSED) from None
    except OSError as error:
        where, what = error.filename or Path.cwd(), error.strerror or str(error)
        advice = "Free some space, or make it writable for this user, then run again."
        console.print(f"error: {where}: {what}. {advice}", highlight=False, soft_wrap=True)
        raise typer.Exit(MISUSED) from None


def display_on(console: Console) -> Display:
    """A display that redraws itself on a terminal, and one of plain lines in a log."""
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)


@contextmanager
def registry_held() -> Iterator[tuple[Path, Any]]:
    """Yields the workspace and DVC's view of it; waits for another run to end, so that both are recorded."""
    from flows import champion, promotion
    from flows.workspace import find, held

    root = find(Path.cwd())
    with chdir(root), held(root, wait=True), promotion.opened(root) as repo:
        champion.sync(root, repo)
        yield root, repo


@contextmanager
def prefect_server(root: Path) -> Iterator[None]:
    """Sees to a server while a flow runs, and says in one sentence if there is none; import the flow within it."""
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")  # the display shows all of it
    # A server that is lost would be complained of by every event and every line that it does not take.
    os.environ.setdefault("PREFECT_LOGGING_INTERNAL_LEVEL", "CRITICAL")
    logging.raiseExceptions = False
    from httpx import HTTPError

    from flows import server

    try:
        with server.available(root):
            yield
    except (HTTPError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "API" not in str(error):  # Prefect has no class of its own for this
            raise
        found = redacted(" ".join(str(error).split()))  # it may hold the address, and that a password
        fix = "Start the server that PREFECT_API_URL names, or unset it to use a temporary one; what was made is kept."
        raise BadInput("Prefect", "a server that answers", found, fix) from error


def run_flow(root: Path, targets: list[str], workers: int | None, force: bool) -> None:
    """Runs the flow `pipeline` in this process, up to `targets`; all of it without any."""
    with prefect_server(root):
        from flows.pipeline import pipeline

        pipeline(targets=targets or None, workers=workers, force=force)
