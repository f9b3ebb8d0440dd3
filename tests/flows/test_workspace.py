"""Finding and holding a workspace, and what a killed run leaves in DVC's own files."""

import json
import os
from pathlib import Path

import pytest

from flows.graph import OWNER, Graph
from flows.workspace import WorkspaceBusy, find, held
from tasks.errors import BadInput
from tests.flows.toy import ALL, Project


def test_found_from_a_folder_within(quiet_project: Project) -> None:
    assert find(quiet_project.root / "tasks") == quiet_project.root.resolve()
    with pytest.raises(BadInput, match="Change to its folder"):
        find(quiet_project.folder)


def test_held_by_one_at_a_time_and_freed_after(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(WorkspaceBusy, match=f"process {os.getpid()}"), held(tmp_path):
        pass
    with held(tmp_path):
        pass


@pytest.mark.parametrize(
    "left",
    [
        "",  # killed while it wrote
        '{"write": {"raw.txt": {"pid"',
        json.dumps({"write": {"{root}/raw.txt": {"pid": os.getpid(), "cmd": OWNER + "gather"}}, "read": {}}),
        json.dumps({"write": {}, "read": {"{root}/raw.txt": [{"pid": 2**22 + 1, "cmd": "dvc repro"}]}}),
    ],
    ids=["nothing", "half", "of this process", "of no process"],
)
def test_leftovers_of_a_kill_do_not_stop_the_next(
    quiet_project: Project, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    monkeypatch.chdir(quiet_project.root)
    quiet_project.write(".dvc/tmp/rwlock", left.replace("{root}", str(quiet_project.root)))
    graph = Graph(quiet_project.root, print)
    graph.clear_leftovers()
    with graph.locked() as repo:
        (stage,) = repo.stage.collect("gather")
        assert stage.changed()
    graph.close()


def test_entries_of_a_living_dvc_stay(quiet_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(quiet_project.root)
    entry = {"write": {f"{quiet_project.root}/raw.txt": {"pid": os.getppid(), "cmd": "dvc repro"}}, "read": {}}
    quiet_project.write(".dvc/tmp/rwlock", json.dumps(entry))
    graph = Graph(quiet_project.root, print)
    graph.clear_leftovers()
    graph.close()
    assert json.loads(quiet_project.read(".dvc/tmp/rwlock")) == entry


def test_items_come_after_what_they_need(quiet_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(quiet_project.root)
    graph = Graph(quiet_project.root, print)
    items = graph.items()
    assert list(items) == ALL
    assert set(items["total"].needs) == {"scale@one", "scale@two", "scale@three"}
    assert items["scale@two"].needs == ("gather",)
    assert items["scale@two"].stage == "scale"
    assert items["scale@two"].commands == ("sh scale.sh two 2",)
    graph.close()
