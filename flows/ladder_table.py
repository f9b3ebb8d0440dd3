"""A ladder in the terminal."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from tasks.select.ladder import Gain, Ladder, Rung

_COLOURS = {"keep": "green", "costs more than it gives": "yellow", "harmful": "red"}
_FILES = ("reports/ladder.html", "reports/ladder.md", "reports/ladder.svg", "reports/ladder.json")


def tables(ladder: "Ladder") -> Iterator[Table]:
    """The climb, and the full recipe without each strategy."""
    yield _table("The climb", "gain", ladder.climb, ladder)
    yield _table("The full recipe without each", "lost", ladder.ablation, ladder)


def closing(ladder: "Ladder") -> Iterator[str]:
    """What it comes to, and where to read about it."""
    yield f"[bold]{escape(ladder.headline)}[/]"
    yield from (escape(sentence) for sentence in ladder.sentences)
    yield f"Reports: {', '.join(_FILES)}"


def _table(title: str, gives: str, rungs: Sequence["Rung"], ladder: "Ladder") -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("rung", overflow="fold")
    for heading in (ladder.metric, gives, "interval", "better in", "train, s", "latency, ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("worth it?")
    for rung in rungs:
        if rung.value is None:
            table.add_row(escape(rung.name), "failed")
            continue
        cells = [""] * 6 if rung.gain is None else _cells(rung.gain, rung.unchanged, len(ladder.seeds))
        table.add_row(escape(rung.name), f"{rung.value:.4f}", *cells)
    return table


def _cells(gain: "Gain", unchanged: bool, seeds: int) -> list[str]:
    colour = _COLOURS.get(gain.word, "dim")
    return [
        f"{gain.value:+.4f}",
        f"{gain.low:+.4f} to {gain.high:+.4f}",
        f"{gain.better_seeds} of {seeds}",
        f"{gain.extra_seconds:+.1f}",
        f"{gain.extra_latency_ms:+.1f}",
        f"[{colour}]{gain.word}[/]{' (changes nothing here)' if unchanged else ''}",
    ]
