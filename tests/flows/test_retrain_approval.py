"""A challenger that a person is asked about."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flows import approval, artifacts, decision, promotion, server
from flows.workspace import held
from tests.flows.retrain_toy import Retrain, RetrainProject, entered


@pytest.fixture
def project(tmp_path: Path, prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> RetrainProject:
    made = entered(tmp_path, monkeypatch, prefect_api)
    monkeypatch.setattr(approval, "POLL_SECONDS", 1)
    made.change("params.yaml", "policy: auto", "policy: approve, approve_hours: 0.1")
    made.commit("ask")
    return made


@pytest.fixture
def retrain(project: RetrainProject) -> Retrain:
    from flows.retrain import retrain as flow

    return flow


@contextmanager
def meanwhile(monkeypatch: pytest.MonkeyPatch, do: Callable[[Any], None]) -> Iterator[list[BaseException]]:
    """Does something in a thread of its own once the question is put; it gets the paused flow run."""
    from contextvars import copy_context

    from prefect.client.orchestration import get_client

    errors: list[BaseException] = []
    threads: list[threading.Thread] = []
    ask = approval.ask

    def follow(run: Any) -> None:
        try:
            with get_client(sync_client=True) as client:
                deadline = time.monotonic() + 120
                while not (found := client.read_flow_run(run)).state.is_paused():  # type: ignore[union-attr]
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
            do(found)
        except BaseException as error:
            errors.append(error)

    def asked(run: Any, *rest: Any) -> approval.Reply:
        thread = threading.Thread(target=copy_context().run, args=(follow, run))
        threads.append(thread)
        thread.start()
        return ask(run, *rest)

    monkeypatch.setattr(approval, "ask", asked)
    yield errors
    for thread in threads:
        thread.join()
    assert not errors


def answer(**given: str) -> Callable[[Any], None]:
    from prefect.flow_runs import resume_flow_run

    return lambda run: resume_flow_run(run.id, run_input=given)


def test_a_yes_puts_it_into_service_and_is_kept(
    project: RetrainProject, retrain: Retrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[Any] = []
    monkeypatch.setattr(artifacts, "publish", lambda root, record: published.append(record))
    questions: list[str] = []

    def say_yes(run: Any) -> None:
        with held(project.root):  # which `regraft promote` could have
            pass
        assert published == [None], "the report is there for the person"
        questions.append(_description(run))
        answer(answer="promote", reason="Tried it.")(run)

    with meanwhile(monkeypatch, say_yes):
        found = retrain()
    assert (found["decision"], found["champion"]) == ("PROMOTE", {"before": None, "after": "v0.1.0"})
    assert found["reasons"][-1] == "A person decided to put it into service: Tried it."
    assert "**Put toy into service as the first champion?**" in questions[0]
    assert "- It is said to be so." in questions[0]
    assert project.words == ["PROMOTE"]


def test_a_no_keeps_the_champion_and_is_not_asked_again(
    project: RetrainProject, retrain: Retrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    with meanwhile(monkeypatch, answer(answer="hold", reason="Not on a Friday.")):
        found = retrain()
    assert (found["decision"], found["verdict"]) == ("HOLD", "PROMOTE")
    assert found["reasons"][-1] == "A person decided to keep the champion: Not on a Friday."
    assert project.appointed == []
    assert retrain()["decision"] == "SKIP"


def test_the_command_promote_is_an_answer_too(
    project: RetrainProject, retrain: Retrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def promote(_: Any) -> None:
        project.regraft("promote", "--commit")

    with meanwhile(monkeypatch, promote):
        found = retrain()
    assert (found["decision"], found["champion"]) == ("PROMOTE", {"before": None, "after": "v0.1.0"})
    assert found["reasons"][-1].startswith("It was put into service by `regraft promote`")
    assert project.appointed == [(1, "v0.1.0")]


def test_without_an_answer_it_is_held(
    project: RetrainProject, retrain: Retrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.change("params.yaml", "approve_hours: 0.1", "approve_hours: 0.0002")
    project.commit("less patience")
    with meanwhile(monkeypatch, lambda run: None):
        found = retrain()
    assert (found["decision"], found["failed"]) == ("HOLD", False)
    assert found["reasons"][-1] == "Nobody answered within 0.0002 hours. `regraft promote` puts it into service."


def test_models_that_changed_meanwhile_are_not_what_was_asked_about(
    project: RetrainProject, retrain: Retrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_others(run: Any) -> None:
        project.regraft("run", "--set", "strength=2")
        answer(answer="promote", reason="")(run)

    with meanwhile(monkeypatch, make_others):
        found = retrain()
    assert found["decision"] == "HOLD"
    assert "made anew meanwhile" in found["reasons"][-1]
    assert project.appointed == []


def test_a_stop_while_it_waits_is_made_good(
    project: RetrainProject, retrain: Retrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: Any) -> approval.Reply:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(approval, "ask", killed)
        retrain()
    assert project.decisions == []
    with held(project.root), promotion.opened(project.root) as repo:
        promotion.promote(project.root, repo, commit=True)
    assert retrain()["decision"] == "SKIP"
    assert [(one["decision"], one["champion"]["after"]) for one in project.decisions] == [
        ("PROMOTE", "v0.1.0"),
        ("SKIP", "v0.1.0"),
    ]
    assert decision.draft(project.root) is None


def test_nobody_is_asked_where_nobody_could_answer(
    project: RetrainProject, retrain: Retrain, monkeypatch: pytest.MonkeyPatch, prefect_api: str
) -> None:
    monkeypatch.setattr(server, "_own", {prefect_api})
    found = retrain()
    assert found["decision"] == "HOLD"
    assert found["reasons"][-1].endswith("`regraft promote` puts it into service.")
    project.regraft("promote", "--commit")
    assert retrain()["decision"] == "SKIP", "what a person has decided since is known"


def _description(run: Any) -> str:
    from prefect.input.actions import read_flow_run_input

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = read_flow_run_input(run.state.state_details.run_input_keyset["description"], flow_run_id=run.id)
        if found is not None:
            return str(found)
        time.sleep(0.1)
    raise AssertionError("no question was put")
