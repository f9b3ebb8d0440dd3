"""`regraft promote`, `rollback` and `history`: which model is in service, and which ones were."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows import summary
from flows.commands.surroundings import errors, registry_held
from tasks.errors import BadInput


def promote(
    force: Annotated[
        bool, typer.Option("--force", help="Put it into service whatever the verdict; needs a reason.")
    ] = False,
    reason: Annotated[
        str | None, typer.Option(help="Why, in your own words; is kept with the promotion.", show_default=False)
    ] = None,
    commit: Annotated[
        bool, typer.Option("--commit", help="Commit dvc.lock, dvc.yaml and params.yaml first, if they are not.")
    ] = False,
) -> None:
    """Puts the selected model into service, as a version in git's tags: it becomes the champion (models/champion/)."""
    from flows import promotion

    with errors("regraft promote"), registry_held() as (root, repo):
        done = promotion.promote(root, repo, reason=reason, force=force, commit=commit)
    Console().print(summary.promoted(done), highlight=False)


def rollback(
    version: Annotated[
        str | None,
        typer.Argument(help="A version of `regraft history`. Default: the one before.", show_default=False),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why, in your own words; is kept.", show_default=False)] = None,
) -> None:
    """Puts an earlier model back into service; its files come from DVC's cache or remote, nothing is trained."""
    from flows import promotion

    with errors("regraft rollback"), registry_held() as (root, repo):
        done = promotion.rollback(root, repo, version, reason)
    Console().print(summary.promoted(done), highlight=False)


def history() -> None:
    """Lists the models that were put into service and the decisions of `regraft retrain`, with when and why."""
    from flows import history as histories
    from flows.workspace import find

    console = Console()
    with errors():
        root = find(Path.cwd())
        decisions = histories.decisions(root)
        try:
            console.print(histories.table(root) or histories.NONE, highlight=False)
        except BadInput:
            if decisions is None:  # without git there are no models in service, but there can be decisions
                raise
        if decisions is not None:
            console.print(decisions, highlight=False)
