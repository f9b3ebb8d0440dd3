"""The word on a strategy, by a rule that can be told in a few sentences."""

from dataclasses import dataclass

from tasks.select import wording
from tasks.select.ladder import Word

FREE_SECONDS = 10.0
"""So much more time to train costs nothing."""
FREE_MS = 1.0
"""So much more time to classify one row costs nothing, in milliseconds."""


@dataclass(frozen=True)
class Cost:
    """What a recipe costs.

    Attributes:
        seconds: to make it.
        latency_ms: to classify one row.
    """

    seconds: float
    latency_ms: float


def costs_much(with_it: Cost, without: Cost, factor: float) -> bool:
    """Whether time to train, or to classify a row, grows by more than `factor` and more than what is free."""
    pairs = (
        (with_it.seconds, without.seconds, FREE_SECONDS),
        (with_it.latency_ms, without.latency_ms, FREE_MS),
    )
    return any(own - other > free and own > factor * other for own, other, free in pairs)


def word(gain: float, low: float, high: float, much: bool, least_gain: float) -> Word:
    """What to make of a strategy.

    Args:
        gain: what it gives; `low` and `high` are the ends of its interval.
        much: whether it costs much.
        least_gain: the gain below which it must not cost much.
    """
    if high < 0:
        return "harmful"
    if low > 0 and (not much or gain >= least_gain):
        return "keep"
    return "costs more than it gives" if much else "no difference seen"


def rule(factor: float, least_gain: float) -> list[str]:
    """The rule, for those who read the words."""
    return [
        "Keep: the whole interval of the gain lies above 0. Harmful: it lies below 0. No difference seen: it includes "
        "0, so that there may be a gain that so few rows or seeds cannot show.",
        f"Costs more than it gives: the strategy costs much, and gives less than {wording.measure(least_gain)}, or "
        "nothing that can be told from 0.",
        f"It costs much if the time to train, or to classify one row, is more than {factor:g} times that without it, "
        f"and more than {FREE_SECONDS:g} s, or {FREE_MS:g} ms, above it.",
        "Encoders and feature sets are made once for all seeds, so the intervals know nothing of their chance.",
    ]
