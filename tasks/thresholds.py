"""The thresholds below which a model abstains: `thresholds.json`, which travels with it.

A model abstains where its confidence, the probability of the class that it predicts, lies below the threshold of that
class, or where that class has none, as no threshold could be shown to reach the precision that is wanted.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from tasks.errors import BadInput
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


def write(folder: Path, thresholds: Thresholds) -> None:
    """Writes the file into a model's folder."""
    write_json(folder / FILE, asdict(thresholds))


def read(folder: Path) -> Thresholds | None:
    """The thresholds of a saved model; None if it has none, and so never abstains.

    Raises:
        BadInput: if the file is not what `write` wrote.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return Thresholds(**read_json(path))
    except (TypeError, ValueError) as error:
        fix = "Put the model back from where it was made, or make it anew with `regraft run`."
        raise BadInput(str(path), "thresholds that Regraft wrote", " ".join(str(error).split()), fix) from None
