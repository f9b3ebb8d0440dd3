"""A real ladder on small data: its own workspace, the shared cache, one failing rung, and the report page."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from flows.ladder_workspace import FOLDER
from tests.project import Project

pytestmark = pytest.mark.slow

SEEDS = ("seed7", "seed8", "seed9")
LADDER: dict[str, Any] = {
    "plain": {
        "features": {"kind": "tfidf", "encoder": "none", "words": [1, 1], "characters": None, "min_rows": 1},
        "candidate": {"model": "naive_bayes"},
    },
    "strategies": {
        "preprocessing": {"features": {"characters": [2, 3]}, "candidate": {"model": "linear_svm"}},
        "training": {"needs": ["preprocessing"], "candidate": {"class_weight": "balanced"}},
    },
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, prefect_api: str) -> Project:
    """A project after a run, whose rows lie in a folder of the user's own."""
    project = Project(tmp_path_factory.mktemp("ladder") / "project", tiny_encoder, prefect_api)
    rows = project.folder / "data" / "source" / "rows.csv"
    (project.folder / "mine").mkdir()
    rows.rename(project.folder / "mine" / "rows.csv")
    project.set_params(
        tiny_encoder,
        features={"words": {"kind": "tfidf", "encoder": "none"}},
        candidates={"naive_bayes": {"features": "words", "model": "naive_bayes"}},
        students={},
        ensembles={},
        quantized={},
        ladder=LADDER,
    )
    change(project, lambda tree: tree["ingest"].update(sources=["mine/*.csv"]))
    project.run("run")
    project.executed()
    return project


@pytest.fixture(scope="module")
def climbed(project: Project) -> Project:
    """The project after a ladder. Tests leave it as they found it."""
    before, lock = project.outputs(), project.lock()
    done = project.run("ladder", "--workers", "2")
    assert not project.executed(), "the project's own items are left alone"
    assert (project.outputs(), project.lock()) == (before, lock)
    assert "+ training" in done.stdout
    assert "reports/ladder.html" in done.stdout
    return project


def change(project: Project, edit: Any) -> None:
    path = project.folder / "params.yaml"
    tree = YAML(typ="safe").load(path)
    edit(tree)
    path.write_text(json.dumps(tree))


def executed(project: Project) -> set[str]:
    """The items that ran in the ladder's workspace since the last call; their records are put back."""
    records = project.folder / FOLDER / "costs" / "records"
    seen = records.with_name("seen")
    seen.mkdir(parents=True, exist_ok=True)
    names = {
        path.stem
        for path in records.glob("*.json")
        if not (seen / path.name).exists() or (seen / path.name).read_bytes() != path.read_bytes()
    }
    shutil.copytree(records, seen, dirs_exist_ok=True)
    return names


def report(project: Project) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads((project.folder / "reports" / "ladder.json").read_text())
    return tree


def test_a_ladder_makes_every_rung_from_every_seed_and_takes_rows_from_the_run_cache(climbed: Project) -> None:
    ran = executed(climbed)
    assert not ran & {"ingest", "clean", "select"}, "the first two come from the project's run cache"
    assert len([name for name in ran if name.startswith("finetune")]) == 9, "plain, with one strategy, with both"
    found = report(climbed)
    rungs = {rung["name"]: rung for rung in found["rungs"]}
    assert list(rungs) == ["plain", "+ preprocessing", "+ training", "all but preprocessing", "all but training"]
    assert found["seeds"] == [7, 8, 9]
    assert [name.rpartition("-")[2] for name in rungs["plain"]["candidates"]] == list(SEEDS)
    assert rungs["all but preprocessing"]["candidates"] == rungs["plain"]["candidates"]
    assert rungs["all but preprocessing"]["follows"] == ["training"]
    assert all(rung["failed"] is None and 0 < rung["value"] <= 1 for rung in found["rungs"])


def test_a_second_ladder_runs_nothing_and_says_the_same(climbed: Project) -> None:
    executed(climbed)
    first = report(climbed)
    assert "up to date" in climbed.run("ladder").stdout
    assert executed(climbed) == set()
    assert report(climbed) == first


def test_a_changed_strategy_runs_its_own_rungs_and_going_back_runs_nothing(climbed: Project) -> None:
    executed(climbed)
    first = report(climbed)
    change(climbed, lambda tree: tree["ladder"]["strategies"]["training"]["candidate"].update(C=2.0))
    climbed.run("ladder")
    ran = executed(climbed)
    assert {name.partition("@")[0] for name in ran} == {"finetune", "evaluate"}
    assert len(ran) == 6
    pairs = zip(first["rungs"], report(climbed)["rungs"], strict=True)
    assert [old["name"] for old, new in pairs if old["candidates"] != new["candidates"]] == ["+ training"]
    change(climbed, lambda tree: tree.update(ladder=LADDER))
    climbed.run("ladder")
    assert executed(climbed) == set(), "the first ladder's rungs come from the run cache"


def test_a_failing_rung_is_shown_with_its_reason_and_the_report_takes_the_ladder_in(climbed: Project) -> None:
    edit = {"class_weight": {"nonesuch": 2.0}}
    change(climbed, lambda tree: tree["ladder"]["strategies"]["training"]["candidate"].update(edit))
    assert climbed.run("ladder", check=False).returncode == 1
    rungs = {rung["name"]: rung for rung in report(climbed)["rungs"]}
    assert "nonesuch" in rungs["+ training"]["failed"]
    assert rungs["+ training"]["value"] is None
    assert rungs["+ preprocessing"]["gain"] is not None
    assert "nonesuch" in (climbed.folder / "reports" / "ladder.html").read_text()
    climbed.run("run")
    assert climbed.executed() == {"select"}, "a ladder made later is news to the report alone"
    assert "What each strategy gives" in (climbed.folder / "reports" / "report.html").read_text()
    assert climbed.run("explain").returncode == 0
    change(climbed, lambda tree: tree.update(ladder=LADDER))
