"""Several saved models that answer as one.

The folder holds, beside `candidate.json`,

- `members/<name>/`: each member, a whole saved model (see tasks/model.py) with cleaning rules of its own;
- `combination.json`: the names of the members in their order, the method, with `weighted` the weights, and of a
  calibrated ensemble the temperature;
- with `stack` `regression.skops`: from the logarithms of all members' probabilities to classes.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tasks.combination import Combination, Probabilities, align
from tasks.errors import BadInput
from tasks.files import read_json, write_json
from tasks.model import Family, SavedModel, load
from tasks.rules import Rules

MEMBERS = "members"
COMBINATION = "combination.json"
REGRESSION = "regression.skops"
NO_RULES = Rules(unicode="none", control=False, spaces=False).model_dump()
"""The cleaning rules of an ensemble: none, as its members have their own."""


class EnsembleModel(SavedModel):
    """Saved models whose probabilities are combined.

    Attributes:
        members: the models, in the order of the combination.

    Raises:
        BadInput: if what it consists of is not there, or does not fit together.
    """

    family: Family = "ensemble"

    def __init__(self, folder: Path, describe: dict[str, Any], threads: int, device: str) -> None:
        super().__init__(folder, describe)
        names, self._combination = read(folder)
        self.members = [load(folder / MEMBERS / name, threads, device) for name in names]
        unknown = sorted({label for member in self.members for label in member.labels} - set(self.labels))
        if unknown:
            raise _unfit(folder, "members that know no other classes than the ensemble", ", ".join(unknown))
        self.device = next((member.device for member in self.members if member.device != "cpu"), "cpu")

    def _predict(self, texts: list[str], report: Callable[[int], Any]) -> Probabilities:
        parts = []
        for number, member in enumerate(self.members):
            probabilities = member.predict_proba(texts, _share_of(report, number, len(texts), len(self.members)))
            parts.append(align(probabilities, member.labels, self.labels))
        return self._combination(parts, self.labels)


def write(folder: Path, members: Sequence[str], combination: Combination) -> None:
    """Writes how the members are combined; they, and `candidate.json`, are written by the caller.

    Args:
        folder: of the ensemble; members are in `members/<name>/`.
        members: their names, in the order of the combination's weights.
    """
    how: dict[str, Any] = {"members": list(members), "method": combination.method}
    if combination.method == "weighted":
        how["weights"] = list(combination.weights)
    if combination.temperature != 1.0:
        how["temperature"] = combination.temperature
    if combination.method == "stack":
        from tasks import estimator

        estimator.save(combination.regression, folder / REGRESSION)
    write_json(folder / COMBINATION, how)


def read(folder: Path) -> tuple[list[str], Combination]:
    """The names of the members, and how they are combined.

    Raises:
        BadInput: if there is nothing that `write` wrote.
    """
    try:
        how = read_json(folder / COMBINATION)
    except FileNotFoundError:
        raise _unfit(folder, f"an ensemble with {COMBINATION}", "no such file") from None
    names, weights = [str(name) for name in how["members"]], tuple(map(float, how.get("weights", ())))
    if how["method"] == "weighted" and len(weights) != len(names):
        raise _unfit(folder, f"a weight for each of {len(names)} members", f"{len(weights)} weights")
    temperature = float(how.get("temperature", 1.0))
    if not temperature > 0:
        raise _unfit(folder, "a temperature above 0", f"{temperature:g}")
    regression = None
    if how["method"] == "stack":
        from tasks import estimator

        regression = estimator.load(folder / REGRESSION)
    return names, Combination(how["method"], weights, regression, temperature)


def _share_of(report: Callable[[int], Any], number: int, texts: int, members: int) -> Callable[[int], Any]:
    """Reports the progress of one member as texts of the whole ensemble."""
    return lambda done: report((number * texts + done) // members)


def _unfit(folder: Path, expected: str, found: str) -> BadInput:
    return BadInput(str(folder), expected, found, "Run `regraft run` to make it anew.")
