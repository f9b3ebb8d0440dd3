"""A ladder in the terminal."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from tasks.select.ladder import Gain, Ladder, Rung

_COLOURS = {"keep": "green", "costs more than it gives": "yellow", "harmful": "red"}
WIDTH = 124
"""Characters that a whole table takes, with a name of common length."""
_FILES = ("reports/ladder.html", "reports/ladder.md", "reports/ladder.svg", "reports/ladder.json")


def tables(ladder: "Ladder", width: int) -> Iterator[Table]:
    """The climb, and the full recipe without each strategy.

    Args:
        width: characters that a line has; narrow tables tell neither times nor seeds.
    """
    yield _table("The climb", "gain", ladder.climb, ladder, width >= WIDTH)
    yield _table("The full recipe without each", "lost", ladder.ablation, ladder, width >= WIDTH)


def closing(ladder: "Ladder") -> Iterator[str]:
    """What it comes to, and where to read about it."""
    yield f"[bold]{escape(ladder.headline)}[/]"
    yield from (escape(sentence) for sentence in ladder.sentences)
    yield f"Reports: {', '.join(_FILES)}"


def _table(title: str, gives: str, rungs: Sequence["Rung"], ladder: "Ladder", whole: bool) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("rung", no_wrap=True)
    costs = ("better in", "train, s", "latency, ms") if whole else ()
    for heading in (ladder.metric, gives, "interval", *costs):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("worth it?", overflow="fold")
    for rung in rungs:
        if rung.value is None:
            table.add_row(escape(rung.name), "failed")
        elif rung.gain is None:
            table.add_row(escape(rung.name), f"{rung.value:.4f}")
        else:
            gains, prices, word = _cells(rung.gain, rung.unchanged, len(ladder.seeds))
            table.add_row(escape(rung.name), f"{rung.value:.4f}", *gains, *(prices if whole else []), word)
    return table


def _cells(gain: "Gain", unchanged: bool, seeds: int) -> tuple[list[str], list[str], str]:
    """What a strategy gives, the seeds that it helps and what it costs, and the word on it."""
    gains = [f"{gain.value:+.4f}", f"{gain.low:+.4f} to {gain.high:+.4f}"]
    prices = [f"{gain.better_seeds} of {seeds}", f"{gain.extra_seconds:+.1f}", f"{gain.extra_latency_ms:+.1f}"]
    return gains, prices, f"[{_COLOURS.get(gain.word, 'dim')}]{gain.word}[/]{' (no change)' if unchanged else ''}"
