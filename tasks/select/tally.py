"""How rows of two classes were answered, where one of them is looked for, and the measures of that."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.scores import Counts, Floats, agreement, per_class
from tasks.select import bootstrap, precision
from tasks.select.precision import Bools

NAMES = ("precision", "recall", "f1", "balanced_accuracy", "mcc", "accuracy")
"""The measures: the first three of the class that is looked for."""


@dataclass(frozen=True)
class Tally:
    """How rows were answered.

    Attributes:
        found: rows of the class that were answered with it.
        missed: other rows of the class.
        wrong: rows of the other class that were answered with it.
        rest: other rows of the other class.
    """

    found: int
    missed: int
    wrong: int
    rest: int

    @classmethod
    def of(cls, actual: Bools, answered: Bools) -> "Tally":
        """From whether each row is of the class, and whether it was answered with it."""
        cells = (actual & answered, actual & ~answered, ~actual & answered, ~actual & ~answered)
        return cls(*(int(cell.sum()) for cell in cells))

    @property
    def cells(self) -> tuple[int, int, int, int]:
        """The four numbers."""
        return self.found, self.missed, self.wrong, self.rest

    @property
    def measures(self) -> dict[str, float]:
        """The measures of `NAMES`, all better upwards."""
        return {name: float(values) for name, values in measures(np.array(self.cells, dtype=np.float64)).items()}

    def intervals(self, level: float, draws: int, seed: int) -> dict[str, tuple[float, float]]:
        """Of precision and recall the exact interval, where there are such rows; of the others that of the bootstrap.

        Samples of rows are samples of the four numbers, as no measure looks at more.
        """
        rows = sum(self.cells)
        drawn = np.random.default_rng(seed).multinomial(rows, np.array(self.cells) / rows, size=draws)
        found = {
            name: bootstrap.interval(values, level)
            for name, values in measures(drawn.astype(np.float64)).items()
            if name not in ("precision", "recall")
        }
        for name, others in (("precision", self.wrong), ("recall", self.missed)):
            if self.found + others:
                found[name] = precision.interval(self.found, self.found + others, level)
        return found

    def as_json(self) -> dict[str, Any]:
        """The form in `reports/selection.json`."""
        return {**vars(self), **self.measures}


def measures(cells: Floats) -> dict[str, Floats]:
    """The measures of tallies [..., 4], in the order of `Tally.cells`; each [...]."""
    found, missed, wrong, rest = np.moveaxis(cells, -1, 0)
    counts = Counts(
        np.stack([found, rest], axis=-1),
        np.stack([found + missed, wrong + rest], axis=-1),
        np.stack([found + wrong, missed + rest], axis=-1),
    )
    own = {name: values[..., 0] for name, values in zip(("precision", "recall", "f1"), per_class(counts), strict=True)}
    both = agreement(counts)
    return {name: own[name] if name in own else both[name] for name in NAMES}
