"""The command line: `regraft`, or `python -m flows`."""

import os
import signal
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from flows import summary
from flows.display import Display, LiveDisplay, PlainDisplay
from tasks.errors import BadInput, RegraftError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Turns labelled text into the best classifier that you can afford to run.\n\n"
    "`regraft run` does all that has to be done, and only that: what has not changed since the last run is kept.",
)

FAILED, MISUSED, INTERRUPTED = 1, 2, 130

Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="STAGE",
        help="A stage (`evaluate`) or one item of it (`evaluate@frozen`). What it needs is brought up to date too. "
        "Without any: everything.",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="How many stages may run side by side. Default: one for every two processors, at least two.",
        show_default=False,
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="If another run is at work here, wait for it to end.")]


@app.command()
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
    with _errors(), _display(console) as display, opened(Path.cwd(), display, settings, wait) as session:
        items = session.graph.items(targets)
        if not force and not any(finding.due for finding in survey(session.graph, items).values()):
            display.note(summary.idle(len(items)))
        else:
            session.warm_up(items.values())  # while Prefect starts
            _run_flow(session.graph.root, targets, workers, force)
        root = session.graph.root
    for line in summary.closing(root, settings):
        console.print(line, highlight=False)


@app.command()
def explain(stages: Targets = None, wait: Wait = False) -> None:
    """Tells what `regraft run` would do, and why. Ends with exit code 1 if it would do anything, 0 if not."""
    from flows import orphans
    from flows.explain import survey
    from flows.session import opened

    console = Console()
    with _errors(), opened(Path.cwd(), PlainDisplay(console), wait=wait, tidy=False) as session:
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


@app.command()
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
    with _errors("regraft ladder"), _display(console) as display:
        made = ladders.make(
            Path.cwd(), display, lambda root, targets: _run_flow(root, targets, workers, False), seeds, wait
        )
    width = console.width if console.is_terminal else ladder_table.WIDTH
    for table in ladder_table.tables(made.ladder, width):
        console.print(table, width=width)
    for line in ladder_table.closing(made.ladder):
        console.print(line, highlight=False, soft_wrap=True)
    if made.failures:
        console.print("When what failed is mended, `regraft ladder` makes only what is missing.", highlight=False)
        raise typer.Exit(FAILED)


class Policy(StrEnum):
    """What to do with a model whose verdict is PROMOTE."""

    AUTO = "auto"
    APPROVE = "approve"
    NEVER = "never"


@app.command()
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
    with _errors("regraft retrain"), _display(console) as display, watched(display, wait), _prefect(find(Path.cwd())):
        from flows.retrain import retrain as flow

        decision = flow(force=force, reason=reason, policy=policy.value if policy else None, workers=workers)
    for line in summary.decided(decision):
        console.print(line, highlight=False, soft_wrap=True)


@app.command()
def score(
    input_: Annotated[str, typer.Argument(metavar="INPUT", help="Texts to classify, in any form that ingest reads.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The file to write; its ending says the format.")],
) -> None:
    """Classifies new texts with the champion, or the selected model if there is none.

    Adds label and confidence to the columns of INPUT.
    """
    from flows.score import score as score_file
    from flows.workspace import find

    with _errors():
        score_file(find(Path.cwd()), input_, output)


@app.command()
def serve() -> None:
    """Retrains and scores on the schedules of params.yaml (`schedule`), until Ctrl-C; needs a Prefect server."""
    from flows import serving
    from flows.workspace import find

    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    console = Console()
    with _errors("regraft serve"):
        serving.serve(find(Path.cwd()), lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True))


@app.command()
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

    with _errors("regraft promote"), _held() as (root, repo):
        done = promotion.promote(root, repo, reason=reason, force=force, commit=commit)
    Console().print(summary.promoted(done), highlight=False)


