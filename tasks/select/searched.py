"""A candidate's search for better parameters, as the report shows it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.scores import LOWER_IS_BETTER

_TRIALS = 20  # that are shown; the rest adds length, not knowledge


@dataclass(frozen=True)
class Setting:
    """A parameter that the candidate declares, or that its search found."""

    name: str
    value: str
    found: bool


@dataclass(frozen=True)
class Trial:
    """A set of parameters that was tried.

    Attributes:
        number: from 1; the first is the candidate as it was declared.
        cells: its values, in the order of `Search.keys`: as they are shown, and as they are sorted by.
    """

    number: int
    score: float
    best: bool
    cells: list[tuple[str, str]]


@dataclass(frozen=True)
class Search:
    """A search, its best trials first.

    Attributes:
        count: trials in all.
        failed: trials whose training failed.
        declared_score: of the candidate as declared, None where the search does not tell.
        found: the best values.
        keys: the parameters that were searched over.
        trials: the best of them.
    """

    metric: str
    lower_is_better: bool
    folds: int
    count: int
    failed: int
    score: float
    declared_score: float | None
    found: list[Setting]
    keys: list[str]
    trials: list[Trial]


def read(described: Mapping[str, Any], trials: list[dict[str, Any]]) -> Search:
    """Puts a search together.

    Args:
        described: what the model's card says of it.
        trials: all sets of parameters that were tried.
    """
    lower_is_better = described["metric"] in LOWER_IS_BETTER
    sign = 1.0 if lower_is_better else -1.0
    scored = [trial for trial in trials if trial["score"] is not None]
    ordered = sorted(scored, key=lambda trial: (not trial["best"], sign * trial["score"], trial["trial"]))
    first = min(trials, key=lambda trial: trial["trial"])
    keys = list(dict.fromkeys(key for trial in trials for key in trial["params"]))
    return Search(
        metric=described["metric"],
        lower_is_better=lower_is_better,
        folds=described["folds"],
        count=len(trials),
        failed=len(trials) - len(scored),
        score=described["score"],
        declared_score=first["score"],
        found=[Setting(key, shown(value), True) for key, value in described["values"].items()],
        keys=keys,
        trials=[_trial(trial, keys, first["trial"]) for trial in ordered[:_TRIALS]],
    )


def _trial(trial: Mapping[str, Any], keys: list[str], first: int) -> Trial:
    values = [trial["params"].get(key, "") for key in keys]
    return Trial(
        number=trial["trial"] - first + 1,
        score=trial["score"],
        best=trial["best"],
        cells=[(shown(value), repr(value) if isinstance(value, float) else shown(value)) for value in values],
    )


def shown(value: object) -> str:
    """A parameter's value, as YAML has it in one line without quotes."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {shown(part)}" for key, part in value.items())
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)
