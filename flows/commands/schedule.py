"""`regraft retrain`, `score` and `serve`: what runs again and again."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows import summary
from flows.commands.options import Wait, Workers
from flows.commands.surroundings import display_on, errors, prefect_server


class Policy(StrEnum):
    """What to do with a model whose verdict is PROMOTE."""

    AUTO = "auto"
    APPROVE = "approve"
    NEVER = "never"


def retrain(
    force: Annotated[bool, typer.Option("--force", help="Retrain even if nothing speaks for it.")] = False,
    reason: Annotated[
        str | None, typer.Option(help="Why you ask for it, in your own words; is kept.", show_default=False)
    ] = None,
    policy: Annotated[
        Policy | None,
        typer.Option(
            help="What to do with a better model: put it into service, ask a person, or only record it. "
            "Default: `retrain.policy` of params.yaml.",
            show_default=False,
        ),
    ] = None,
    workers: Workers = None,
    wait: Wait = False,
) -> None:
    """Retrains if there is reason to (new rows, new labels, drift, age, a changed recipe), and decides on the result.

    Each run writes its decision and the reasons to reports/decision.json; `regraft history` lists them.
    """
    from flows.session import watched
    from flows.workspace import find

    console = Console()
    with (
        errors("regraft retrain"),
        display_on(console) as display,
        watched(display, wait),
        prefect_server(find(Path.cwd())),
    ):
        from flows.retrain import retrain as flow

        decision = flow(force=force, reason=reason, policy=policy.value if policy else None, workers=workers)
    for line in summary.decided(decision):
        console.print(line, highlight=False, soft_wrap=True)


def score(
    input_: Annotated[str, typer.Argument(metavar="INPUT", help="Texts to classify, in any form that ingest reads.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The file to write; its ending says the format.")],
) -> None:
    """Classifies new texts with the champion, or the selected model if there is none.

    Adds label and confidence to the columns of INPUT.
    """
    from flows.score import score as score_file
    from flows.workspace import find

    with errors():
        score_file(find(Path.cwd()), input_, output)


def serve() -> None:
    """Retrains and scores on the schedules of params.yaml (`schedule`), until Ctrl-C; needs a Prefect server."""
    from flows import serving
    from flows.workspace import find

    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    console = Console()
    with errors("regraft serve"):
        serving.serve(find(Path.cwd()), lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True))
