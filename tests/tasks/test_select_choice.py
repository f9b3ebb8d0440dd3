"""The choice among candidates: best, ties, cost, and the reasons given."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks import block
from tasks.errors import BadInput, ParamsError
from tasks.select import evidence
from tasks.select.choice import Choice, choose
from tasks.select.params import SelectParams
from tests.tasks.evaluated_workspace import CLASSES, answers, candidates, write_data, write_results

ACTUAL = list(CLASSES) * 40  # 120 rows
NEARLY_ALL = range(2)  # wrong about two rows
FEW_MORE = range(5)
HALF = range(0, 120, 2)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_data(tmp_path, ACTUAL)
    return tmp_path


def decide(root: Path, names: list[str], **params: Any) -> Choice:
    return choose(evidence.read(root, candidates(names)), SelectParams(**params), seed=7)


def test_the_clearly_best_wins_whatever_it_costs(root: Path) -> None:
    write_results(root, "good", ACTUAL, answers(ACTUAL, NEARLY_ALL), {"size_mb": 1000.0})
    write_results(root, "poor", ACTUAL, answers(ACTUAL, HALF), {"size_mb": 0.1})
    choice = decide(root, ["poor", "good"])
    assert choice.winner == "good"
    assert [(some.name, some.tied) for some in choice.standings] == [("good", True), ("poor", False)]
    assert choice.standing("poor").behind_low > 0.3
    assert any("poor is clearly behind by 0.4" in reason for reason in choice.reasons)


def test_among_tied_candidates_the_cheapest_wins(root: Path) -> None:
    write_results(root, "large", ACTUAL, answers(ACTUAL, NEARLY_ALL), {"size_mb": 90.0})
    write_results(root, "small", ACTUAL, answers(ACTUAL, FEW_MORE), {"size_mb": 2.0})
    choice = decide(root, ["large", "small"])
    assert choice.best.name == "large"
    assert choice.winner == "small"
    assert choice.standing("small").tied
    assert any("large 90.0 MB" in reason and "small wins" in reason for reason in choice.reasons)


def test_costs_within_the_tolerance_count_as_equal_so_that_noise_decides_nothing(root: Path) -> None:
    write_results(root, "better", ACTUAL, answers(ACTUAL, NEARLY_ALL), {"latency_ms_p50": 1.2})
    write_results(root, "quicker", ACTUAL, answers(ACTUAL, FEW_MORE), {"latency_ms_p50": 1.0})
    assert decide(root, ["quicker", "better"], cost="latency_ms_p50").winner == "better"
    assert decide(root, ["quicker", "better"], cost="latency_ms_p50", cost_tolerance=1.1).winner == "quicker"


@pytest.mark.parametrize("cost", ["size_mb", "latency_ms_p50", "latency_ms_p95", "fit_seconds"])
def test_the_declared_cost_decides(root: Path, cost: str) -> None:
    costs = dict.fromkeys(("size_mb", "latency_ms_p50", "latency_ms_p95", "fit_seconds"), 1.0)
    write_results(root, "better", ACTUAL, answers(ACTUAL, NEARLY_ALL), {**costs, cost: 50.0})
    write_results(root, "cheaper", ACTUAL, answers(ACTUAL, FEW_MORE), costs)
    others = [other for other in costs if other != cost]
    assert decide(root, ["better", "cheaper"], cost=cost).winner == "cheaper"
    assert {decide(root, ["better", "cheaper"], cost=other).winner for other in others} == {"better"}


def test_measured_costs_change_nothing_while_the_size_decides(root: Path) -> None:
    def decision(seconds: float) -> Choice:
        measured = {"latency_ms_p50": seconds, "latency_ms_p95": seconds, "fit_seconds": seconds}
        write_results(root, "one", ACTUAL, answers(ACTUAL, NEARLY_ALL), measured)
        write_results(root, "two", ACTUAL, answers(ACTUAL, FEW_MORE))
        return decide(root, ["one", "two"])

    assert decision(0.001) == decision(1000.0)


def test_for_log_loss_lower_is_better(root: Path) -> None:
    write_results(root, "sure", ACTUAL, answers(ACTUAL, [], sure=0.95))
    write_results(root, "unsure", ACTUAL, answers(ACTUAL, [], sure=0.5))
    choice = decide(root, ["unsure", "sure"], metric="log_loss")
    assert choice.winner == "sure"
    assert not choice.standing("unsure").tied
    assert choice.standing("unsure").behind == pytest.approx(np.log(0.95 / 0.5))


def test_candidates_with_equal_answers_are_tied_and_named_in_a_fixed_order(root: Path) -> None:
    for name in ("b", "a"):
        write_results(root, name, ACTUAL, answers(ACTUAL, FEW_MORE))
    assert decide(root, ["b", "a"]) == decide(root, ["a", "b"])
    assert decide(root, ["b", "a"]).winner == "a"


def test_a_wider_level_makes_more_ties(root: Path) -> None:
    write_results(root, "best", ACTUAL, answers(ACTUAL, []))
    write_results(root, "next", ACTUAL, answers(ACTUAL, range(3)))
    assert not decide(root, ["best", "next"], level=0.6).standing("next").tied
    assert decide(root, ["best", "next"], level=0.98).standing("next").tied


def fifteen(root: Path) -> list[str]:
    """`best`; `nearly`, which is a little worse; and many that are hopeless."""
    write_results(root, "best", ACTUAL, answers(ACTUAL, []))
    write_results(root, "nearly", ACTUAL, answers(ACTUAL, range(5)))
    hopeless = [f"h{number:02}" for number in range(13)]
    for number, name in enumerate(hopeless):
        write_results(root, name, ACTUAL, answers(ACTUAL, range(number, 120, 2)))
    return ["best", "nearly", *hopeless]


def test_more_candidates_do_not_hide_those_that_are_clearly_worse(root: Path) -> None:
    standings = decide(root, fifteen(root), draws=100).standings  # too few draws for 14 comparisons: more are drawn
    assert {some.name for some in standings if some.tied} <= {"best", "nearly"}


def test_the_correction_is_for_how_many_are_compared(root: Path) -> None:
    write_results(root, "best", ACTUAL, answers(ACTUAL, []))
    names = [f"near{number}" for number in range(4)]
    for number, name in enumerate(names):
        write_results(root, name, ACTUAL, answers(ACTUAL, range(20 * number, 20 * number + 6)))
    plain = decide(root, ["best", *names], metric="accuracy", correction="none")
    corrected = decide(root, ["best", *names], metric="accuracy")
    assert [some.p_value for some in plain.standings] == [some.p_value for some in corrected.standings]
    assert plain.standings[1].p_value == pytest.approx(2 * 0.5**6)
    assert not any(some.tied for some in plain.standings[1:])
    assert all(some.tied for some in corrected.standings[1:])
    assert corrected.standings[1].corrected_p == pytest.approx(4 * 2 * 0.5**6)
    assert all(some.behind_low > 0 for some in corrected.standings[1:])
    assert any("ties go by the corrected test" in reason for reason in corrected.reasons)
    assert any("by the Holm method" in reason for reason in corrected.reasons)
    assert any("not corrected for the 4 comparisons" in reason for reason in plain.reasons)


def test_where_interval_and_test_disagree_a_sentence_says_so(root: Path) -> None:
    write_results(root, "best", ACTUAL, answers(ACTUAL, []))
    write_results(root, "next", ACTUAL, answers(ACTUAL, range(5)))
    choice = decide(root, ["best", "next"], metric="accuracy")  # 5 to 0: exactly, p = 0.0625
    following = choice.standing("next")
    assert following.behind_low > 0 and following.tied
    (told,) = [reason for reason in choice.reasons if "next is tied" in reason]
    assert "p = 0.0625 by the exact McNemar test" in told
    assert told.endswith("The interval, which lies above 0, is of a bootstrap; what is tied goes by the test.")
    other = decide(root, ["best", "next"], metric="accuracy", test="bootstrap")
    assert not other.standing("next").tied and "goes by the test" not in " ".join(other.reasons)


def test_an_only_candidate_wins_without_a_word_of_others(root: Path) -> None:
    write_results(root, "lone", ACTUAL, answers(ACTUAL, FEW_MORE))
    choice = decide(root, ["lone"])
    assert choice.winner == "lone"
    assert "is the only candidate" in choice.reasons[0]
    assert len(choice.reasons) == 1


def test_candidates_that_know_their_classes_in_another_order_are_compared_rightly(root: Path) -> None:
    write_results(root, "one", ACTUAL, answers(ACTUAL, NEARLY_ALL))
    turned = tuple(reversed(CLASSES))
    write_results(root, "two", ACTUAL, answers(ACTUAL, NEARLY_ALL, turned), classes=turned)
    standings = {some.name: some for some in decide(root, ["one", "two"], metric="accuracy").standings}
    assert standings["two"].value == standings["one"].value == pytest.approx(118 / 120)
    assert standings["two"].low > 0.9


@pytest.mark.parametrize(
    "file", ["predictions/a.parquet", "metrics/a.json", "costs/fit/a.json", "costs/predict/a.json"]
)
def test_a_missing_file_of_a_declared_candidate_is_named(root: Path, file: str) -> None:
    write_results(root, "a", ACTUAL, answers(ACTUAL, []))
    (root / file).unlink()
    with pytest.raises(BadInput, match=file):
        evidence.read(root, candidates(["a"]))


def test_predictions_of_other_rows_are_refused(root: Path) -> None:
    write_results(root, "a", ACTUAL, answers(ACTUAL, []))
    write_data(root, [*ACTUAL[1:], "leave"])  # as many rows, other labels
    with pytest.raises(BadInput, match=r"predictions/a\.parquet: expected the 120 rows"):
        evidence.read(root, candidates(["a"]))


def test_params_refuse_what_they_do_not_know(tmp_path: Path) -> None:
    for wrong in (
        "{metric: recall}",
        "{level: 1.0}",
        "{draws: 10}",
        "{cost_tolerance: 0.5}",
        "{cost: price}",
        "{test: mcnemar}",
        "{test: t, metric: accuracy}",
        "{correction: bonferroni}",
        "{x: 1}",
    ):
        (tmp_path / "params.yaml").write_text(f"select: {wrong}\n", encoding="utf-8")
        with pytest.raises(ParamsError):
            block.read(tmp_path, "select", SelectParams)
