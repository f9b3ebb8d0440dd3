"""The ladder's recipes and rungs: which there are, what each is made of, and which are the same."""

import copy
from typing import Any

import pytest

from tasks import block
from tasks.errors import ParamsError
from tasks.ladder import plan as plans
from tasks.ladder.params import LadderParams
from tasks.ladder.rungs import pairs, rungs
from tasks.params import KEYS, check_tree
from tests.imports import ROOT

ENCODERS = {"base": {"source": "path:encoder", "objective": "none"}}
TREE: dict[str, Any] = {"seed": 5, "encoders": ENCODERS, "features": {"own": {}}, "candidates": {"own": {}}}
LADDER: dict[str, Any] = {
    "plain": {
        "features": {"kind": "tfidf", "encoder": "none", "words": [1, 1], "rules": {"lower": True}},
        "candidate": {"model": "naive_bayes", "alpha": 1.0},
    },
    "strategies": {
        "cleaning": {"features": {"rules": {"full_width": True}}, "candidate": {"model": "linear_svm"}},
        "transfer": {
            "features": {"kind": "tokens", "encoder": "base"},
            "candidate": {"model": "transformer", "tune": "head"},
        },
        "adaptation": {
            "needs": ["transfer"],
            "encoders": {"adapted": {"source": "base", "objective": "simcse"}},
            "features": {"encoder": "adapted"},
        },
        "training": {"candidate": {"label_smoothing": 0.2, "class_weight": "balanced"}},
    },
}


def ladder(**strategies: dict[str, Any]) -> LadderParams:
    tree = copy.deepcopy(LADDER)
    for name, keys in strategies.items():
        tree["strategies"][name] = tree["strategies"].get(name, {}) | keys
    return block.parse(LadderParams, tree)


def by_name(plan: plans.Plan) -> dict[str, plans.Planned]:
    return {planned.rung.name: planned for planned in plan.rungs}


def made(**strategies: dict[str, Any]) -> plans.Plan:
    return plans.make(TREE, ladder(**strategies), KEYS)


def test_the_climb_goes_up_one_by_one_and_the_ablation_down_from_the_full_recipe() -> None:
    found = [(rung.name, rung.on, rung.follows) for rung in rungs(ladder().strategies)]
    assert found == [
        ("plain", (), ()),
        ("+ cleaning", ("cleaning",), ()),
        ("+ transfer", ("cleaning", "transfer"), ()),
        ("+ adaptation", ("cleaning", "transfer", "adaptation"), ()),
        ("+ training", ("cleaning", "transfer", "adaptation", "training"), ()),
        ("all but cleaning", ("transfer", "adaptation", "training"), ()),
        ("all but transfer", ("cleaning", "training"), ("adaptation",)),
        ("all but adaptation", ("cleaning", "transfer", "training"), ()),
        ("all but training", ("cleaning", "transfer", "adaptation"), ()),
    ]


def test_what_needs_something_that_is_off_for_want_of_another_is_off_too() -> None:
    strategies = ladder(last={"needs": ["adaptation"], "candidate": {"mixup": 0.1}}).strategies
    without = {rung.strategy: rung.follows for rung in rungs(strategies) if rung.kind == "ablation"}
    assert without["transfer"] == ("adaptation", "last")
    assert without["training"] == ()


def test_a_climb_is_compared_with_the_rung_below_and_an_ablation_with_the_full_recipe() -> None:
    assert pairs(rungs(ladder().strategies)) == [None, (1, 0), (2, 1), (3, 2), (4, 3), (4, 5), (4, 6), (4, 7), (4, 8)]


def test_rungs_are_measured_on_nothing_that_the_ladder_does_not_show() -> None:
    tree = TREE | {"evaluate": {"latency_rows": 9, "checks": ["data/checks/*.csv"], "robustness_rows": 300}}
    measured = plans.make(tree, ladder(), KEYS).params["evaluate"]
    assert measured == {
        "latency_rows": 9,
        "checks": [],
        "robustness_rows": 0,
        "latency_batches": 1,
        "latency_batch_rows": 1,
        "batch_rows": 32,
    }


def test_patches_merge_deep_and_keys_that_a_model_does_not_have_are_left_out() -> None:
    named = by_name(made())
    features = named["+ transfer"].recipe["features"]
    assert features == {"kind": "tokens", "encoder": "base", "rules": {"lower": True, "full_width": True}}
    candidate = named["all but transfer"].recipe["candidate"]
    assert {key: value for key, value in candidate.items() if key != "features"} == {
        "model": "linear_svm",
        "class_weight": "balanced",
    }, "neither alpha nor label_smoothing"
    assert named["plain"].recipe["candidate"]["alpha"] == 1.0


