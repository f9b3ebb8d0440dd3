"""`reports/`: the choice for programs (JSON), for the terminal (Markdown) and for people (a page)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tasks import confidence
from tasks.contestants import Contestant
from tasks.files import replacing, write_json
from tasks.scores import LOWER_IS_BETTER
from tasks.select import (
    behaviour,
    dataset,
    headline,
    heatmap,
    ladder_picture,
    mistakes,
    pareto,
    reasons,
    recipe,
    reliability,
    riskiness,
    svg,
    template,
    training,
    whisker,
    wording,
)
from tasks.select import ladder as ladders
from tasks.select.abstention import Abstention
from tasks.select.abstention_words import sentences
from tasks.select.adaptation import Adapted
from tasks.select.champion import Contest
from tasks.select.choice import Choice
from tasks.select.evidence import Aside, Evidence
from tasks.select.examination import Examination
from tasks.select.ladder import Ladder
from tasks.select.params import SelectParams
from tasks.select.review import Review
from tasks.select.standing import Standing

FOLDER = Path("reports")
_PAIRS, _HARD_ROWS = 15, 15


def selection(
    evidence: Evidence,
    choice: Choice,
    examination: Examination,
    contest: Contest,
    params: SelectParams,
    adapted: Sequence[Adapted] = (),
    abstention: Abstention | None = None,
) -> dict[str, Any]:
    """The content of `reports/selection.json`."""
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
        "adaptation": [one.as_json() for one in adapted],
        "test": examination.as_json(),
        "abstention": abstention.as_json() if abstention is not None else None,
        "champion": contest.as_json(),
    }


def write(
    root: Path,
    evidence: Evidence,
    choice: Choice,
    examination: Examination,
    contest: Contest,
    params: SelectParams,
    declared: Mapping[str, Contestant],
    review: Review,
    adapted: Sequence[Adapted] = (),
    ladder: Ladder | None = None,
    abstention: Abstention | None = None,
) -> None:
    """Writes all three reports.

    Args:
        contest: the winner against the champion.
        declared: all contestants, by name.
        review: rows that a person should look at.
        adapted: what is known of the adapted encoders.
        ladder: what each strategy gives, None where no ladder has been made.
        abstention: when the winner abstains, None for never.
    """
    # One of other rows would be read as if it were of these.
    stale = ladder is not None and not ladders.is_current(ladder, root, params.metric)
    ladder = None if stale else ladder
    facts = _facts(root, evidence, choice, examination, params, declared)
    facts["headline"] = headline.write(choice.winner, examination, contest, params.metric)
    facts |= {"contest": contest, "adapted": adapted, "ladder": ladder, "review": review}
    facts["abstention"] = abstention
    facts["abstention_told"] = [] if abstention is None else sentences(abstention, params.level)
    facts["ladder_note"] = ladders.STALE if stale else None
    facts["ladder_picture"] = None if ladder is None else ladder_picture.draw(ladder)
    for name in ("report.md", "report.html"):
        with replacing(root / FOLDER / name) as partial:
            partial.write_text(template.render(name, **facts), encoding="utf-8")
    found = selection(evidence, choice, examination, contest, params, adapted, abstention)
    write_json(root / FOLDER / "selection.json", found)


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


def _facts(
    root: Path,
    evidence: Evidence,
    choice: Choice,
    examination: Examination,
    params: SelectParams,
    declared: Mapping[str, Contestant],
) -> dict[str, Any]:
    winner = evidence.named(choice.winner)
    matrix = mistakes.confusion(evidence, winner)
    recipes = {some.name: recipe.read(root, declared[some.name]) for some in choice.standings}
    candidates = _candidates(evidence, choice, recipes)
    other = "out_of_fold" if evidence.rows == "validation" else "validation"
    return _confidence_facts(root, evidence, choice, params) | {
        "winner": winner,
        "choice": choice,
        "test": examination,
        "params": params,
        "rows": evidence.rows,
        "rows_name": wording.ROWS[evidence.rows],
        "folds": recipes[choice.winner].folds,
        "other_rows": other if any(getattr(some["result"], other) is not None for some in candidates) else None,
        "split_names": wording.SPLITS,
        "columns": [name for name in ("accuracy", "log_loss") if name != params.metric],
        "candidates": candidates,
        "aside": [{"result": one, "recipe": recipe.read(root, declared[one.name])} for one in evidence.aside],
        "searches": [some for some in candidates if some["recipe"].search is not None],
        "warned": [some for some in recipes.values() if some.warnings],
        "lower_is_better": params.metric in LOWER_IS_BETTER,
        "fronts": pareto.fronts(evidence, choice, params.metric),
        "method": reasons.method(choice.comparison),
        "beyond": any(not some.eligible for some in choice.standings),
        "classes": mistakes.class_scores(evidence, winner),
        "confusion": heatmap.draw(matrix, evidence.classes),
        "pairs": mistakes.confused_pairs(matrix, evidence.classes, _PAIRS),
        "hard_rows": mistakes.hardest_rows(evidence, winner, _HARD_ROWS),
        "trainings": training.read(root, [some for some in recipes.values() if some.is_trained]),
        "data": dataset.read(root),
        "behaviour": behaviour.read(root, choice.winner, evidence.rows),
    }


def _confidence_facts(root: Path, evidence: Evidence, choice: Choice, params: SelectParams) -> dict[str, Any]:
    risks = riskiness.read(evidence, choice)
    return {
        "reliability": reliability.read(root, evidence, evidence.named(choice.winner), params.level),
        "bins": confidence.BINS,
        "risks": risks,
        "risk_picture": riskiness.draw(risks),
        "shares": riskiness.SHARES,
    }


def _candidates(evidence: Evidence, choice: Choice, recipes: Mapping[str, recipe.Recipe]) -> list[dict[str, Any]]:
    ends = svg.spread([end for some in choice.standings for end in (some.low, some.high)], 0.04)
    return [
        {
            "standing": some,
            "kind": pareto.kind(some, choice),
            "picture": whisker.draw(some.value, some.low, some.high, ends, pareto.kind(some, choice)),
            "result": evidence.named(some.name),
            "recipe": recipes[some.name],
        }
        for some in choice.standings
    ]
