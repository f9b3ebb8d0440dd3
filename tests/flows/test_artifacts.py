"""What people see in the Prefect UI, and what automations hear."""

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from flows import artifacts, events, picture
from tests.flows import reports

KEYS = ["regraft-candidates", "regraft-verdict", "regraft-report", "regraft-drift", "regraft-decisions"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with reports and nothing else."""
    (tmp_path / "params.yaml").write_text("schedule: {report_url: 'https://reports.example/regraft/'}\n")
    reports.write(tmp_path)
    return tmp_path


@pytest.fixture
def flow_run() -> Callable[[Callable[[], None]], str]:
    """Runs something as a flow; returns the run's id."""
    from prefect import flow, runtime

    def run(body: Callable[[], None]) -> str:
        @flow(name="shows")
        def shows() -> str:
            body()
            return str(runtime.flow_run.id)

        return str(shows())

    return run


def shown(run: str) -> dict[str, Any]:
    """The data of a run's artifacts, by key."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter

    with get_client(sync_client=True) as client:
        found = client.read_artifacts(flow_run_filter=FlowRunFilter(id={"any_": [run]}))
    return {str(one.key): one.data for one in found}


def test_a_run_shows_what_there_is(root: Path, prefect_api: str, flow_run: Callable[..., str]) -> None:
    assert prefect_api
    found = shown(flow_run(lambda: artifacts.publish(root, reports.DECISION)))
    assert sorted(found) == sorted(KEYS)
    table = json.loads(found["regraft-candidates"])
    assert [row["candidate"] for row in table] == ["finetune", "frozen", "naive_bayes", "large"]
    assert (table[0]["standing"], table[0]["macro_f1"], table[0]["MB"]) == ("chosen", 0.9132, 90.5)
    assert table[3]["standing"] == "not eligible: latency_ms_p50"
    assert "https://reports.example/regraft/report.html" in found["regraft-report"]
    assert [row["decision"] for row in json.loads(found["regraft-decisions"])] == ["PROMOTE", "SKIP"]
    assert "| hardware | 20.0 % | 41.0 % |" in found["regraft-drift"]

    (root / "reports/drift.json").unlink()
    (root / "reports/decisions.jsonl").unlink()
    assert sorted(shown(flow_run(lambda: artifacts.publish(root, None)))) == sorted(KEYS[:3])


def test_a_server_that_has_gone_is_asked_once_and_borne(
    root: Path, prefect_api: str, flow_run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert prefect_api
    asked = []

    def gone(*arguments: object, **options: object) -> None:
        asked.append(arguments)
        raise ConnectionError("nobody answers")

    monkeypatch.setattr("prefect.artifacts.create_table_artifact", gone)
    assert shown(flow_run(lambda: artifacts.publish(root, reports.DECISION))) == {}
    assert len(asked) == 1


def test_reports_that_cannot_be_read_do_not_fail_a_run(
    root: Path, prefect_api: str, flow_run: Callable[..., str]
) -> None:
    assert prefect_api
    (root / "reports/selection.json").write_text("{broken")
    assert shown(flow_run(lambda: artifacts.publish(root, None))) == {}


def test_the_verdict_says_what_was_decided_and_why() -> None:
    plain = artifacts.verdict(reports.SELECTION, None)
    assert plain.startswith("# PROMOTE: finetune\n")
    assert "- Against v0.1.0 it gains 0.0214" in plain
    assert "| macro F1 | 0.9043 |" in plain
    assert "`regraft promote`" in plain
    decided = artifacts.verdict(reports.SELECTION, reports.DECISION, ("https://x.example/report.html", "report"))
    assert decided.startswith("# PROMOTE\n")
    assert "v0.2.0 is in service, in place of v0.1.0." in decided
    assert "`regraft promote`" not in decided
    assert decided.endswith("[report](https://x.example/report.html)\n")
    skipped = artifacts.verdict(None, {"decision": "SKIP", "reasons": ["Nothing is new."], "champion": {}})
    assert "- Nothing is new." in skipped
    assert "No model is in service." in skipped


def test_a_failure_and_what_went_wrong_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = {**reports.DECISION, "decision": "HOLD", "failed": True, "problems": ["It was not pushed."]}
    assert artifacts.verdict(None, failed).startswith("# failed\n\n- It was not pushed.\n- 241 new rows")
    (row, other) = artifacts.history([{"decision": "SKIP"}, failed])
    assert (row["decision"], row["because"]) == ("failed", "It was not pushed.")
    assert (other["decision"], other["because"]) == ("SKIP", "")
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr("prefect.events.emit_event", lambda **event: sent.append(event["payload"]))
    events.emit("failed", Path("/somewhere/helpdesk"), failed)
    assert sent[0]["failed"] is True
    assert sent[0]["reasons"] == ["It was not pushed.", *reports.DECISION["reasons"]]


def test_what_stands_in_data_is_not_taken_for_markdown() -> None:
    text = artifacts.verdict(None, {"decision": "HOLD", "reasons": ["a <img src=x> | b\n# c"]})
    assert "- a \\<img src=x\\> \\| b \\# c" in text


def test_the_picture_is_an_image_of_the_candidates_that_were_compared() -> None:
    drawn = picture.pareto(reports.SELECTION)
    assert drawn is not None
    data = re.fullmatch(r"!\[.*\]\(data:image/svg\+xml;base64,(.*)\)", drawn)
    assert data is not None
    tree = ElementTree.fromstring(base64.b64decode(data[1]))
    assert (tree.get("width"), tree.get("height")) == ("460", "350")
    words = {element.text for element in tree.iter() if element.tag.endswith("text")}
    assert {"finetune", "frozen", "naive_bayes", "large"} <= words
    without = {**reports.SELECTION, "candidates": [{**reports.SELECTION["candidates"][0], "validation": None}]}
    assert picture.pareto(without) is None


def test_an_event_fits_prefect_s_form_and_names_model_and_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.events import Event

    sent: list[dict[str, Any]] = []
    monkeypatch.setattr("prefect.events.emit_event", lambda **event: sent.append(event))
    events.emit("promoted", Path("/somewhere/helpdesk"), {**reports.DECISION, "reasons": ["x" * 9000] * 90})
    event = Event.model_validate({**sent[0], "occurred": datetime.now(UTC)})
    assert event.event == "regraft.model.promoted"
    assert event.resource.id == "regraft.model.helpdesk"
    assert [(one.role, one.id) for one in event.related] == [
        ("champion", "regraft.version.v0.2.0"),
        ("former-champion", "regraft.version.v0.1.0"),
    ]
    assert event.payload["decision"] == "PROMOTE"
    assert event.size_bytes < 20_000

    events.emit("skipped", Path("/somewhere/helpdesk"), {"decision": "SKIP"})
    assert (sent[1]["event"], sent[1]["related"]) == ("regraft.model.skipped", [])


def test_an_event_that_cannot_be_sent_is_borne(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**event: object) -> None:
        raise RuntimeError("too large")

    monkeypatch.setattr("prefect.events.emit_event", fails)
    events.emit("failed", Path("/somewhere/helpdesk"), reports.DECISION)