def test_every_recipe_has_one_candidate_a_seed_and_one_that_is_reached_twice_is_one_item() -> None:
    plan = made()
    named = by_name(plan)
    assert named["all but training"].candidates == named["+ adaptation"].candidates
    assert len(plan.targets()) == 8 * 3
    seeds = [plan.params["candidates"][name]["seed"] for name in named["plain"].candidates]
    assert seeds == [5, 6, 7]
    assert named["+ training"].features == named["+ adaptation"].features, "seeds and recipes share feature sets"
    assert set(plan.params["candidates"]) == {name for planned in plan.rungs for name in planned.candidates}


def test_a_changed_strategy_changes_the_names_of_its_own_rungs_alone() -> None:
    before, after = by_name(made()), by_name(made(training={"candidate": {"class_weight": "sampled"}}))
    moved = {name for name in before if before[name].candidates != after[name].candidates}
    assert moved == {"+ training", "all but cleaning", "all but transfer", "all but adaptation"}


def test_an_encoder_keeps_its_name_if_the_project_has_it_so_and_gets_one_of_its_content_if_not() -> None:
    plan = made()
    named = by_name(plan)
    assert named["+ transfer"].encoders == ("base",)
    adapted, base = named["+ adaptation"].encoders
    assert base == "base"
    assert adapted.startswith("adapted-")
    assert plan.params["encoders"] == {"base": ENCODERS["base"], adapted: {"source": "base", "objective": "simcse"}}
    assert named["+ adaptation"].items()[:3] == (
        "adapt@base",
        f"adapt@{adapted}",
        f"embed@{named['+ adaptation'].features}",
    )


def test_the_project_s_own_ladder_is_possible_and_none_of_its_keys_is_idle() -> None:
    tree = block.load(ROOT / "params.yaml")
    params = block.parse(LadderParams, tree["ladder"], "ladder")
    assert plans.unused(params, KEYS) == []
    plan = plans.make(tree, params, KEYS)
    check_tree(plan.params)
    named = by_name(plan)
    full = named["+ generalisation"].candidates
    same = {name for name in named if name.startswith("all but") and named[name].candidates == full}
    assert same == {"all but preprocessing"}, "an encoder wants none of it, and every other strategy acts"


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        ("training", {"candidate": {"label_smothing": 0.1}}, "ladder.strategies.training.candidate.label_smothing: "),
        ("cleaning", {"features": {"pooling": "mean"}}, "ladder.strategies.cleaning.features.pooling: "),
        ("training", {"encoders": {"idle": {}}}, "ladder.strategies.training.encoders.idle: "),
    ],
)
def test_a_key_that_no_rung_takes_is_told(name: str, keys: dict[str, Any], message: str) -> None:
    (problem,) = plans.unused(ladder(**{name: keys}), KEYS)
    assert str(problem).startswith(message)


def test_a_wrong_value_is_told_by_rung() -> None:
    tree = block.load(ROOT / "params.yaml")
    tree["ladder"]["strategies"]["training"]["candidate"]["label_smoothing"] = 2.0
    plan = plans.make(tree, block.parse(LadderParams, tree["ladder"]), KEYS)
    with pytest.raises(ParamsError) as caught:
        check_tree(plan.params)
    told = {str(plan.explained(problem)) for problem in caught.value.problems}
    assert "ladder, rung `+ training`: candidate.label_smoothing: expected less than 1, given 2.0" in told
    assert all(one.startswith("ladder, rung `") for one in told)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"seeds": 2}, "seeds: expected greater than or equal to 3"),
        ({"rungs": 2}, "rungs: expected no such key"),
        ({"plain": {"features": {"kind": "tfidf"}}}, "a recipe with at least features.kind and candidate.model"),
        ({"strategies": {"a": {"needs": ["b"]}, "b": {}}}, "`needs` of a among the strategies above it, not b"),
        ({"strategies": {"a b": {}}}, "names of strategies of letters"),
        ({"strategies": {"a": {"candidate": {"seed": 1}}}}, "without `features` and `seed`"),
        ({"strategies": {"a": {"candidates": {}}}}, "strategies.a.candidates: expected no such key"),
    ],
)
def test_a_wrong_block_is_told(edit: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError) as caught:
        block.parse(LadderParams, LADDER | edit)
    assert message in str(caught.value)
