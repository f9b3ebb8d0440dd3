"""`make demo-retrain`: the months arrive in order, and each decision is shown with its reasons."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from flows import demo
from tasks import block
from tasks.params import check_tree
from tests.imports import ROOT


def test_the_demo_s_parameters_hold_and_promote_by_themselves() -> None:
    own = block.load(ROOT / block.PARAMS)
    made = demo._params(own, demo.CANDIDATES)
    check_tree(made)
    assert list(made["candidates"]) == list(demo.CANDIDATES)
    assert set(made["features"]) == {own["candidates"][name]["features"] for name in demo.CANDIDATES}
    alone = {"policy": "auto", "pull": False, "push": False, "commit": False, "notify": None}
    assert made["retrain"] == {**own["retrain"], **alone}, "nothing leaves the folder"
    assert made["verdict"] == {**own["verdict"], "negative_flips": 0.1}


class Recorded(demo.Demo):
    """Writes down what happens instead of doing it."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def arrive(self, month: Path) -> None:
        self.events.append(f"arrives {month.name}")

    def retrain(self, when: str, environment: Any) -> demo.Told:
        self.events.append(f"retrains {when}")
        return demo.Told(when, 240, 0, "SKIP", None, ("Nothing [new].", "At all."))


def test_the_months_arrive_one_by_one_and_once_nothing_does() -> None:
    recorded, shown = Recorded(), io.StringIO()
    console = Console(file=shown, width=100)
    told = demo.story(recorded, [Path("helpdesk-2026-06.csv"), Path("helpdesk-2026-07.csv")], {}, console)
    assert recorded.events == [
        "arrives helpdesk-2026-06.csv", "retrains 2026-06", "arrives helpdesk-2026-07.csv", "retrains 2026-07",
        "retrains 2026-07, again",
    ]  # fmt: skip
    console.print(demo.table(told))
    assert "2026-07, again" in shown.getvalue() and "Nothing [new]. At all." in shown.getvalue()


@pytest.mark.slow
def test_a_month_makes_a_champion_and_a_month_without_rows_is_skipped(tmp_path: Path, prefect_api: str) -> None:
    made = demo.Demo(ROOT, tmp_path / "demo", ["naive_bayes"])
    months = made.months()
    assert [month.stem for month in months] == [f"helpdesk-2026-{month:02}" for month in range(6, 12)]
    made.arrive(months[0])
    first = made.retrain("2026-06", {"PREFECT_API_URL": prefect_api})
    assert (first.decision, first.champion, first.rows) == ("PROMOTE", "v0.1.0", 240)
    again = made.retrain("2026-06, again", {"PREFECT_API_URL": prefect_api})
    assert (again.decision, again.champion, again.new) == ("SKIP", "v0.1.0", 0)
    assert again.reasons[0] == "Nothing new: all 240 rows were known to the last decision."
