"""What the benchmarks of retraining and scoring promise is asked for rightly."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import batch, demo, scheduled
from flows.demo import Told
from tasks import params as project_params
from tests.imports import ROOT

SAMPLE = scheduled.Sample(runs=10, memory=150.0, files=16, threads=6, processes=0, server=240.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        ({"memory": 157.0, "files": 18}, []),
        ({"memory": 158.0}, ["memory grew from 150 to 158 MiB"]),
        ({"files": 19}, ["open files grew from 16 to 19"]),
        ({"processes": 1}, ["1 processes are left over"]),
    ],
)
def test_growth_is_that_since_the_tenth_run(change: dict[str, Any], said: list[str]) -> None:
    first = replace(SAMPLE, runs=1, memory=100.0, files=9)
    assert scheduled.grown([first, SAMPLE, replace(SAMPLE, runs=50, **change)]) == said


def test_a_run_that_skips_must_end_within_seconds() -> None:
    assert scheduled.slow([2.0, 3.0, 90.0]) == []
    assert scheduled.slow([]) == ["no run has skipped"]
    (said,) = scheduled.slow([11.0, 12.0])
    assert said.startswith("a run that skips takes 11.5 s")


def test_a_workspace_that_is_served_retrains_by_itself_and_rows_come_in(tmp_path: Path) -> None:
    workspace = scheduled.made(tmp_path / "helpdesk", 15.0)
    params = json.loads((workspace.folder / "params.yaml").read_text(encoding="utf-8"))
    project_params.check_tree(params)
    assert params["schedule"]["retrain"]["interval_hours"] == pytest.approx(15 / 3600)
    scheduled._arrive(workspace, 60)
    with (workspace.folder / "data/source/rows.csv").open(encoding="utf-8", newline="") as file:
        ids = [row["id"] for row in csv.DictReader(file)]
    assert len(set(ids)) == len(ids) == 300 + 60


def told(decision: str = "PROMOTE") -> list[Told]:
    return [Told("2026-06", 240, 240, decision, "v0.1.0", ("The first look.",))]


def test_the_documented_months_are_those_that_are_compared() -> None:
    lines = demo.documented((ROOT / "docs/retraining.md").read_text(encoding="utf-8"))
    assert [line.split(" | ")[0] for line in lines] == [
        "2026-06", "2026-07", "2026-07, again", "2026-08", "2026-09", "2026-10", "2026-11",
    ]  # fmt: skip
    assert demo.unlike(demo.facts(told()), lines[:1]) == []
    assert demo.unlike(demo.facts(told("HOLD")), lines[:1])[-1] == "+2026-06 | 240 | 240 | HOLD | v0.1.0"


def test_a_demo_that_comes_out_otherwise_the_second_time_falls_short(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from contextlib import nullcontext

    monkeypatch.setattr(demo.server, "available", lambda root: nullcontext())
    monkeypatch.setattr(demo, "told", lambda folder, *_: told() if folder.name == "demo-0" else told("HOLD"))
    with pytest.raises(SystemExit, match="run 2 has another table"):
        demo.main([])
    demo.main(["--times", "1", "--months", "1"])
    with pytest.raises(SystemExit, match="2026-07"):
        demo.main(["--times", "1"])


def test_files_of_all_sizes_have_texts_and_ids_of_their_own(tmp_path: Path) -> None:
    batch.write(tmp_path / "inbox/2000.csv", 2_000)
    with (tmp_path / "inbox/2000.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["id"] for row in rows}) == 2_000
    assert all(row["text"] for row in rows)


def test_memory_may_not_grow_with_the_file() -> None:
    small, middle, large = (batch.Scored(rows, 1.0, memory) for rows, memory in ((2, 200.0), (20, 300.0), (200, 329.0)))
    assert batch.grown([small, middle, large]) == []
    assert batch.grown([small, middle, replace(large, memory=331.0)]) == [
        "memory grew from 300 MiB (20 rows) to 331 (200)"
    ]
    assert batch.grown([small]) == []
