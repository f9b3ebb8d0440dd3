"""SIGKILL of a retrain, at each of its steps: the next run finishes the work, and there is one champion.

DVC runs the stages here; how our own engine makes good a kill is in test_main.py, of a worker in test_work_pool.py.
"""

import os
import signal
import traceback
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo

from flows import announcement, artifacts, champion, decision, events, graph, grounds, promotion, provenance, remote
from flows.registry import Registry
from tests.flows.retrain_toy import Retrain, RetrainProject, entered, without_a_server

pytestmark = pytest.mark.slow

STEPS: list[tuple[Any, str, str]] = [
    (remote, "pull", "after"),
    (graph.Graph, "items", "before"),
    (grounds, "gather", "after"),
    (decision, "write_draft", "after"),
    (provenance, "made", "after"),
    (promotion, "promote", "before"),
    (Registry, "register", "before"),
    (Registry, "register", "after"),
    (champion, "keep", "after"),
    (Registry, "appoint", "before"),
    (Registry, "appoint", "after"),
    (champion, "show", "after"),
    (promotion, "promote", "after"),
    (remote, "push", "before"),
    (remote, "push", "after"),
    (decision, "write", "before"),
    (decision, "drop_draft", "before"),
    (decision, "drop_draft", "after"),
    (announcement, "tell", "before"),
    (announcement, "tell", "after"),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RetrainProject:
    made = entered(tmp_path, monkeypatch)
    made.share()
    made.change("params.yaml", "{policy: auto,", "{policy: auto, push: true, pull: true,")
    made.commit("push")
    return made


@pytest.fixture
def retrain(project: RetrainProject, monkeypatch: pytest.MonkeyPatch) -> Retrain:
    monkeypatch.setattr(events, "emit", lambda kind, root, record: None)
    monkeypatch.setattr(artifacts, "publish", lambda root, record: None)
    return without_a_server(monkeypatch)


def exit_code(project: RetrainProject, retrain: Retrain) -> int:
    """Lets a run happen in a fork of this process; negative for the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        try:
            (project.folder / "pid").write_text(str(os.getpid()))
            retrain()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def is_finished(project: RetrainProject, retrain: Retrain) -> None:
    """What must hold after the next run, whatever a killed one has left."""
    retrain()
    assert project.appointed == [(1, "v0.1.0")], "one champion, appointed once"
    assert project.in_service is not None
    promoted = [one for one in project.decisions if one["decision"] == "PROMOTE"]
    assert [one["champion"] for one in promoted] == [{"before": None, "after": "v0.1.0"}]
    assert retrain()["decision"] == "SKIP"
    assert decision.draft(project.root) is None
    assert project.decisions[-1]["pushed"]
    with Repo(str(project.root)) as repo:
        assert remote.push(project.root, repo).files == 0, "what was promoted is on the remote"


@pytest.mark.parametrize(("where", "step", "when"), STEPS)
def test_a_kill_at_any_step_is_made_good_by_the_next_run(
    project: RetrainProject, retrain: Retrain, monkeypatch: pytest.MonkeyPatch, where: Any, step: str, when: str
) -> None:
    do = getattr(where, step)

    def killed(*arguments: Any, **options: Any) -> Any:
        if when == "after":
            do(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(where, step, killed)
        assert exit_code(project, retrain) == -signal.SIGKILL
    before = project.runs()
    is_finished(project, retrain)
    assert sorted(before + project.runs()) == ["ingest", "select", "train"], "nothing is computed twice"


@pytest.mark.parametrize("stage", ["ingest", "train", "select"])
def test_a_kill_while_a_stage_runs_is_made_good_too(project: RetrainProject, retrain: Retrain, stage: str) -> None:
    (project.folder / "kill").write_text(stage)
    assert exit_code(project, retrain) == -signal.SIGKILL
    before = project.runs()
    assert before[-1] == stage
    is_finished(project, retrain)
    assert sorted(before[:-1] + project.runs()) == ["ingest", "select", "train"]
