"""`reports/selection.json`: the choice for programs."""

from dataclasses import asdict
from typing import Any

from tasks.select import pareto
from tasks.select.evidence import Aside, Evidence
from tasks.select.findings import Findings
from tasks.select.params import SelectParams
from tasks.select.standing import Standing


def content(found: Findings) -> dict[str, Any]:
    """The content of the file."""
    choice, contest, evidence, params = found.choice, found.contest, found.evidence, found.params
    return {
        "winner": choice.winner,
        "verdict": contest.verdict.word,
        "reasons": [*choice.reasons, *contest.verdict.reasons],
        "metric": params.metric,
        "level": params.level,
        "rows": evidence.rows,
        "candidates": [
            *(_standing(evidence, standing, params) for standing in choice.standings),
            *(_aside(one, evidence) for one in evidence.aside),
        ],
        "comparison": asdict(choice.comparison),
        "corrected": choice.corrected.as_json() if choice.corrected is not None else None,
        "pareto": {front.cost: front.names for front in pareto.fronts(evidence, choice, params.metric)},
        "adaptation": [one.as_json() for one in found.adapted],
        "row_curves": [one.as_json() for one in found.row_curves],
        "test": found.examination.as_json(),
        "abstention": found.abstention.as_json() if found.abstention is not None else None,
        "threshold": found.cutoff.as_json() if found.cutoff is not None else None,
        "champion": contest.as_json(),
    }


def _standing(evidence: Evidence, standing: Standing, params: SelectParams) -> dict[str, Any]:
    candidate = evidence.named(standing.name)
    measures = {"validation": candidate.validation, "out_of_fold": candidate.out_of_fold}
    compared = {
        **candidate.measures,
        "interval": {"metric": params.metric, "low": standing.low, "high": standing.high},
        "behind_best": {
            "value": standing.behind,
            "low": standing.behind_low,
            "high": standing.behind_high,
            "p_value": standing.p_value,
            "corrected_p_value": standing.corrected_p,
        },
    }
    return {
        "name": standing.name,
        **measures,
        evidence.rows: compared,  # the rows that were not compared have no interval
        "cost": candidate.costs,
        "eligible": standing.eligible,
        "breaches": [breach.as_json() for breach in standing.breaches],
        "tied_with_best": standing.tied,
        **({"members": list(candidate.members)} if candidate.members else {}),
    }


def _aside(one: Aside, evidence: Evidence) -> dict[str, Any]:
    breach = {"limit": "rows", "allowed": evidence.rows, "found": "validation", "reason": f"it {one.reason}"}
    return {
        "name": one.name,
        "validation": one.validation,
        "out_of_fold": None,
        "cost": one.costs,
        "eligible": False,
        "breaches": [breach],
        "tied_with_best": False,
    }
