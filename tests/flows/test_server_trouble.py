"""A Prefect server that goes away while a run is at work, and one whose data base is held by another process."""

import sqlite3
import threading
from pathlib import Path

import pytest

from tests.flows import site
from tests.flows.retrain_toy import RetrainProject
from tests.flows.toy import ALL, Project, wait_until


def test_a_server_that_is_lost_costs_no_stage_and_is_told_in_one_sentence(tmp_path: Path) -> None:
    project = Project(tmp_path)
    hold = tmp_path / "hold-two"
    hold.touch()
    with site.started(tmp_path) as server:
        project.environment |= server.environment | {"PREFECT_CLIENT_MAX_RETRIES": "0"}
        with project.started("run") as process:
            wait_until(lambda: project.has("dvc.lock", "scale@three:") and project.has("../runs", "scale@two"), 120)
            assert server.process is not None
            server.process.kill()
            server.process.wait()
            hold.unlink()
            text, _ = process.communicate(timeout=600)
    assert process.returncode == 2
    assert "error: Prefect: expected a server that answers, found" in text
    assert "what was made is kept" in text
    for noise in ("Traceback", "Error logging to API", "EventsWorker"):
        assert noise not in text
    before = project.counted()
    assert set(before.values()) == {1}
    project.environment["PREFECT_API_URL"] = ""
    project.regraft("run")
    assert sorted(before + project.counted()) == sorted(ALL), "nothing was made twice"
    assert project.read("out/two.txt") == "seven times 2\n"


def test_a_data_base_that_is_locked_for_a_while_is_waited_for(tmp_path: Path) -> None:
    project = Project(tmp_path)
    hold = tmp_path / "hold-two"
    hold.touch()
    with site.started(tmp_path) as server:
        project.environment |= server.environment
        with project.started("run") as process:
            wait_until(lambda: project.has("../runs", "scale@two"), 120)
            held = sqlite3.connect(tmp_path / "home/prefect.db", isolation_level=None, check_same_thread=False)
            held.execute("BEGIN IMMEDIATE")
            hold.unlink()
            release = threading.Timer(15, held.rollback)
            release.start()
            text, _ = process.communicate(timeout=600)
            assert release.finished.is_set(), "it waited for the data base"
            held.close()
    assert process.returncode == 0, text
    assert sorted(project.runs()) == sorted(ALL)


@pytest.mark.parametrize("command", ["run", "retrain"])
def test_a_server_that_is_down_from_the_start_is_told_before_anything_runs(command: str, tmp_path: Path) -> None:
    project = RetrainProject(tmp_path) if command == "retrain" else Project(tmp_path)
    password = "hush-hush-hush"
    nobody = {"PREFECT_API_URL": f"http://me:{password}@127.0.0.1:9/api", "PREFECT_CLIENT_MAX_RETRIES": "0"}
    project.environment |= nobody | {"PREFECT_HOME": str(tmp_path / "client")}
    text = project.regraft(command, code=2)
    assert "error: Prefect: expected a server that answers, found" in text
    assert "unset it to use a temporary one" in text
    assert "Traceback" not in text
    assert password not in text
    assert project.runs() == []
