"""What the terminal shows of a run: plain lines where they go to a file, a living view where a person watches."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

_SIGNS = {"done": "[green]✓[/]", "kept": "[blue]=[/]", "failed": "[red]✗[/]", "skipped": "[yellow]-[/]"}
_PLAIN_PROGRESS_SECONDS = 10.0


class Display:
    """Shows nothing; the base of those that do. Its methods may be called from any thread."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def plan(self, names: Sequence[str]) -> None:
        """A run of these items begins."""

    def started(self, name: str) -> None:
        """A stage item is being looked at, and run if need be."""

    def line(self, name: str, text: str) -> None:
        """It has written a line."""

    def progress(self, name: str, report: dict[str, Any]) -> None:
        """It has reported progress, in the form of `tasks.progress`."""

    def finished(self, name: str, sign: str, message: str) -> None:
        """It has ended; `sign` is one of done, kept, failed, skipped."""

    def note(self, text: str) -> None:
        """Something else that a person should know."""


class PlainDisplay(Display):
    """One line for one event, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = 8
        self._shown: dict[str, float] = {}
        self._began: dict[str, float] = {}

    def plan(self, names: Sequence[str]) -> None:
        """Aligns the names."""
        self._width = max((len(name) for name in names), default=8)

    def started(self, name: str) -> None:
        """Remembers when."""
        self._began[name] = time.monotonic()

    def line(self, name: str, text: str) -> None:
        """Shows every line."""
        self._print(name, text)

    def progress(self, name: str, report: dict[str, Any]) -> None:
        """Shows progress every few seconds."""
        now = time.monotonic()
        if now - self._shown.get(name, self._began.get(name, now)) >= _PLAIN_PROGRESS_SECONDS:
            self._shown[name] = now
            self._print(name, progress_text(report))

    def finished(self, name: str, sign: str, message: str) -> None:
        """Shows the end."""
        self._print(name, message)

    def note(self, text: str) -> None:
        """Shows it."""
        self._print("", text)

    def _print(self, name: str, text: str) -> None:
        prefix = f"{name:<{self._width}}  " if name else ""
        self._console.print(Text(prefix + text), soft_wrap=True)


@dataclass
class _Row:
    began: float
    spinner: Spinner = field(default_factory=lambda: Spinner("dots"))
    last: str = ""
    report: dict[str, Any] | None = None


class LiveDisplay(Display):
    """Ended items scroll by; below them, those that run, each with its progress and last line."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.RLock()
        self._rows: dict[str, _Row] = {}
        self._total = self._ended = 0
        self._width = 8
        self._began = time.monotonic()
        self._live = Live(console=console, get_renderable=self._view, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def plan(self, names: Sequence[str]) -> None:
        """Begins to count."""
        self._total, self._width = len(names), max((len(name) for name in names), default=8)

    def started(self, name: str) -> None:
        """Adds a row."""
        with self._lock:
            self._rows[name] = _Row(time.monotonic())

    def line(self, name: str, text: str) -> None:
        """Shows the newest line beside the item."""
        with self._lock:
            if text.strip() and name in self._rows:
                self._rows[name].last = text.strip()

    def progress(self, name: str, report: dict[str, Any]) -> None:
        """Moves the bar."""
        with self._lock:
            if name in self._rows:
                self._rows[name].report = report

    def finished(self, name: str, sign: str, message: str) -> None:
        """Lets the row scroll away with how it ended."""
        with self._lock:
            self._rows.pop(name, None)
            self._ended += 1
        self._console.print(f"{_SIGNS[sign]} {escape(name):<{self._width}}  {escape(message)}", highlight=False)

    def note(self, text: str) -> None:
        """Shows it above."""
        self._console.print(f"[dim]{escape(text)}[/]", highlight=False)

    def _view(self) -> RenderableType:
        with self._lock:
            table = Table.grid(padding=(0, 1))
            table.add_column(width=1)
            table.add_column(width=self._width, no_wrap=True)
            table.add_column(justify="right", width=6)
            table.add_column(width=22)
            table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
            for name, row in self._rows.items():
                spent = duration(time.monotonic() - row.began)
                table.add_row(row.spinner, f"[bold]{escape(name)}[/]", spent, _bar(row.report), _detail(row))
            spent = duration(time.monotonic() - self._began)
            stand = f"{self._ended} of {self._total} done" if self._total else "getting ready"
            return Group(table, Text(f"{stand}, {spent}", style="dim"))


def progress_text(report: dict[str, Any]) -> str:
    """A report of `tasks.progress` as a short sentence."""
    of = f" of {report['total']:,}" if report.get("total") else ""
    share = f" ({100 * report['done'] / report['total']:.0f} %)" if report.get("total") else ""
    figures = "".join(
        f", {name} {value:.4g}" if isinstance(value, float) else f", {name} {value}"
        for name, value in report.get("figures", {}).items()
    )
    return f"{report['what']}: {report['done']:,}{of} {report['unit']}{share}{figures}"


def duration(seconds: float) -> str:
    """Seconds in a form for people: `0.4 s`, `12 s`, `3:05`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 100 else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _bar(report: dict[str, Any] | None) -> RenderableType:
    if report is None or not report.get("total"):
        return ""
    return ProgressBar(total=report["total"], completed=min(report["done"], report["total"]), width=22)


def _detail(row: _Row) -> Text:
    return Text(progress_text(row.report) if row.report is not None else row.last, style="dim")
