"""`regraft gc`."""

from contextlib import chdir
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows import summary
from flows.commands.options import Wait
from flows.commands.surroundings import errors


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
    with errors("regraft gc"), chdir(find(Path.cwd())), held(Path.cwd(), wait):
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
