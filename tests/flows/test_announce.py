"""What a running stage says, and where people see it."""

import json
import logging
from typing import Any

import pytest

from flows import announce
from flows.announce import Announcer
from flows.display import Display
from tasks.progress import MARK


class Terminal(Display):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def progress(self, name: str, report: dict[str, Any]) -> None:
        self.seen.append((name, report["done"]))

    def line(self, name: str, text: str) -> None:
        self.seen.append((name, text))


def report(done: int, total: int | None = 200, what: str = "training") -> str:
    return MARK + json.dumps({"what": what, "done": done, "total": total, "unit": "batches", "figures": {"loss": 0.5}})


def announced(lines: list[str], terminal: Display) -> list[Any]:
    """The progress artifacts of a flow run in which a stage says these lines."""
    from prefect import flow, get_run_logger, runtime
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter

    @flow(name="announces")
    def announces() -> str:
        announcer = Announcer("finetune@textcnn", get_run_logger(), terminal)
        for line in lines:
            announcer.line(line)
        return str(runtime.flow_run.id)

    with get_client(sync_client=True) as client:
        found = client.read_artifacts(flow_run_filter=FlowRunFilter(id={"any_": [str(announces())]}))
    assert all(one.type == "progress" for one in found)
    return sorted((one.description, one.data) for one in found)


def test_progress_is_an_artifact_that_moves_on(prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert prefect_api
    monkeypatch.setattr(announce, "ARTIFACT_SECONDS", 0.0)
    terminal = Terminal()
    said = [report(50), report(150), report(20, what="embedding"), report(7, total=None, what="reading"), "a line"]
    found = announced(said, terminal)
    assert [data for _, data in found] == [10.0, 75.0], "one for each thing that is done, where its end is known"
    assert [text.partition(" ")[0] for text, _ in found] == ["finetune@textcnn:"] * 2
    assert "150 of 200 batches" in found[1][0]
    assert "loss 0.5" in found[1][0]
    own = "finetune@textcnn"
    assert terminal.seen == [(own, 50), (own, 150), (own, 20), (own, 7), (own, "a line")]


def test_the_server_is_told_every_few_seconds_only(prefect_api: str) -> None:
    assert prefect_api
    assert announced([report(done) for done in range(100)], Terminal()) == []


def test_a_server_that_is_lost_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def gone(share: float, **_: Any) -> None:
        asked.append(share)
        raise ConnectionError("nobody answers")

    monkeypatch.setattr(announce, "ARTIFACT_SECONDS", 0.0)
    monkeypatch.setattr(announce, "create_progress_artifact", gone)
    terminal = Terminal()
    announcer = Announcer("train", logging.getLogger("test"), terminal)
    for done in (50, 100, 150):
        announcer.line(report(done))
    assert asked == [25.0]
    assert len(terminal.seen) == 3


@pytest.mark.parametrize("line", [MARK + "{", MARK + "[]", MARK + '{"what": "x"}'])
def test_what_is_no_report_is_a_line_of_log(line: str) -> None:
    terminal = Terminal()
    assert Announcer("train", logging.getLogger("test"), terminal).line(line)
    assert terminal.seen == [("train", line)]
