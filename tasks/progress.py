"""What a running stage tells those who watch it: log lines and progress.

Run from a terminal, both are plain lines. Run by the engine (which sets `REGRAFT_PROGRESS=lines`),
a progress report is one line that starts with `MARK` and holds JSON, so that it can be told from the log.
"""

import json
import os
import sys
import time

MARK = "\x1eprogress "
_EVERY_SECONDS = {"lines": 0.2, "plain": 5.0}


def log(message: str) -> None:
    """Writes one line of log."""
    print(message, flush=True)


class Progress:
    """Progress through a known or unknown number of things.

    Args:
        what: what is being done, such as "reading rows".
        total: how many there are, None if that is not known.
        unit: what is counted.
    """

    def __init__(self, what: str, total: int | None = None, unit: str = "rows") -> None:
        self.what, self.total, self.unit = what, total, unit
        self.done = 0
        self._mode = "lines" if os.environ.get("REGRAFT_PROGRESS") == "lines" else "plain"
        self._last = time.monotonic()

    def update(self, done: int, **figures: float | str) -> None:
        """Reports that `done` things are done; most calls print nothing, so call it often.

        Args:
            figures: what else is worth showing now, such as the loss.
        """
        self.done = done
        now = time.monotonic()
        finished = self.total is not None and done >= self.total
        if finished or now - self._last >= _EVERY_SECONDS[self._mode]:
            self._last = now
            self._show(figures)

    def _show(self, figures: dict[str, float | str]) -> None:
        if self._mode == "lines":
            report = {"what": self.what, "done": self.done, "total": self.total, "unit": self.unit, "figures": figures}
            print(MARK + json.dumps(report), flush=True)
            return
        of = f" of {self.total:,}" if self.total is not None else ""
        extra = "".join(f", {name} {_short(value)}" for name, value in figures.items())
        print(f"{self.what}: {self.done:,}{of} {self.unit}{extra}", file=sys.stderr, flush=True)


def _short(value: float | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
