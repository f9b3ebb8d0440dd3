"""The Prefect UI in a real browser, with a password: what a person sees of a run, and of what `regraft serve` runs."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows import reports, site
from tests.flows.browser import CHROMIUM, Browser
from tests.flows.site import Site
from tests.flows.toy import Project, wait_until

SELECT = """
  select:
    cmd: mkdir -p reports && cp ../reports/selection.json ../reports/report.html reports
    deps: [total.txt]
    outs: [reports/report.html]
    metrics: [reports/selection.json]
"""
SHOTS = os.environ.get("REGRAFT_SCREENSHOTS")
"""A folder to put pictures of the pages into, to look at."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site.started(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture
def served(pages: Site, tmp_path: Path) -> Project:
    """A project whose runs that server shows."""
    project = Project(tmp_path)
    project.environment |= pages.environment
    return project


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    with Browser(tmp_path / "profile") as made:
        yield made


def run_of(pages: Site, flow: str) -> dict[str, Any]:
    """The one run of a flow."""
    (run,) = pages.ask("flow_runs/filter", flows={"name": {"any_": [flow]}})
    return dict(run)


def state_of(pages: Site, run: str) -> Any:
    (found,) = pages.ask("flow_runs/filter", flow_runs={"id": {"any_": [run]}})
    return found["state_type"]


def shot(browser: Browser, name: str) -> None:
    if SHOTS:
        browser.screenshot(Path(SHOTS) / name)


def test_a_person_sees_stages_states_logs_and_the_verdict(pages: Site, served: Project, browser: Browser) -> None:
    served.write("dvc.yaml", served.read("dvc.yaml") + SELECT)
    reports.write(served.folder)
    served.dvc("repro", "gather")
    served.regraft("run")
    run = run_of(pages, "pipeline")

    browser.open(pages.address)
    browser.wait_for("Login")
    browser.wait("document.activeElement.type === 'password'")
    browser.type(site.PASSWORD)
    browser.evaluate("document.querySelector('button[type=submit]').click()")
    browser.wait("!location.pathname.endsWith('/login')")

    browser.open(f"{pages.address}/v2/runs/flow-run/{run['id']}?tab=TaskRuns")
    browser.wait_for("all stages", "Completed", "scale@two", "total", "gather", "Cached")
    shot(browser, "flow-run.png")
    browser.open(f"{pages.address}/v2/runs/flow-run/{run['id']}?tab=Logs")
    browser.wait_for("Finished in state Completed")

    browser.open(f"{pages.address}/v2/artifacts/key/regraft-verdict")
    browser.wait_for("regraft-verdict")
    artifacts = {one["key"]: one for one in pages.ask("artifacts/filter", flow_runs={"id": {"any_": [run["id"]]}})}
    assert set(artifacts) == {"regraft-candidates", "regraft-verdict", "regraft-report"}
    browser.open(f"{pages.address}/v2/artifacts/artifact/{artifacts['regraft-verdict']['id']}")
    browser.wait_for("PROMOTE: finetune", "it gains 0.0214", "macro F1")
    browser.wait("[...document.images].some(one => one.src.startsWith('data:image/svg') && one.naturalWidth == 460)")
    shot(browser, "verdict.png")
    browser.open(f"{pages.address}/v2/artifacts/artifact/{artifacts['regraft-candidates']['id']}")
    browser.wait_for("finetune", "0.9132", "not eligible: latency_ms_p50")
    browser.open(f"{pages.address}/v2/artifacts/artifact/{artifacts['regraft-report']['id']}")
    browser.wait_for("reports/report.html")


def test_what_is_served_runs_once_asked_and_stops_at_ctrl_c(pages: Site, served: Project) -> None:
    timing = {"inputs": ["inbox/*.csv"], "output": "scored", "interval_hours": 100.0}
    sources = "{sources: [rows.csv], columns: {text: text, label: label}}"
    own = served.read("params.yaml").replace("ingest: {sources: []}", f"ingest: {sources}")
    served.write("params.yaml", f"{own}schedule: {json.dumps({'score': timing})}\n")
    served.write("models/selected/candidate.json", "{}")  # which nothing loads, as there is nothing to score
    with served.started("serve") as process:
        wait_until(lambda: process.poll() is not None or pages.deployment("score"), 300)
        deployment = pages.deployment("score")
        assert deployment is not None
        ahead = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
        wait_until(lambda: pages.ask("flow_runs/count", **ahead) > 0, 120)  # the server has made runs of its schedule
        run = pages.ask(f"deployments/{deployment['id']}/create_flow_run", name="by hand")
        wait_until(lambda: state_of(pages, run["id"]) in ("COMPLETED", "FAILED", "CRASHED"), 300)
        assert state_of(pages, run["id"]) == "COMPLETED"
        process.send_signal(2)
        assert process.wait(120) == 0
        said = process.stdout.read() if process.stdout else ""
    assert "score/regraft: every 4 days, 4:00:00" in said
    assert "Stopped. Schedules are paused" in said
    assert site.PASSWORD not in said
    assert pages.deployment("retrain")["paused"]  # type: ignore[index]
    assert json.loads(served.read("scored/summary.json"))["rows"] == 0


def test_a_wrong_password_is_said_and_not_shown(served: Project) -> None:
    served.environment["PREFECT_API_AUTH_STRING"] = "regraft:wrong-word"
    text = served.regraft("serve", code=2)
    assert "PREFECT_API_AUTH_STRING" in text
    assert "wrong-word" not in text


def test_a_stage_has_the_tags_that_dvc_yaml_gives_it_and_no_others(pages: Site, served: Project) -> None:
    served.change("dvc.yaml", "    cmd: echo total", "    meta: {tags: [gpu]}\n    cmd: echo total")
    shutil.rmtree(served.root / ".dvc/cache", ignore_errors=True)
    served.regraft("run")
    pipelines = {"name": {"any_": ["pipeline"]}}  # the schedule has made runs of others, which have not begun
    newest = pages.ask("flow_runs/filter", flows=pipelines, sort="START_TIME_DESC", limit=1)[0]
    tasks = pages.ask("task_runs/filter", flow_runs={"id": {"any_": [newest["id"]]}})
    assert {one["name"]: one["tags"] for one in tasks if one["tags"]} == {"total": ["gpu"]}
