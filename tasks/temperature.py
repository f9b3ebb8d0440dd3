"""The temperature that makes probabilities as large as they should be.

Guo et al. (2017), "On Calibration of Modern Neural Networks", section 4.2: all logits are divided by one number, T,
which is fitted to rows that the model was not shown. Above 1 it makes a model less sure, below 1 surer; the order of
the classes stays. As softmax(log p / T) = softmax(z / T), probabilities p tell as much as logits z.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax

Floats = npt.NDArray[np.float64]

_HIGHEST = 20.0  # and the lowest is one through this
_DIGITS = 4  # of a temperature; later ones depend on the processor
_LOSS_DIGITS = 6  # of a log loss in the card
_TINY = np.finfo(np.float64).tiny  # a probability that is too small for a float counts as that


@dataclass(frozen=True)
class Part:
    """Rows that a model was not shown, and what it says of them.

    Attributes:
        logs: logarithms of the probabilities [members, rows, classes]; there is one member but for a bag, which answers
            with the mean of its members' probabilities.
        own: those of each row's own class [members, rows].
    """

    logs: Floats
    own: Floats

    @classmethod
    def of(cls, members: Floats, actual: npt.NDArray[np.int64]) -> Self:
        """The rows of classes that the model knows, which are those that have a probability in any row.

        Of a row of another class no temperature makes anything right.

        Args:
            members: probabilities [members, rows, classes].
            actual: class numbers [rows]; those from the number of columns on are of classes without a column.
        """
        known = np.append(members.any(axis=(0, 1)), False)
        rows = np.flatnonzero(known[np.minimum(actual, members.shape[2])])
        own = members[:, rows, actual[rows]]
        return cls(_log(members[:, rows]), np.log(np.maximum(own, _TINY)))

    @property
    def count(self) -> int:
        """How many rows there are."""
        return int(self.own.shape[1])

    def loss(self, temperature: float) -> float:
        """The sum of the rows' negative log probabilities at this temperature, in nats; lower is better."""
        each = self.own / temperature - logsumexp(self.logs / temperature, axis=2)
        return float((np.log(len(each)) - logsumexp(each, axis=0)).sum())

    def changed(self, temperature: float) -> int:
        """In how many rows another class is the most probable; in none unless there are several members."""
        answers = [softmax(self.logs / divisor, axis=2).mean(axis=0).argmax(axis=1) for divisor in (1.0, temperature)]
        return int((answers[0] != answers[1]).sum())


@dataclass(frozen=True)
class Found:
    """What fitting a temperature found.

    Attributes:
        temperature: with the smallest log loss of all parts.
        crosswise: for each part the temperature of the other parts, whose rows are not its own.
        count: rows in all parts.
        before: log loss a row without a temperature, in nats; lower is better.
        after: with the temperature, on the very rows that it was fitted to.
        crossed: with each part at the temperature of the others.
        changed: rows of which another class is the most probable now, as may be where there are several members.
    """

    temperature: float
    crosswise: tuple[float, ...]
    count: int
    before: float
    after: float
    crossed: float
    changed: int

    @property
    def helps(self) -> bool:
        """Whether rows that a temperature was not fitted to gain by it too."""
        return self.temperature != 1.0 and self.crossed < self.before


def find(parts: Sequence[Part]) -> Found | None:
    """Fits a temperature to all parts, and one for each part to the others; None if fewer than two have any rows."""
    if sum(part.count > 0 for part in parts) < 2:
        return None
    found = fit(parts)
    crosswise = tuple(fit([*parts[:number], *parts[number + 1 :]]) for number in range(len(parts)))
    count = sum(part.count for part in parts)
    return Found(
        found,
        crosswise,
        count,
        before=sum(part.loss(1.0) for part in parts) / count,
        after=sum(part.loss(found) for part in parts) / count,
        crossed=sum(part.loss(own) for part, own in zip(parts, crosswise, strict=True)) / count,
        changed=sum(part.changed(found) for part in parts),
    )


def fit(parts: Sequence[Part]) -> float:
    """The temperature with the smallest log loss, from 0.05 to 20, rounded.

    1 / T has a prior (a gamma distribution with its mode at 1) that weighs about as much as a single row: where a few
    rows are all right, the log loss alone would say that a model is never wrong. The loss of one member is convex in
    1 / T, and so is the prior's, so that there is one minimum.
    """

    def loss(log_inverse: float) -> float:
        inverse = float(np.exp(log_inverse))
        return sum(part.loss(1.0 / inverse) for part in parts) + inverse - log_inverse

    edge = float(np.log(_HIGHEST))
    found = minimize_scalar(loss, bounds=(-edge, edge), method="bounded", options={"xatol": 1e-6})
    return round(float(np.exp(-found.x)), _DIGITS)


def softened(members: Floats, temperature: float) -> Floats:
    """What a model says at a temperature [rows, classes]; a class without any probability stays without.

    Args:
        members: probabilities [members, rows, classes].
    """
    probabilities: Floats = softmax(_log(members) / temperature, axis=2).mean(axis=0)
    return probabilities


def notes(found: Found | None, source: str) -> dict[str, Any]:
    """What a model's `candidate.json` says of its calibration; losses are in nats a row.

    Args:
        source: which rows it was fitted to, such as `validation`.
    """
    if found is None:
        return {"kept": False, "reason": f"too few {source} rows", "rows": source}
    reason = {} if found.helps else {"reason": "rows that the temperature was not fitted to gain nothing by it"}
    changed = {"changed_rows": found.changed} if found.changed else {}
    return {
        "kept": found.helps,
        **reason,
        "temperature": found.temperature,
        "rows": source,
        "count": found.count,
        "log_loss": round(found.before, _LOSS_DIGITS),
        "log_loss_calibrated": round(found.after, _LOSS_DIGITS),
        "log_loss_cross_checked": round(found.crossed, _LOSS_DIGITS),
        **changed,
    }


def told(found: Found | None, source: str) -> str:
    """The same in short, for the log."""
    if found is None:
        return f"none, as there are too few {source} rows"
    losses = f"log loss {found.before:.4f} without, {found.crossed:.4f} with, cross-checked"
    kept = "kept" if found.helps else "not kept"
    return f"temperature {found.temperature:.4g} of {found.count:,} {source} rows {kept}: {losses}"


def _log(probabilities: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        logs: Floats = np.log(probabilities)
    return logs
