"""`python -m benchmarks gate [--pairs N]`: how often the verdict promotes, in pairs whose difference is known.

No model is trained: answers are drawn, such that champion and challenger are right as often as a case says, and both
have many rows right and wrong in common, as models of the same rows do.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.scores import Floats, Ints
from tasks.select.match import Match
from tasks.select.verdict import judge
from tasks.select.verdict_params import VerdictParams

CLASSES = 4
ACCURACY, DISAGREE = 0.85, 0.08
"""Of the champion, and the share of the rows that just one of the two has right."""

DEMANDS = VerdictParams(useful_gain=0.01, negative_flips=0.1)
_DRAWS = 200
_LOOKS = (250, 500, 1000, 2000, 4000)

Random = np.random.Generator


@dataclass(frozen=True)
class Case:
    """A kind of pair.

    Attributes:
        name: what it is.
        promoted: plays one pair, and says whether it ends in a promotion.
        least: share of the pairs that must be promoted.
        most: share of the pairs that may be promoted.
    """

    name: str
    promoted: Callable[[Random], bool]
    least: float = 0.0
    most: float = 1.0


def main(arguments: list[str]) -> None:
    """Prints how often each kind of pair ends in a promotion.

    Raises:
        SystemExit: if that is more or less often than promised.
    """
    parser = argparse.ArgumentParser("python -m benchmarks gate")
    parser.add_argument("--pairs", type=int, default=1000, help="pairs of each kind; 500 at least")
    pairs = parser.parse_args(arguments).pairs
    print(f"{'pairs':58} {'promoted':>9} {'promised':>12}", flush=True)
    missed = []
    for number, case in enumerate(CASES):
        found = sum(case.promoted(np.random.default_rng([number, pair])) for pair in range(pairs)) / pairs
        held = case.least <= found <= case.most
        promised = f">= {case.least:.2f}" if case.least else f"<= {case.most:.2f}"
        print(f"{case.name:58} {found:9.3f} {promised:>12}{'' if held else '  MISSED'}", flush=True)
        missed += [] if held else [case.name]
    if missed:
        sys.exit(f"not as promised: {'; '.join(missed)}")


def answers(random: Random, actual: Ints, right: np.ndarray) -> Ints:  # type: ignore[type-arg]
    """The classes that a model gives which has these rows right; wrong ones are any other class."""
    other = (actual + random.integers(1, CLASSES, len(actual))) % CLASSES
    return np.where(right, actual, other)


def pair(random: Random, rows: int, gain: float) -> tuple[Ints, Ints, Ints]:
    """The classes of some rows, and the answers of champion and challenger, whose accuracy is `gain` higher."""
    actual = random.integers(0, CLASSES, rows)
    kind = random.random(rows)
    lost, won = (DISAGREE - gain) / 2, (DISAGREE + gain) / 2
    both = ACCURACY - lost
    champion = kind < both + lost
    challenger = (kind < both) | ((kind >= both + lost) & (kind < both + lost + won))
    return actual, answers(random, actual, champion), answers(random, actual, challenger)


def is_promoted(actual: Ints, champion: Ints, challenger: Ints, metric: str, demands: VerdictParams) -> bool:
    """Whether the verdict on these answers is PROMOTE."""
    known = np.ones((2, CLASSES), dtype=np.bool_)
    spread = [_spread(some) for some in (champion, challenger)]
    match = Match([str(number) for number in range(CLASSES)], known, actual, *spread)
    return judge(match, demands, metric, draws=_DRAWS, seed=1).word == "PROMOTE"


def once(rows: int, gain: float, metric: str, demands: VerdictParams = DEMANDS) -> Callable[[Random], bool]:
    """One look at a pair."""
    return lambda random: is_promoted(*pair(random, rows, gain), metric, demands)


def peeking(
    gain: float, metric: str, demands: VerdictParams, looks: Sequence[int] = _LOOKS
) -> Callable[[Random], bool]:
    """Looks again and again while rows come in, and stops at the first promotion."""

    def play(random: Random) -> bool:
        made = pair(random, looks[-1], gain)
        return any(is_promoted(*(part[:rows] for part in made), metric, demands) for rows in looks)

    return play


def chosen(count: int, rows: int, metric: str, demands: VerdictParams) -> Callable[[Random], bool]:
    """The best of many challengers, by other rows than the verdict is on; all of them are as good as the champion."""

    def play(random: Random) -> bool:
        validation = [pair(random, rows, 0.0) for _ in range(count)]
        best = int(np.argmax([np.mean(challenger == actual) for actual, _, challenger in validation]))
        test = [
            pair(np.random.default_rng([int(random.integers(2**31)), number]), rows, 0.0) for number in range(count)
        ]
        return is_promoted(*test[best], metric, demands)

    return play


def _spread(predicted: Ints) -> Floats:
    return np.where(np.arange(CLASSES) == predicted[:, None], 0.7, 0.3 / (CLASSES - 1))


_ANY_GAIN = VerdictParams(useful_gain=0.0, negative_flips=1.0, class_rows=10**9)
"""Nothing but a gain is asked for, however small: the hardest case for the error rate."""
_RISK = 1 - DEMANDS.confidence

CASES = (
    Case("equal, accuracy, 300 rows", once(300, 0.0, "accuracy"), most=_RISK),
    Case("equal, macro F1, 300 rows", once(300, 0.0, "macro_f1"), most=_RISK),
    Case("equal, any gain would do, accuracy, 300 rows", once(300, 0.0, "accuracy", _ANY_GAIN), most=_RISK),
    Case("equal, any gain would do, macro F1, 300 rows", once(300, 0.0, "macro_f1", _ANY_GAIN), most=_RISK),
    Case("equal, any gain would do, five looks as rows come in", peeking(0.0, "macro_f1", _ANY_GAIN), most=_RISK),
    Case("best of 20 equal ones, any gain would do, macro F1", chosen(20, 1000, "macro_f1", _ANY_GAIN), most=_RISK),
    Case("better by half the useful gain, 4,000 rows", once(4000, 0.005, "accuracy"), most=_RISK),
    Case("better by twice the useful gain, accuracy, 20,000 rows", once(20_000, 0.02, "accuracy"), least=0.9),
    Case("better by twice the useful gain, macro F1, 20,000 rows", once(20_000, 0.02, "macro_f1"), least=0.9),
    Case("better by five times the useful gain, 1,500 rows", once(1500, 0.05, "macro_f1"), least=0.9),
    Case("worse by twice the useful gain, 1,000 rows", once(1000, -0.02, "macro_f1"), most=0.001),
)
