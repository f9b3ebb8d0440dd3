"""The choice: of those that keep the limits the best; among those tied with it, the cheapest."""

from dataclasses import dataclass

from tasks.select import limits, optimism, reasons
from tasks.select.evidence import Evidence
from tasks.select.optimism import Corrected
from tasks.select.params import SelectParams
from tasks.select.standing import Comparison, Standing, rank


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why.

    Attributes:
        winner: the name of the candidate chosen.
        standings: where all candidates stand, best first, those beyond the limits among them.
        reasons: why, in full sentences.
        comparison: how candidates were compared with the best.
        corrected: what is to be expected of the winner, None where nothing was there to choose from.
    """

    winner: str
    standings: list[Standing]
    reasons: list[str]
    comparison: Comparison
    corrected: Corrected | None

    @property
    def best(self) -> Standing:
        """The candidate with the best metric, of those that keep the limits."""
        return next(some for some in self.standings if some.eligible)

    def standing(self, name: str) -> Standing:
        """Where the candidate of that name stands."""
        return next(some for some in self.standings if some.name == name)


def choose(evidence: Evidence, params: SelectParams, seed: int) -> Choice:
    """Compares the candidates on the rows of `evidence` and takes one.

    The result depends on measured times and memory only where `params.cost` is one of them, or a limit on one is
    declared.

    Raises:
        BadInput: if every candidate breaks a limit.
    """
    broken = limits.check(evidence.candidates, params.limits)
    comparison = Comparison.of(params, sum(not found for found in broken.values()))
    standings, values = rank(evidence, broken, comparison, params, seed)
    tied = [some for some in standings if some.tied]
    lowest = min(some.cost for some in tied)
    affordable = [some for some in tied if some.cost <= lowest * params.cost_tolerance]
    winner = affordable[0]  # standings are sorted, best first
    corrected = optimism.correct(evidence, standings, values, winner, comparison, params, seed)
    told = [
        *reasons.limits(standings, params),
        *reasons.best(standings, params, evidence),
        *reasons.ties(standings, comparison, params),
        *reasons.cheapest(affordable, tied, params),
        *([corrected.sentence] if corrected is not None else []),
        *reasons.aside(evidence),
    ]
    return Choice(winner.name, standings, told, comparison, corrected)
