"""What one test of drift found, and the sentence that tells it."""

from dataclasses import dataclass
from typing import Any

from tasks.select import wording

_CLAUSES = {
    "labels": "the shares of the labels have shifted",
    "lengths": "the lengths of the texts have shifted",
    "vocabulary": "more words are new than is usual",
    "words": "some words have become more frequent",
    "domain": "the new texts can be told from the earlier ones",
    "decay": "the champion answers worse than before",
}


@dataclass(frozen=True)
class Shift:
    """What one test found.

    Attributes:
        name: one of `tasks.retraining.drift_params.TESTS`.
        statistic: what was tested.
        effect: how large the shift is, in the unit of the parameter that `threshold` comes from.
        p_value: of no shift; as the test gave it, so not corrected for the other tests.
        threshold: the least effect that counts.
        told: the figures, as a clause without its end.
    """

    name: str
    statistic: float
    effect: float
    p_value: float
    threshold: float
    told: str

    def drifted(self, corrected: float, alpha: float) -> bool:
        """Whether it counts: surely no chance, and large enough.

        Args:
            corrected: the p-value, corrected for how many tests there are.
            alpha: what it must be below.
        """
        return corrected < alpha and self.effect >= self.threshold

    def as_json(self, corrected: float, alpha: float) -> dict[str, Any]:
        """The form in the report (see `tasks.retraining.drift`)."""
        return {
            "name": self.name,
            "statistic": figure(self.statistic),
            "effect": figure(self.effect),
            "threshold": self.threshold,
            "p_value": figure(corrected),
            "uncorrected_p_value": figure(self.p_value),
            "alpha": alpha,
            "drifted": self.drifted(corrected, alpha),
            "sentence": self.sentence(corrected, alpha),
        }

    def sentence(self, corrected: float, alpha: float) -> str:
        """What was found, with its size and its p-value."""
        clause = _CLAUSES[self.name]
        if self.drifted(corrected, alpha):
            start = clause
        elif corrected < alpha:
            start = f"{clause}, but too little to count"
        else:
            start = f"that {clause} is not shown"
        p_value = "p below 0.001" if corrected < 0.001 else f"p = {wording.p_value(corrected)}"
        return f"{start[0].upper()}{start[1:]}: {self.told}; {p_value} (below {alpha:g} counts)."


def figure(value: float) -> float:
    """A number in as many digits as can matter, so that the last bits of a sum do not show."""
    return float(f"{value:.6g}") + 0.0


def percent(share: float) -> str:
    """A share as a percentage with one digit after the point."""
    return f"{round(100 * share, 1) + 0.0:.1f} %"
