"""Declared limits come before the choice."""

from pathlib import Path
from typing import Any, get_args

import pytest

from tasks import block
from tasks.contestants import Contestant
from tasks.errors import BadInput, ParamsError
from tasks.files import read_json
from tasks.finetune.params import MODELS
from tasks.finetune.students import STUDENTS
from tasks.records import Record
from tasks.select import evidence, stage
from tasks.select.choice import Choice, choose
from tasks.select.params import Family, SelectParams
from tests.tasks.evaluated_workspace import CLASSES, answers, write_data, write_model, write_params, write_results

ACTUAL = list(CLASSES) * 40
COSTS: dict[str, dict[str, float]] = {
    "large": {"size_mb": 90.24, "latency_ms_p50": 5.0, "latency_ms_p95": 9.0, "fit_seconds": 700.0},
    "middle": {"size_mb": 8.0, "latency_ms_p50": 2.0, "latency_ms_p95": 3.0, "fit_seconds": 30.0},
    "small": {"size_mb": 1.0, "latency_ms_p50": 1.0, "latency_ms_p95": 1.5, "fit_seconds": 2.0},
}
WRONG = {"large": range(2), "middle": range(20), "small": range(0, 120, 2)}
MODEL = {"large": "transformer", "middle": "lstm", "small": "naive_bayes"}
DECLARED = [Contestant(name, "candidates", {"model": MODEL[name]}) for name in COSTS]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """`large` is the best, `small` the worst; each clearly."""
    write_data(tmp_path, ACTUAL)
    for name, costs in COSTS.items():
        write_results(tmp_path, name, ACTUAL, answers(ACTUAL, WRONG[name]), costs)
    return tmp_path


def decide(root: Path, declared: list[Contestant] = DECLARED, **limits: Any) -> Choice:
    params = SelectParams.model_validate({"limits": limits, "draws": 200})
    return choose(evidence.read(root, declared), params, seed=7)


@pytest.mark.parametrize(
    ("limits", "winner"),
    [
        ({}, "large"),
        ({"size_mb": 90.24}, "large"),  # a limit that is just kept is kept
        ({"size_mb": 90.23}, "middle"),
        ({"latency_ms_p50": 4.0}, "middle"),
        ({"latency_ms_p95": 2.0}, "small"),
        ({"fit_seconds": 60}, "middle"),
        ({"families": ["lstm", "naive_bayes"]}, "middle"),
        ({"families": ["transformer"], "size_mb": 100.0}, "large"),
        ({"families": ["transformer", "naive_bayes"], "size_mb": 10.0}, "small"),
    ],
)
def test_the_best_of_those_that_keep_the_limits_wins(root: Path, limits: dict[str, Any], winner: str) -> None:
    assert decide(root, **limits).winner == winner


def test_peak_memory_is_that_of_fitting(root: Path) -> None:
    file = root / "costs/fit/large.json"
    file.write_text(file.read_text(encoding="utf-8").replace("100.0", "2048.0"), encoding="utf-8")
    choice = decide(root, peak_memory_mb=1000.0)
    assert choice.winner == "middle"
    assert choice.standing("large").breaches[0].reason == "its peak memory of fitting of 2,048 MiB is above 1,000 MiB"


def test_who_breaks_a_limit_is_neither_compared_nor_tied_and_has_reasons_with_numbers(root: Path) -> None:
    choice = decide(root, size_mb=50.0, families=["lstm", "naive_bayes"])
    large = choice.standing("large")
    assert choice.standings[0] == large and choice.best.name == "middle"
    assert (large.eligible, large.tied, large.p_value, large.corrected_p) == (False, False, None, None)
    assert large.behind < 0, "it is better than the best that keeps the limits"
    assert [breach.reason for breach in large.breaches] == [
        "its size of 90.2 MB is above 50.0 MB",
        "transformer is not among the families allowed (lstm and naive_bayes)",
    ]
    assert choice.comparison.count == 1
    first, second, third = choice.reasons[:3]
    assert first.startswith("Limits come first: size at most 50.0 MB and families lstm and naive_bayes. 1 of 3")
    assert "large (its size of 90.2 MB is above 50.0 MB and transformer is not among" in first
    assert second.startswith("Without the limits, large would be the best, with a macro F1 of 0.98")
    assert third.startswith("middle is the best of 2 candidates that keep the limits: it reaches")


