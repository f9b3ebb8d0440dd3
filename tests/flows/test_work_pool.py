"""A work pool as `prefect.yaml` has it, on a server with a password: its worker retrains, and may be killed at it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.flows import site
from tests.flows.retrain_toy import RetrainProject
from tests.flows.site import Site
from tests.flows.toy import wait_until
from tests.imports import ROOT

pytestmark = pytest.mark.slow

ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Site]:
    with site.started(tmp_path) as made:
        yield made


def prefect(project: RetrainProject, *arguments: str) -> str:
    command = [sys.executable, "-W", "ignore", "-m", "prefect", *arguments]
    done = subprocess.run(
        command, cwd=project.root, env=project.environment, check=False, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@contextmanager
def worker(project: RetrainProject) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker of the pool; it and what it has started are killed in the end."""
    command = [sys.executable, "-W", "ignore", "-m", "prefect", "worker", "start", "--pool", "regraft"]
    with (project.folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=project.root, env=project.environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """As when the machine's power fails: SIGKILL to all at once."""
    try:
        whole = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for one in whole:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait()


def run(server: Site) -> str:
    """Asks for a run; returns its id."""
    (deployment,) = server.ask("deployments/filter", deployments={"name": {"any_": ["retrain-process"]}})
    return str(server.ask(f"deployments/{deployment['id']}/create_flow_run", name="asked for")["id"])


def state(server: Site, run: str) -> Any:
    (found,) = server.ask("flow_runs/filter", flow_runs={"id": {"any_": [run]}})
    return found["state_type"]


def test_a_worker_retrains_and_what_is_killed_is_finished_by_the_next_run(server: Site, tmp_path: Path) -> None:
    project = RetrainProject(tmp_path)
    project.environment |= server.environment | {
        "REGRAFT_WORKSPACE": str(project.root),
        "PREFECT_HOME": str(tmp_path / "client"),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    shutil.copyfile(ROOT / "prefect.yaml", project.root / "prefect.yaml")
    project.commit("deployments")
    prefect(project, "work-pool", "create", "regraft", "--type", "process")
    prefect(project, "--no-prompt", "deploy", "--name", "retrain-process")
    log = tmp_path / "worker.log"
    with worker(project):
        first = run(server)
        wait_until(lambda: state(server, first) in ENDED, 300)
        assert state(server, first) == "COMPLETED", log.read_text()[-3000:]
    assert project.git("tag", "--list", "model@*").split() == ["model@v0.1.0"]

    project.put(["access", "hardware"] * 5)
    (tmp_path / "hold").touch()
    project.runs()
    with worker(project) as process:
        second = run(server)
        wait_until(lambda: project.has("../runs", "train"), 300)
        overlapping = run(server)
        wait_until(lambda: state(server, overlapping) in ENDED, 300)
        assert state(server, overlapping) == "CANCELLED", "one at a time"
        kill(process)
    (tmp_path / "hold").unlink()
    assert project.git("tag", "--list", "model@*").split() == ["model@v0.1.0"]
    # The server takes it to be at work, one run at a time, until it has not been heard of for five minutes.
    server.ask(f"flow_runs/{second}/set_state", state={"type": "CRASHED"}, force=True)
    with worker(project):
        third = run(server)
        wait_until(lambda: state(server, third) in ENDED, 300)
    assert state(server, third) == "COMPLETED", log.read_text()[-3000:]
    assert project.git("tag", "--list", "model@*").split() == ["model@v0.1.0", "model@v0.2.0"]
    assert "The last retrain did not get to its decision" in project.read("reports/decision.json")
    assert site.PASSWORD not in log.read_text()
