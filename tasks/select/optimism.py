"""The winner's curse: how much of the winner's figure is owed to its having been chosen on the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.scores import LOWER_IS_BETTER, Floats, Ints
from tasks.select import wording
from tasks.select.bootstrap import interval, replicate_left_out
from tasks.select.evidence import Evidence
from tasks.select.params import SelectParams
from tasks.select.standing import Comparison, Standing


@dataclass(frozen=True)
class Corrected:
    """What is to be expected of the winner once the choice itself is allowed for.

    Attributes:
        metric: its name.
        value: the metric, corrected for the choice.
        low: lower end of its interval.
        high: upper end.
        uncorrected: the winner's own metric on the rows of the choice.
        winner: its name.
        chosen_in: share of the samples in which the winner was chosen.
        draws: samples of the rows.
        level: of the interval.
    """

    metric: str
    value: float
    low: float
    high: float
    uncorrected: float
    winner: str
    chosen_in: float
    draws: int
    level: float

    @property
    def sentence(self) -> str:
        """The correction in one sentence."""
        metric, value, own = wording.name(self.metric), wording.measure(self.value), wording.measure(self.uncorrected)
        return (
            f"Corrected for the choice, a {metric} of {value} is to be expected on such rows in place of {own} "
            f"({wording.percent(self.level)} interval {wording.measure(self.low)} to {wording.measure(self.high)}): so "
            f"much is reached where the choice is made anew on {self.draws:,} samples of the rows and measured on the "
            f"rows that each leaves out; {self.winner} is chosen in {wording.share(self.chosen_in)} of them."
        )

    def as_json(self) -> dict[str, Any]:
        """The form in `reports/selection.json`."""
        return {
            "metric": self.metric,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "uncorrected": self.uncorrected,
            "chosen_in": self.chosen_in,
            "draws": self.draws,
        }


def correct(
    evidence: Evidence,
    standings: Sequence[Standing],
    values: Floats,
    winner: Standing,
    comparison: Comparison,
    params: SelectParams,
    seed: int,
) -> Corrected | None:
    """Makes the choice on each bootstrap sample, and measures what it takes on the rows that the sample leaves out.

    Tsamardinos, Greasidou and Borboudakis (2018), "Bootstrapping the out-of-sample predictions for efficient and
    accurate cross-validation", section 3 (bootstrap bias corrected cross-validation): the mean over the samples, and
    their percentiles as an interval. No model is trained again. A sample leaves out about 37 % of the rows, so the
    interval is wider than one of all rows would be (by a factor of about 1.3, for a mean over rows), to the safe side.

    The choice in a sample is the declared one, ties and costs with it (see `choices`). Limits do not depend on rows, so
    those that break one take part in none.

    Args:
        standings: of all candidates, best first.
        values: the metric in the samples of `replicate` with this seed [candidates, draws].

    Returns:
        None where there was one candidate to choose from, or too few rows for any to be left out.
    """
    numbers = [number for number, some in enumerate(standings) if some.eligible]
    if len(numbers) == 1:
        return None
    left_out: Floats = replicate_left_out(
        evidence.actual,
        [evidence.named(standings[number].name).outcome for number in numbers],
        [params.metric],
        classes=len(evidence.classes),
        draws=comparison.draws,
        seed=seed,
    )[params.metric]
    costs = np.array([standings[number].cost for number in numbers])
    chosen = choices(values[numbers], costs, comparison, params)
    reached = left_out[chosen, np.arange(len(chosen))]
    there = ~np.isnan(reached)
    if not there.any():
        return None
    low, high = interval(reached[there], params.level)
    return Corrected(
        metric=params.metric,
        value=float(reached[there].mean()),
        low=low,
        high=high,
        uncorrected=winner.value,
        winner=winner.name,
        chosen_in=float((chosen[there] == numbers.index(standings.index(winner))).mean()),
        draws=int(there.sum()),
        level=params.level,
    )


def choices(values: Floats, costs: Floats, comparison: Comparison, params: SelectParams) -> Ints:
    """The candidate that the declared rule takes in each sample [draws].

    Best by the metric; candidates that a paired test, corrected, cannot tell from it are tied; the cheapest of the tied
    wins, as in `choose`. A bootstrap within each sample would take hours, so the test here is that of normal
    differences, with their spread over all samples. Costs are those measured: they do not vary with rows.

    Args:
        values: the metric of the candidates that keep the limits [candidates, draws]; where they are equal, the first
            counts as the better one.
        costs: what decides ties [candidates].
    """
    from scipy.special import ndtr

    signed = -values if params.metric in LOWER_IS_BETTER else values
    every = np.arange(values.shape[1])
    best = signed.argmax(axis=0)
    behind = signed[best, every] - signed
    covariance = np.atleast_2d(np.cov(signed))
    own = np.diag(covariance)
    spread = np.sqrt(np.maximum(own[:, None] + own - 2 * covariance, 0.0))[:, best]
    far = np.divide(behind, spread, out=np.where(behind > 0, np.inf, 0.0), where=spread > 0)
    p_values = 2 * ndtr(-far)
    p_values[best, every] = 0.0  # first in Holm's order: the others count among one less, which is how many they are
    tied = comparison.correct(p_values) > 1 - params.level
    tied[best, every] = True
    lowest = np.where(tied, costs[:, None], np.inf).min(axis=0)
    affordable = tied & (costs[:, None] <= lowest * params.cost_tolerance)
    taken: Ints = np.where(affordable, signed, -np.inf).argmax(axis=0)
    return taken
