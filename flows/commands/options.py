"""Options that several commands have."""

from typing import Annotated

import typer

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
