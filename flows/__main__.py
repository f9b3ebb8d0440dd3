"""The command line: `regraft`, or `python -m flows`."""

import typer

from flows.commands.pipeline import explain, ladder, links, run
from flows.commands.schedule import retrain, score, serve
from flows.commands.service import history, promote, rollback
from flows.commands.space import gc

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Turns labelled text into the best classifier that you can afford to run.\n\n"
    "`regraft run` does all that has to be done, and only that: what has not changed since the last run is kept.",
)
for command in (run, explain, ladder, retrain, score, serve, promote, rollback, history, gc):
    app.command()(command)
app.command(hidden=True)(links)


def main() -> None:
    """Runs the command line."""
    app(prog_name="regraft")


if __name__ == "__main__":
    main()
