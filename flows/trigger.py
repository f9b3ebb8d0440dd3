"""Why to retrain, or why not: a matter of figures alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.retraining.params import RetrainParams

_MANY = 3


@dataclass(frozen=True)
class Standing:
    """What is known before it is decided whether to retrain.

    Attributes:
        champion: the version in service; None if there is none.
        age_days: since it was first put into service.
        judged: whether an earlier decision, or the champion's own rows, say which rows are known.
        total, new: rows there are, and those that are not known.
        new_labels: how many rows are new of each label that the champion does not know.
        recipe: what is due apart from data, a phrase each.
        unjudged: whether the models at hand are others than those of the last decision and of the champion.
        interrupted: why the last run had begun, if it did not get to its decision.
        drift: what the drift test found; None where there was none.
        untested: why drift could not be tested, as a sentence; None where it could, or was not to be.
        forced: whether a person asks for it.
        why: what that person says.
    """

    champion: str | None = None
    age_days: float | None = None
    judged: bool = True
    total: int = 0
    new: int = 0
    new_labels: Mapping[str, int] = field(default_factory=dict)
    recipe: tuple[str, ...] = ()
    unjudged: bool = False
    interrupted: tuple[str, ...] | None = None
    drift: Mapping[str, Any] | None = None
    untested: str | None = None
    forced: bool = False
    why: str | None = None


@dataclass(frozen=True)
class Trigger:
    """Whether to retrain.

    Attributes:
        causes: what speaks for it, a word each (`forced`, `interrupted`, `first`, `new_rows`, `new_labels`, `drift`,
            `decay`, `age`, `recipe`); none: nothing does.
        reasons: sentences with figures; why it does, one for each cause, or what it was that did not suffice; then
            remarks.
    """

    causes: tuple[str, ...]
    reasons: tuple[str, ...]


def weigh(standing: Standing, params: RetrainParams) -> Trigger:
    """Tells whether to retrain, and why or why not."""
    found = [cause for look in _LOOKS for cause in look(standing, params)]
    reasons = [sentence for _, sentence in found] or _against(standing, params)
    return Trigger(tuple(cause for cause, _ in found), (*reasons, *_remarks(standing)))


Found = list[tuple[str, str]]


def _forced(standing: Standing, params: RetrainParams) -> Found:
    said = f": {standing.why}" if standing.why else "."
    return [("forced", f"It was asked for{said}")] if standing.forced else []


def _interrupted(standing: Standing, params: RetrainParams) -> Found:
    if standing.interrupted is None:
        return []
    because = f" It had begun because: {' '.join(standing.interrupted)}" if standing.interrupted else ""
    return [("interrupted", f"The last retrain did not get to its decision.{because}")]


def _first(standing: Standing, params: RetrainParams) -> Found:
    if standing.judged:
        return []
    none = "nor a champion" if standing.champion is None else "that tells which rows are known"
    return [("first", f"There is no earlier decision {none}: {_rows(standing.total)} to learn from.")]


def _rows_enough(standing: Standing, params: RetrainParams) -> Found:
    if not standing.judged or standing.new < params.new_rows:
        return []
    return [("new_rows", f"{_rows(standing.new, 'new ')}, {params.new_rows:,} or more (retrain.new_rows).")]


def _labels_enough(standing: Standing, params: RetrainParams) -> Found:
    if params.new_labels is None or standing.champion is None:
        return []
    many = {label: rows for label, rows in standing.new_labels.items() if rows >= params.new_labels}
    return [
        ("new_labels", f"The champion does not know {_labels(many)}; {params.new_labels:,} is enough "
         "(retrain.new_labels).")
    ] if many else []  # fmt: skip


def _drifted(standing: Standing, params: RetrainParams) -> Found:
    drift = standing.drift or {}
    hit = [test for test in drift.get("tests", []) if test["drifted"]]
    found = [("decay" if test["name"] == "decay" else "drift", str(test["sentence"])) for test in hit]
    if drift.get("drifted") and not found:
        found = [("drift", " ".join(map(str, drift["reasons"])))]
    return found


def _old(standing: Standing, params: RetrainParams) -> Found:
    age, limit = standing.age_days, params.max_age_days
    if limit is None or age is None or age < limit or not standing.new:
        return []
    return [("age", f"The champion is {_days(age)} old, {limit:g} or more (retrain.max_age_days), and there "
             f"{'is' if standing.new == 1 else 'are'} {_rows(standing.new, 'new ')}.")]  # fmt: skip


def _recipe(standing: Standing, params: RetrainParams) -> Found:
    if not params.recipe or not standing.judged:
        return []
    if standing.recipe:
        return [("recipe", f"The recipe has changed: {_few(standing.recipe)}.")]
    if standing.unjudged:
        return [("recipe", "The models at hand were made since the last decision, and none was made on them.")]
    return []


_LOOKS = (_forced, _interrupted, _first, _rows_enough, _labels_enough, _drifted, _old, _recipe)


def _against(standing: Standing, params: RetrainParams) -> list[str]:
    """What there was, and why it is not enough."""
    if standing.new:
        said = [f"{_rows(standing.new, 'new ')}, fewer than the {params.new_rows:,} of retrain.new_rows."]
    else:
        said = [f"Nothing new: all {_rows(standing.total)} were known to the last decision."]
    if standing.new_labels and params.new_labels is not None and standing.champion is not None:
        said.append(f"The champion does not know {_labels(standing.new_labels)}; retrain.new_labels asks for "
                    f"{params.new_labels:,}.")  # fmt: skip
    if standing.drift is not None:
        said.append(_no_drift(standing.drift))
    if standing.age_days is not None:
        limit = "" if params.max_age_days is None else f" of the {params.max_age_days:g} of retrain.max_age_days"
        said.append(f"The champion {standing.champion} is {_days(standing.age_days)} old{limit}.")
    if standing.recipe and not params.recipe:
        said.append(f"The recipe has changed ({_few(standing.recipe)}), which retrain.recipe says is no reason.")
    return said


def _remarks(standing: Standing) -> list[str]:
    """What is told whether it retrains or not."""
    said = [f"Asked for: {standing.why}"] if standing.why and not standing.forced else []
    return [*said, *([standing.untested] if standing.untested else [])]


def _no_drift(drift: Mapping[str, Any]) -> str:
    values = [test["p_value"] for test in drift.get("tests", []) if test.get("p_value") is not None]
    if values:
        return f"No drift is seen (the smallest corrected p-value is {min(values):.2g})."
    return " ".join(["No drift is seen.", *map(str, drift.get("reasons", []))])


def _rows(count: int, kind: str = "") -> str:
    return f"{count:,} {kind}row{'' if count == 1 else 's'}"


def _days(days: float) -> str:
    whole = int(days)
    return "less than a day" if whole < 1 else f"{whole:,} day{'' if whole == 1 else 's'}"


def _labels(labels: Mapping[str, int]) -> str:
    return _few([f"{label} ({_rows(rows, 'new ')})" for label, rows in labels.items()])


def _few(names: "tuple[str, ...] | list[str]") -> str:
    return ", ".join(names[:_MANY]) + (f" and {len(names) - _MANY} more" if len(names) > _MANY else "")