@app.command()
def rollback(
    version: Annotated[
        str | None,
        typer.Argument(help="A version of `regraft history`. Default: the one before.", show_default=False),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why, in your own words; is kept.", show_default=False)] = None,
) -> None:
    """Puts an earlier model back into service; its files come from DVC's cache or remote, nothing is trained."""
    from flows import promotion

    with _errors("regraft rollback"), _held() as (root, repo):
        done = promotion.rollback(root, repo, version, reason)
    Console().print(summary.promoted(done), highlight=False)


@app.command()
def history() -> None:
    """Lists the models that were put into service and the decisions of `regraft retrain`, with when and why."""
    from flows import history as histories
    from flows.workspace import find

    console = Console()
    with _errors():
        root = find(Path.cwd())
        decisions = histories.decisions(root)
        try:
            console.print(histories.table(root) or histories.NONE, highlight=False)
        except BadInput:
            if decisions is None:  # without git there are no models in service, but there can be decisions
                raise
        if decisions is not None:
            console.print(decisions, highlight=False)


@app.command()
def gc(
    keep_runs: Annotated[
        int | None,
        typer.Option(min=1, help="Last runs to keep. Default: `retention.runs` of params.yaml.", show_default=False),
    ] = None,
    keep_best: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Best candidates of earlier runs to keep. Default: `retention.best` of params.yaml.",
            show_default=False,
        ),
    ] = None,
    remote: Annotated[
        bool,
        typer.Option(
            "--remote", help="Also the remote. It then loses what only other clones know of: run `git fetch` first."
        ),
    ] = False,
    own_cache: Annotated[
        bool, typer.Option("--own-cache", help="DVC's cache lies elsewhere, but no other project uses it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be freed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Wait = False,
) -> None:
    """Frees space: removes files, run cache entries, checkpoints and leftovers that nothing needs any more.

    Kept are, whatever the options: all that dvc.lock names now, what any branch, tag or experiment names (so every
    model that was ever in service), and the ladder.
    """
    from flows import gc as collection
    from flows.graph import Graph
    from flows.retention import policy
    from flows.workspace import find, held

    console = Console()
    with _errors("regraft gc"), chdir(find(Path.cwd())), held(Path.cwd(), wait):
        root = Path.cwd()
        graph, keep = Graph(root, lambda text: console.print(text, highlight=False)), policy(root, keep_runs, keep_best)
        try:
            plan = collection.plan(graph, keep, with_remote=remote, own_cache=own_cache)
            for shown in summary.freeable(plan):
                console.print(shown, highlight=False)
            if dry_run or not plan.parts or not (yes or typer.confirm(f"Free {summary.size(plan.size)}?")):
                return
            freed = collection.free(graph, plan, keep, with_remote=remote, own_cache=own_cache)
            console.print(f"{summary.size(freed)} freed.", highlight=False)
        finally:
            graph.close()


@app.command(hidden=True)
def links() -> None:
    """Refreshes the folder `links/`, in which DVC sees libraries, encoders and data outside the project."""
    from flows.links import refresh
    from flows.workspace import find

    with _errors():
        refresh(find(Path.cwd()))


def _run_flow(root: Path, targets: list[str], workers: int | None, force: bool) -> None:
    with _prefect(root):
        from flows.pipeline import pipeline

        pipeline(targets=targets or None, workers=workers, force=force)


@contextmanager
def _prefect(root: Path) -> Iterator[None]:
    """Sees to a server while a flow runs, and says in one sentence if there is none; import the flow within it."""
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")  # the display shows all of it
    from httpx import HTTPError

    from flows import server

    try:
        with server.available(root):
            yield
    except (HTTPError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "API" not in str(error):  # Prefect has no class of its own for this
            raise
        fix = "Start the server that PREFECT_API_URL names, or unset it to use a temporary one."
        raise BadInput("Prefect", "a server that answers", " ".join(str(error).split()), fix) from error


@contextmanager
def _held() -> "Iterator[tuple[Path, Any]]":
    """Yields the workspace and DVC's view of it; waits for another run to end, so that both are recorded."""
    from flows import champion, promotion
    from flows.workspace import find, held

    root = find(Path.cwd())
    with chdir(root), held(root, wait=True), promotion.opened(root) as repo:
        champion.sync(root, repo)
        yield root, repo


def _display(console: Console) -> Display:
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)


@contextmanager
def _errors(again: str = "regraft run") -> Iterator[None]:
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


def main() -> None:
    """Runs the command line."""
    app(prog_name="regraft")


if __name__ == "__main__":
    main()
