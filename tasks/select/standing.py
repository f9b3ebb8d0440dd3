"""Where each candidate stands against the best of those that keep the limits."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tasks.scores import LOWER_IS_BETTER, Floats
from tasks.select import paired
from tasks.select.bootstrap import interval, replicate
from tasks.select.evidence import Candidate, Evidence
from tasks.select.limits import Breach
from tasks.select.params import SelectParams


@dataclass(frozen=True)
class Standing:
    """Where one candidate stands.

    Attributes:
        value: its metric on all rows compared.
        low: lower end of the metric's interval.
        high: upper end.
        behind: how much worse than the best it is: 0 for the best itself, negative only for one beyond the limits.
        behind_low: lower end of the interval of that difference, by itself: not corrected for how many are compared.
        behind_high: upper end.
        p_value: of the paired test against the best; None for the best itself, and for those beyond the limits.
        corrected_p: the same, corrected for how many are compared with the best.
        tied: whether it is the best, or the corrected test cannot tell it from the best.
        cost: what decides among the tied.
        breaches: the limits that it breaks.
    """

    name: str
    value: float
    low: float
    high: float
    behind: float
    behind_low: float
    behind_high: float
    p_value: float | None
    corrected_p: float | None
    tied: bool
    cost: float
    breaches: tuple[Breach, ...]

    @property
    def eligible(self) -> bool:
        """Whether it may be chosen."""
        return not self.breaches


@dataclass(frozen=True)
class Comparison:
    """How candidates were compared with the best.

    Attributes:
        test: bootstrap or mcnemar.
        correction: holm or none.
        count: candidates that were compared with the best.
        draws: samples of the bootstrap, from which the intervals come too.
        level: below whose complement a p-value must be for a candidate to be worse.
    """

    test: str
    correction: str
    count: int
    draws: int
    level: float

    @classmethod
    def of(cls, params: SelectParams, eligible: int) -> "Comparison":
        """What the parameters mean for so many candidates that keep the limits."""
        automatic = "mcnemar" if params.metric == "accuracy" else "bootstrap"
        test = automatic if params.test == "auto" else params.test
        count = eligible - 1
        tests = count if params.correction == "holm" else min(count, 1)
        needed = paired.draws_for(tests, params.level) if test == "bootstrap" else 0
        return cls(test, params.correction, count, max(params.draws, needed), params.level)

    def correct(self, p_values: Floats) -> Floats:
        """Corrects p-values [comparisons, ...] as was declared."""
        return paired.holm(p_values) if self.correction == "holm" else p_values


def rank(
    evidence: Evidence,
    broken: Mapping[str, tuple[Breach, ...]],
    comparison: Comparison,
    params: SelectParams,
    seed: int,
) -> tuple[list[Standing], Floats]:
    """Measures all candidates with intervals and sorts them, best first (then by name).

    Args:
        broken: the limits that each breaks; at least one candidate breaks none.

    Returns:
        The standings, and the replicated values of the metric in their order [candidates, draws].
    """
    sign = -1.0 if params.metric in LOWER_IS_BETTER else 1.0
    ordered = sorted(evidence.candidates, key=lambda some: (-sign * some.measures[params.metric], some.name))
    replicated: Floats = replicate(
        evidence.actual,
        [some.outcome for some in ordered],
        [params.metric],
        classes=len(evidence.classes),
        draws=comparison.draws,
        seed=seed,
    )[params.metric]
    best = next(number for number, some in enumerate(ordered) if not broken[some.name])
    compared = [number for number, some in enumerate(ordered) if not broken[some.name] and number != best]
    differences = sign * (replicated[best] - replicated)
    tested = [_p_value(evidence, comparison, ordered[best], ordered[some], differences[some]) for some in compared]
    p_values = dict(zip(compared, tested, strict=True))
    corrected = dict(zip(compared, comparison.correct(np.array(tested)).tolist(), strict=True)) if compared else {}
    standings = []
    for number, candidate in enumerate(ordered):
        low, high = interval(replicated[number], params.level)
        behind_low, behind_high = interval(differences[number], params.level)
        value = candidate.measures[params.metric]
        standings.append(
            Standing(
                name=candidate.name,
                value=value,
                low=low,
                high=high,
                behind=sign * (ordered[best].measures[params.metric] - value) + 0.0,
                behind_low=behind_low,
                behind_high=behind_high,
                p_value=p_values.get(number),
                corrected_p=corrected.get(number),
                tied=number == best or corrected.get(number, 0.0) > 1 - params.level,
                cost=float(candidate.costs[params.cost]),
                breaches=broken[candidate.name],
            )
        )
    return standings, replicated


def _p_value(
    evidence: Evidence, comparison: Comparison, best: Candidate, other: Candidate, differences: Floats
) -> float:
    if comparison.test == "mcnemar":
        return paired.mcnemar(evidence.actual, best.outcome.predicted, other.outcome.predicted)
    return paired.bootstrap(differences)