def test_those_beyond_the_limits_change_nothing_among_the_others(root: Path) -> None:
    limited, alone = decide(root, size_mb=50.0), decide(root, DECLARED[1:], size_mb=50.0)
    assert [some for some in limited.standings if some.eligible] == alone.standings


def test_limits_that_all_keep_are_told(root: Path) -> None:
    assert decide(root, size_mb=500.0).reasons[0].endswith("All 3 candidates keep them.")
    assert not any("imit" in reason for reason in decide(root).reasons)


def test_a_difference_that_rounding_would_hide_is_shown(root: Path) -> None:
    (breach,) = decide(root, size_mb=90.23).standing("large").breaches
    assert breach.reason == "its size of 90.24 MB is above 90.23 MB"


def test_an_ensemble_needs_its_own_word_and_those_of_its_members(root: Path) -> None:
    both = Contestant("both", "ensembles", {"members": ["middle", "small"], "method": "mean"})
    write_results(root, "both", ACTUAL, answers(ACTUAL, []), is_ensemble=True)

    def barred(*families: str) -> object:
        breaches = decide(root, [*DECLARED, both], families=[*families, "transformer"]).standing("both").breaches
        return breaches[0].found if breaches else None

    assert barred("ensemble", "lstm", "naive_bayes") is None
    assert barred("lstm", "naive_bayes") == ("ensemble",)
    assert barred("ensemble", "lstm") == ("naive_bayes",)


def test_where_all_break_a_limit_the_error_names_the_nearest_and_what_to_change(root: Path) -> None:
    with pytest.raises(BadInput) as caught:
        decide(root, size_mb=0.9, latency_ms_p50=0.5)
    message = str(caught.value)
    assert message.startswith(
        "select.limits: expected limits that at least one candidate keeps, found that all 3 break"
    )
    assert "the nearest is small: its size of 1.00 MB is above 0.900 MB and its median latency" in message
    assert "Set select.limits.size_mb to 1 or more and set select.limits.latency_ms_p50 to 1 or more" in message
    with pytest.raises(BadInput, match=r"Add lstm to select\.limits\.families, or declare"):
        decide(root, DECLARED[1:2], families=["transformer"])


def test_doing_what_the_error_says_lets_the_nearest_in(root: Path) -> None:
    with pytest.raises(BadInput, match=r"size_mb to 90\.3 or more"):
        decide(root, DECLARED[:1], size_mb=50.0)
    assert decide(root, DECLARED[:1], size_mb=90.3).winner == "large"


def test_families_are_the_models_that_can_be_declared() -> None:
    assert set(get_args(Family)) == set(MODELS) | set(STUDENTS) | {"ensemble"}


@pytest.mark.parametrize("wrong", ["{size_mb: 0}", "{families: []}", "{families: [bert]}", "{price: 1}"])
def test_limits_that_mean_nothing_are_refused(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "params.yaml").write_text(f"select: {{limits: {wrong}}}\n", encoding="utf-8")
    with pytest.raises(ParamsError, match=r"select\.limits"):
        block.read(tmp_path, "select", SelectParams)


def test_all_reports_tell_who_is_beyond_the_limits(root: Path) -> None:
    recipes = {name: {"features": "tfidf", "model": model} for name, model in MODEL.items()}
    write_params(root, recipes, select="{limits: {size_mb: 50.0, families: null}, draws: 200}")
    for name in COSTS:
        write_model(root, name)
    stage.run(root, None, Record(root, "select"))
    found = read_json(root / "reports/selection.json")
    assert found["winner"] == "middle"
    large, middle, _ = found["candidates"]
    assert (large["name"], large["eligible"], middle["eligible"], middle["breaches"]) == ("large", False, True, [])
    (breach,) = large["breaches"]
    reason = breach.pop("reason")
    assert breach == {"limit": "size_mb", "allowed": 50.0, "found": 90.24}
    assert large["validation"]["behind_best"]["p_value"] is None
    assert "large" not in found["pareto"]["size_mb"]
    for file in ("report.md", "report.html"):
        text = (root / "reports" / file).read_text(encoding="utf-8")
        assert "beyond the limits" in text and reason in text
    table = (root / "reports/report.html").read_text(encoding="utf-8").split('<table class="candidates">')[1]
    assert '<span class="badge">best</span>' in table.split('data-value="middle"')[1].split("</tr>")[0]
