"""The choice: the best metric on the rows compared; among those tied with it, the cheapest."""

from dataclasses import dataclass

from tasks.scores import LOWER_IS_BETTER, Floats
from tasks.select import wording
from tasks.select.bootstrap import interval, replicate
from tasks.select.evidence import Evidence
from tasks.select.params import SelectParams

_TOLD = 3  # ties that get a sentence each; more share one


@dataclass(frozen=True)
class Standing:
    """Where one candidate stands.

    Attributes:
        value: its metric on all rows compared.
        low: lower end of the metric's interval.
        high: upper end.
        behind: how much worse than the best it is (0 for the best itself), never negative.
        behind_low: lower end of the interval of that difference.
        behind_high: upper end.
        tied: whether that interval reaches down to 0, so that it may be as good as the best.
        cost: what decides among the tied.
    """

    name: str
    value: float
    low: float
    high: float
    behind: float
    behind_low: float
    behind_high: float
    tied: bool
    cost: float


@dataclass(frozen=True)
class Choice:
    """The winner, where all candidates stand (best first), and why in full sentences."""

    winner: str
    standings: list[Standing]
    reasons: list[str]

    @property
    def best(self) -> Standing:
        """The candidate with the best metric."""
        return self.standings[0]

    def standing(self, name: str) -> Standing:
        """Where the candidate of that name stands."""
        return next(some for some in self.standings if some.name == name)


def choose(evidence: Evidence, params: SelectParams, seed: int) -> Choice:
    """Compares the candidates on the rows of `evidence` and takes one.

    The result depends on measured times only where `params.cost` is one of them.
    """
    standings = rank(evidence, params, seed)
    tied = [some for some in standings if some.tied]
    lowest = min(some.cost for some in tied)
    affordable = [some for some in tied if some.cost <= lowest * params.cost_tolerance]
    winner = affordable[0]  # standings are sorted, best first
    reasons = [_best(standings, params, evidence), *_rows(evidence), *_ties(standings, params)]
    if len(tied) > 1:
        reasons.append(_cheapest(winner, affordable, tied, params))
    return Choice(winner.name, standings, reasons)


def rank(evidence: Evidence, params: SelectParams, seed: int) -> list[Standing]:
    """Measures all candidates with intervals and sorts them, best first (then by name)."""
    sign = -1.0 if params.metric in LOWER_IS_BETTER else 1.0
    ordered = sorted(evidence.candidates, key=lambda some: (-sign * some.measures[params.metric], some.name))
    outcomes = [some.outcome for some in ordered]
    replicated: Floats = replicate(
        evidence.actual, outcomes, [params.metric], classes=len(evidence.classes), draws=params.draws, seed=seed
    )[params.metric]
    best = ordered[0].measures[params.metric]
    standings = []
    for candidate, values in zip(ordered, replicated, strict=True):
        low, high = interval(values, params.level)
        behind_low, behind_high = interval(sign * (replicated[0] - values), params.level)
        value = candidate.measures[params.metric]
        standings.append(
            Standing(
                name=candidate.name,
                value=value,
                low=low,
                high=high,
                behind=abs(best - value),
                behind_low=behind_low,
                behind_high=behind_high,
                tied=behind_low <= 0,
                cost=float(candidate.costs[params.cost]),
            )
        )
    return standings


def _best(standings: list[Standing], params: SelectParams, evidence: Evidence) -> str:
    best, metric = standings[0], wording.name(params.metric)
    which = "is the only candidate and" if len(standings) == 1 else f"is the best of {len(standings)} candidates: it"
    return (
        f"{best.name} {which} reaches a {metric} of {wording.measure(best.value)} on {len(evidence.actual):,} "
        f"{wording.ROWS[evidence.rows]} ({wording.percent(params.level)} interval {_range(best.low, best.high)})."
    )


def _rows(evidence: Evidence) -> list[str]:
    """What is to be said of rows that are not those of a split that was held out."""
    if evidence.rows == "validation":
        return []
    validation = int(evidence.candidates[0].validation["rows"])
    return [
        f"Out of fold: each train row was predicted by a model that was not shown it. That is {len(evidence.actual):,} "
        f"rows to compare on, in place of {validation:,} validation rows."
    ]


def _ties(standings: list[Standing], params: SelectParams) -> list[str]:
    tied = [some for some in standings[1:] if some.tied]
    reasons = _many_tied(tied, params) if len(tied) > _TOLD else [_tied(some, params) for some in tied]
    clear = [some for some in standings if not some.tied]
    if clear:
        nearest = clear[0]
        start = "" if len(clear) == 1 else f"The other {len(clear)} are clearly worse; of them, the nearest is "
        which = f"{nearest.name} is clearly" if len(clear) == 1 else f"{nearest.name},"
        reasons.append(
            f"{start}{which} behind by {wording.measure(nearest.behind)} "
            f"({wording.percent(params.level)} interval {_range(nearest.behind_low, nearest.behind_high)})."
        )
    return reasons


def _tied(some: Standing, params: SelectParams) -> str:
    return (
        f"{some.name} is tied with it: its {wording.name(params.metric)} of {wording.measure(some.value)} is "
        f"{wording.measure(some.behind)} worse, but by the paired bootstrap ({params.draws:,} draws) the true "
        f"difference may be anything from {_range(some.behind_low, some.behind_high)}, so it may be as good."
    )


def _many_tied(tied: list[Standing], params: SelectParams) -> list[str]:
    each = [
        f"{some.name} by {wording.measure(some.behind)} ({_range(some.behind_low, some.behind_high)})" for some in tied
    ]
    return [
        f"{len(tied)} others are tied with it: they are worse, but by the paired bootstrap ({params.draws:,} draws) "
        f"each interval of the true difference reaches down to 0, so they may be as good: {wording.listed(each)}."
    ]


def _cheapest(winner: Standing, affordable: list[Standing], tied: list[Standing], params: SelectParams) -> str:
    def priced(some: Standing) -> str:
        return f"{some.name} {wording.cost(params.cost, some.cost)}"

    kind = wording.name(params.cost)
    others = wording.listed([priced(some) for some in tied if some is not winner])
    start = f"Among the tied, the lowest {kind} decides: {priced(winner)}, {others}"
    if len(affordable) == 1:
        return f"{start}; so {winner.name} wins."
    lowest = wording.cost(params.cost, min(some.cost for some in tied))
    return (
        f"{start}. Up to {params.cost_tolerance:g} times the lowest ({lowest}) counts as equal, which holds for "
        f"{wording.listed([some.name for some in affordable])}; of them {winner.name} has the best "
        f"{wording.name(params.metric)}, so it wins."
    )


def _range(low: float, high: float, between: str = " to ") -> str:
    return f"{wording.measure(low)}{between}{wording.measure(high)}"
