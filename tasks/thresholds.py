"""The thresholds of a model's answers: `thresholds.json`, which travels with it.

They are of one of two sorts. A model that abstains does so where its confidence, the probability of the class that it
predicts, lies below the threshold of that class, or where that class has none, as no threshold could be shown to reach
the precision that is wanted. A model of two classes with a cutoff answers with one of them wherever that one's
probability reaches the cutoff, and with the other one else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from tasks import model_file
from tasks.files import read_json, write_json

FILE = "thresholds.json"
By = Literal["all", "class"]


@dataclass(frozen=True)
class Thresholds:
    """When a model abstains.

    Attributes:
        precision: share of the answered rows that are to be right.
        confidence: that it is reached.
        by: `all`: one threshold for all classes; `class`: one for each predicted class.
        classes: the threshold of each class; None where none reaches the precision.
    """

    precision: float
    confidence: float
    by: By
    classes: Mapping[str, float | None]

    @property
    def reached(self) -> bool:
        """Whether there is any threshold at all; if not, the model answers everything as if nothing had been asked."""
        return any(threshold is not None for threshold in self.classes.values())

    def abstains(self, label: str, confidence: float) -> bool | None:
        """Whether the model abstains from this answer; None where the precision cannot be reached at all."""
        if not self.reached:
            return None
        threshold = self.classes[label]
        return threshold is None or confidence < threshold


@dataclass(frozen=True)
class Cutoff:
    """Which of two classes a model answers with.

    Attributes:
        label: the class that is looked for.
        other: the other one.
        cutoff: the probability of `label` from which on it is the answer; None where none was shown to reach what is
            wanted, and then the more probable class is.
    """

    label: str
    other: str
    cutoff: float | None

    def chosen(self, labels: Sequence[str], probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """The number of the class that each row is answered with [rows].

        Args:
            labels: the two classes, in the order of the columns.
            probabilities: [rows, 2].
        """
        chosen: npt.NDArray[np.int64] = probabilities.argmax(axis=1)
        if self.cutoff is not None:
            label, other = labels.index(self.label), labels.index(self.other)
            chosen = np.where(probabilities[:, label] >= self.cutoff, label, other)
        return chosen


def write(folder: Path, thresholds: Thresholds | Cutoff) -> None:
    """Writes the file into a model's folder."""
    write_json(folder / FILE, asdict(thresholds))


def read(folder: Path) -> Thresholds | Cutoff | None:
    """The thresholds of a saved model; None if it has none: it always answers, and with the most probable class.

    Raises:
        BadInput: if the file is not what `write` wrote.
    """
    return model_file.read(folder / FILE, "thresholds that Regraft wrote", _parse)


def _parse(path: Path) -> Thresholds | Cutoff:
    values = read_json(path)
    return Cutoff(**values) if "cutoff" in values else Thresholds(**values)
