"""Windows of made-up rows, drawn from a distribution that is known."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tasks.compute import Compute
from tasks.retraining.drift import Setting, report
from tasks.retraining.drift_params import DriftParams
from tasks.retraining.window import Window, window

LABELS = ("billing", "leave", "network")
WORDS = [first + second + third for first in "bdfgk" for second in "aeiou" for third in ("l", "n", "r", "st", "x")]
"""125 words, of which the first are the most frequent."""


def made(
    rows: int,
    seed: int,
    *,
    words: Sequence[str] = WORDS,
    shares: Sequence[float] = (0.4, 0.3, 0.3),
    longest: int = 20,
) -> tuple[list[str], list[str]]:
    """Texts of random words, whose frequencies fall as 1 / rank, and labels that have nothing to do with them."""
    random = np.random.default_rng([seed, rows])
    chances = 1 / np.arange(1, len(words) + 1)
    lengths = random.integers(5, longest, rows)
    texts = [" ".join(random.choice(words, length, p=chances / chances.sum())) for length in lengths]
    return texts, [str(label) for label in random.choice(LABELS[: len(shares)], rows, p=shares)]


def drawn(rows: int, seed: int, **kind: Any) -> Window:
    """A window of such rows."""
    texts, labels = made(rows, seed, **kind)
    return window(texts, list(labels))


def setting(root: Path = Path(), champion: Path | None = None, **params: Any) -> Setting:
    """A setting that reads words, with few draws unless told otherwise."""
    chosen = DriftParams.model_validate({"alpha": 0.05, "draws": 199, **params})
    return Setting(root, chosen, None, champion, Compute(7, 1, "cpu", "float32"))


def found(before: Window, after: Window, **params: Any) -> tuple[set[str], dict[str, Any]]:
    """The names of the tests that call it a drift, and the report."""
    told = report(before, after, setting(**params))
    return {test["name"] for test in told["tests"] if test["drifted"]}, told
