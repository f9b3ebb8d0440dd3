"""Whether to retrain, by figures alone."""

from dataclasses import replace
from typing import Any

import pytest

from flows.trigger import Standing, weigh
from tasks.retraining.params import RetrainParams

PARAMS = RetrainParams(new_rows=100, new_labels=5)
IDLE = Standing(champion="v0.1.0", age_days=3.4, total=1500)


def params(**changes: Any) -> RetrainParams:
    return RetrainParams.model_validate({**PARAMS.model_dump(), **changes})


def drift(p_value: float, drifted: bool, name: str = "labels") -> dict[str, Any]:
    test = {"name": name, "p_value": p_value, "drifted": drifted, "sentence": f"{name} moved, p = {p_value}."}
    quiet = {"name": "lengths", "p_value": 0.9, "drifted": False, "sentence": "Lengths are as they were."}
    return {"drifted": drifted, "reasons": [test["sentence"]], "tests": [test, quiet]}


def test_nothing_new_is_skipped_with_figures() -> None:
    found = weigh(IDLE, PARAMS)
    assert found.causes == ()
    assert found.reasons == (
        "Nothing new: all 1,500 rows were known to the last decision.",
        "The champion v0.1.0 is 3 days old.",
    )


def test_too_little_is_skipped_and_each_figure_stands_beside_its_limit() -> None:
    little = replace(IDLE, new=12, new_labels={"assistant": 2}, drift=drift(0.43, False), age_days=1.0)
    assert weigh(little, params(max_age_days=30.0)).reasons[:3] == (
        "12 new rows, fewer than the 100 of retrain.new_rows.",
        "The champion does not know assistant (2 new rows); retrain.new_labels asks for 5.",
        "No drift is seen (the smallest corrected p-value is 0.43).",
    )
    found = weigh(little, params(max_age_days=2.0))
    assert found.causes == ()
    last = found.reasons[-1]
    assert last == "The champion v0.1.0 is 1 day old of the 2 of retrain.max_age_days."


CASES: list[tuple[dict[str, Any], dict[str, Any], tuple[str, ...], str]] = [
    ({"forced": True, "why": "A demo."}, {}, ("forced",), "It was asked for: A demo."),
    ({"forced": True}, {}, ("forced",), "It was asked for."),
    ({"interrupted": ()}, {}, ("interrupted",), "The last retrain did not get to its decision."),
    (
        {"interrupted": ("Because of rain.",)},
        {},
        ("interrupted",),
        "The last retrain did not get to its decision. It had begun because: Because of rain.",
    ),
    ({"new": 100}, {}, ("new_rows",), "100 new rows, 100 or more (retrain.new_rows)."),
    ({"new": 99}, {}, (), "99 new rows, fewer than the 100 of retrain.new_rows."),
    (
        {"new": 7, "new_labels": {"assistant": 5, "other": 2}},
        {},
        ("new_labels",),
        "The champion does not know assistant (5 new rows); 5 is enough (retrain.new_labels).",
    ),
    ({"new": 7, "new_labels": {"assistant": 5}}, {"new_labels": None}, (), "7 new rows, fewer than the 100"),
    ({"new": 7, "drift": drift(0.001, True)}, {}, ("drift",), "labels moved, p = 0.001."),
    ({"new": 7, "drift": drift(0.001, True, "decay")}, {}, ("decay",), "decay moved, p = 0.001."),
    ({"new": 7, "drift": {"drifted": True, "reasons": ["Odd."], "tests": []}}, {}, ("drift",), "Odd."),
    ({"new": 1}, {"max_age_days": 3.0}, ("age",), "The champion is 3 days old, 3 or more (retrain.max_age_days), and"),
    ({"new": 0}, {"max_age_days": 3.0}, (), "Nothing new: all 1,500 rows"),
    ({"recipe": ("seed: 1 → 2 (embed)",)}, {}, ("recipe",), "The recipe has changed: seed: 1 → 2 (embed)."),
    ({"unjudged": True}, {}, ("recipe",), "The models at hand were made since the last decision"),
    ({"unjudged": True}, {"recipe": False}, (), "Nothing new"),
    (
        {"judged": False, "champion": None, "age_days": None, "new": 1500},
        {},
        ("first",),
        "There is no earlier decision nor a champion: 1,500 rows to learn from.",
    ),
]


@pytest.mark.parametrize(("standing", "changes", "causes", "sentence"), CASES)
def test_each_reason(standing: dict[str, Any], changes: dict[str, Any], causes: tuple[str, ...], sentence: str) -> None:
    found = weigh(replace(IDLE, **standing), params(**changes))
    assert found.causes == causes
    assert found.reasons[0].startswith(sentence)


def test_all_reasons_are_told_at_once() -> None:
    much = replace(IDLE, forced=True, new=200, drift=drift(0.001, True), recipe=("a", "b", "c", "d", "e"))
    found = weigh(much, PARAMS)
    assert found.causes == ("forced", "new_rows", "drift", "recipe")
    assert found.reasons[-1] == "The recipe has changed: a, b, c and 2 more."


def test_a_recipe_that_is_no_reason_is_told_all_the_same() -> None:
    found = weigh(replace(IDLE, recipe=("seed: 1 → 2",)), params(recipe=False))
    assert found.causes == ()
    assert found.reasons[-1] == "The recipe has changed (seed: 1 → 2), which retrain.recipe says is no reason."


def test_remarks_stand_in_the_end_whether_it_retrains_or_not() -> None:
    untested = "Drift could not be tested: drift failed with exit code 1."
    for new, causes in ((0, ()), (200, ("new_rows",))):
        found = weigh(replace(IDLE, why="A demo.", new=new, untested=untested), PARAMS)
        assert found.causes == causes
        assert found.reasons[-2:] == ("Asked for: A demo.", untested)
    assert len(found.reasons) == 3
    forced = weigh(replace(IDLE, forced=True, why="A demo."), PARAMS)
    assert forced.reasons == ("It was asked for: A demo.",), "once"
