"""Time spent on training, and what was reached when."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

Curve = list[tuple[float, float]]
"""Seconds of training and the accuracy reached by then, in order."""


class Clock:
    """Seconds since it was made, without those of pauses, and the accuracies noted meanwhile."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._paused = 0.0
        self.curve: Curve = []

    def seconds(self) -> float:
        """Seconds of training so far."""
        return time.perf_counter() - self._started - self._paused

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is done within does not count: looking at how good a model is by now is no training."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._paused += time.perf_counter() - started

    def note(self, accuracy: float) -> None:
        """Notes an accuracy reached by now."""
        self.curve.append((self.seconds(), accuracy))


@dataclass(frozen=True)
class Race:
    """One curve against another's end.

    Attributes:
        accuracy: what the slow one had at its end.
        slow_seconds: when that was.
        fast_seconds: when the fast one first had as much; None if it never did.
    """

    accuracy: float
    slow_seconds: float
    fast_seconds: float | None

    @property
    def ratio(self) -> float:
        """How many times sooner the fast one was there; 0 if it never was."""
        return self.slow_seconds / self.fast_seconds if self.fast_seconds is not None else 0.0


def race(fast: Curve, slow: Curve) -> Race:
    """When `fast` first had the accuracy that `slow` had at its end."""
    seconds, accuracy = slow[-1]
    return Race(accuracy, seconds, next((at for at, reached in fast if reached >= accuracy), None))
