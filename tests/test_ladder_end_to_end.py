"""A real ladder on small data: its own workspace, the shared cache, one failing rung, and the report page."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from flows.ladder_workspace import FOLDER
from tests.project import Project

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
def project(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Iterator[Project]:
    """A project after a run, whose rows lie in a folder of the user's own."""
    project = Project(tmp_path_factory.mktemp("ladder") / "project", tiny_encoder)
    rows = project.folder / "data" / "source" / "rows.csv"
    (project.folder / "mine").mkdir()
    rows.rename(project.folder / "mine" / "rows.csv")
    project.set_params(tiny_encoder, {"naive_bayes": {"features": "words", "model": "naive_bayes"}})
    change(project, lambda tree: tree.update(ladder=LADDER, features={"words": {"kind": "tfidf", "encoder": "none"}}))
    change(project, lambda tree: tree["ingest"].update(sources=["mine/*.csv"]))
    project.run("run")
    project.executed()
    yield project


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


def test_a_ladder_from_the_first_to_the_report(project: Project) -> None:
    """One story, as each step builds on the files of the one before."""
    before, lock = project.outputs(), project.lock()
    done = project.run("ladder", "--workers", "2")
    ran = executed(project)
    assert not ran & {"ingest", "clean", "select"}, "the first two come from the project's run cache"
    assert len([name for name in ran if name.startswith("finetune")]) == 9, "plain, with one strategy, with both"
    assert not project.executed(), "the project's own items are left alone"
    assert (project.outputs(), project.lock()) == (before, lock)
    assert "+ training" in done.stdout
    assert "reports/ladder.html" in done.stdout
    first = report(project)
    rungs = {rung["name"]: rung for rung in first["rungs"]}
    assert list(rungs) == ["plain", "+ preprocessing", "+ training", "all but preprocessing", "all but training"]
    assert first["seeds"] == [7, 8, 9]
    assert [name.rpartition("-")[2] for name in rungs["plain"]["candidates"]] == list(SEEDS)
    assert rungs["all but preprocessing"]["candidates"] == rungs["plain"]["candidates"]
    assert rungs["all but preprocessing"]["follows"] == ["training"]
    assert all(rung["failed"] is None and 0 < rung["value"] <= 1 for rung in first["rungs"])

    again = project.run("ladder")
    assert "up to date" in again.stdout
    assert executed(project) == set()
    assert report(project) == first

    change(project, lambda tree: tree["ladder"]["strategies"]["training"]["candidate"].update(C=2.0))
    project.run("ladder")
    assert {name.partition("@")[0] for name in executed(project)} == {"finetune", "evaluate"}
    second = {rung["name"]: rung for rung in report(project)["rungs"]}
    changed = {name for name, rung in second.items() if rung["candidates"] != rungs[name]["candidates"]}
    assert changed == {"+ training"}

    def spoil(tree: dict[str, Any]) -> None:
        tree["ladder"]["strategies"]["training"]["candidate"]["class_weight"] = {"nonesuch": 2.0}

    change(project, spoil)
    failed = project.run("ladder", check=False)
    assert failed.returncode == 1
    third = {rung["name"]: rung for rung in report(project)["rungs"]}
    assert "nonesuch" in third["+ training"]["failed"]
    assert third["+ training"]["value"] is None
    assert third["+ preprocessing"]["gain"] is not None
    assert "nonesuch" in (project.folder / "reports" / "ladder.html").read_text()

    project.run("run")
    assert project.executed() == {"select"}, "a ladder made later is news to the report alone"
    page = (project.folder / "reports" / "report.html").read_text()
    assert "What each strategy gives" in page
    assert project.run("explain").returncode == 0

    executed(project)
    change(project, lambda tree: tree.update(ladder=LADDER))
    project.run("ladder")
    assert executed(project) == set(), "the first ladder's rungs come from the run cache"
