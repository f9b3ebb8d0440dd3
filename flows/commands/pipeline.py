"""`regraft run`, `explain`, `ladder` and `links`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows import summary
from flows.commands.options import Targets, Wait, Workers
from flows.commands.surroundings import FAILED, display_on, errors, run_flow
from flows.display import PlainDisplay


def run(
    stages: Targets = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Use another value of a parameter for this run only, such as `candidates.finetune.epochs=2`. "
            "The value is YAML. Can be given more than once.",
            show_default=False,
        ),
    ] = None,
    workers: Workers = None,
    force: Annotated[bool, typer.Option("--force", help="Run the stages even if nothing has changed.")] = False,
    wait: Wait = False,
) -> None:
    """Brings the pipeline up to date: runs what has changed, keeps the rest."""
    from flows.explain import survey
    from flows.session import opened

    targets, settings, console = stages or [], set_ or [], Console()
    with errors(), display_on(console) as display, opened(Path.cwd(), display, settings, wait) as session:
        items = session.graph.items(targets)
        if not force and not any(finding.due for finding in survey(session.graph, items).values()):
            display.note(summary.idle(len(items)))
        else:
            session.warm_up(items.values())  # while Prefect starts
            run_flow(session.graph.root, targets, workers, force)
        root = session.graph.root
    for line in summary.closing(root, settings):
        console.print(line, highlight=False)


def explain(stages: Targets = None, wait: Wait = False) -> None:
    """Tells what `regraft run` would do, and why. Ends with exit code 1 if it would do anything, 0 if not."""
    from flows import orphans
    from flows.explain import survey
    from flows.session import opened

    console = Console()
    with errors(), opened(Path.cwd(), PlainDisplay(console), wait=wait, tidy=False) as session:
        gone = orphans.find(session.graph)
        findings = survey(session.graph, session.graph.items(stages or []), gone)
    due = {name: finding for name, finding in findings.items() if finding.due}
    if due:
        console.print(summary.explanation(due, len(findings) - len(due)))
    for line in summary.removals(gone):
        console.print(line, highlight=False)
    if due or gone:
        raise typer.Exit(1)
    console.print(summary.idle(len(findings)), highlight=False)


def ladder(
    seeds: Annotated[
        int | None,
        typer.Option(
            min=3, help="Models to train of each recipe. Default: `ladder.seeds` of params.yaml.", show_default=False
        ),
    ] = None,
    workers: Workers = None,
    wait: Wait = False,
) -> None:
    """Shows what each strategy gives on your rows: switches them on one by one, then off in the full recipe.

    The recipes stand in params.yaml under `ladder`. They are made in a workspace of their own, `.regraft/ladder/`,
    which shares the cache: a second ladder runs nothing. Writes reports/ladder.html, .md, .svg and .json, from
    validation rows alone; the next `regraft run` puts it into the report.
    """
    from flows import ladder as ladders
    from flows import ladder_table

    console = Console()
    with errors("regraft ladder"), display_on(console) as display:
        made = ladders.make(
            Path.cwd(), display, lambda root, targets: run_flow(root, targets, workers, False), seeds, wait
        )
    width = console.width if console.is_terminal else ladder_table.WIDTH
    for table in ladder_table.tables(made.ladder, width):
        console.print(table, width=width)
    for line in ladder_table.closing(made.ladder):
        console.print(line, highlight=False, soft_wrap=True)
    if made.failures:
        console.print("When what failed is mended, `regraft ladder` makes only what is missing.", highlight=False)
        raise typer.Exit(FAILED)


def links() -> None:
    """Refreshes the folder `links/`, in which DVC sees libraries, encoders and data outside the project."""
    from flows.links import refresh
    from flows.workspace import find

    with errors():
        refresh(find(Path.cwd()))
