"""`reports/`: the choice for programs (JSON), for the terminal (Markdown) and for people (a page)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks import confidence
from tasks.files import replacing, write_json
from tasks.scores import LOWER_IS_BETTER
from tasks.select import (
    abstention_words,
    behaviour,
    cutoff_words,
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
    row_curve,
    selection,
    svg,
    template,
    training,
    whisker,
    wording,
)
from tasks.select import ladder as ladders
from tasks.select.choice import Choice
from tasks.select.evidence import Evidence
from tasks.select.findings import Findings
from tasks.select.params import SelectParams

FOLDER = Path("reports")
_PAIRS, _HARD_ROWS = 15, 15


def write(root: Path, found: Findings) -> None:
    """Writes all three reports."""
    facts = _facts(root, found)
    for name in ("report.md", "report.html"):
        with replacing(root / FOLDER / name) as partial:
            partial.write_text(template.render(name, **facts), encoding="utf-8")
    write_json(root / FOLDER / "selection.json", selection.content(found))


def _facts(root: Path, found: Findings) -> dict[str, Any]:
    choice, params = found.choice, found.params
    level = params.level
    return {
        **_choice_facts(root, found),
        **_confidence_facts(root, found.evidence, choice, params),
        **_ladder_facts(root, found),
        "headline": headline.write(choice.winner, found.examination, found.contest, params.metric),
        "contest": found.contest,
        "adapted": found.adapted,
        "review": found.review,
        "abstention": found.abstention,
        "abstention_told": [] if found.abstention is None else abstention_words.sentences(found.abstention, level),
        "cutoff": found.cutoff,
        "cutoff_told": [] if found.cutoff is None else cutoff_words.sentences(found.cutoff, level),
        "row_curves": found.row_curves,
        "row_curve_told": found.row_curves[0].sentence(params.metric, level) if found.row_curves else None,
        "row_curve_picture": row_curve.draw(found.row_curves, params.metric) if found.row_curves else None,
    }


def _ladder_facts(root: Path, found: Findings) -> dict[str, Any]:
    # One of other rows would be read as if it were of these.
    stale = found.ladder is not None and not ladders.is_current(found.ladder, root, found.params.metric)
    ladder = None if stale else found.ladder
    return {
        "ladder": ladder,
        "ladder_note": ladders.STALE if stale else None,
        "ladder_picture": None if ladder is None else ladder_picture.draw(ladder),
    }


def _choice_facts(root: Path, found: Findings) -> dict[str, Any]:
    evidence, choice, params, declared = found.evidence, found.choice, found.params, found.declared
    winner = evidence.named(choice.winner)
    matrix = mistakes.confusion(evidence, winner)
    recipes = {some.name: recipe.read(root, declared[some.name]) for some in choice.standings}
    candidates = _candidates(evidence, choice, recipes)
    other = "out_of_fold" if evidence.rows == "validation" else "validation"
    return {
        "winner": winner,
        "choice": choice,
        "test": found.examination,
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
