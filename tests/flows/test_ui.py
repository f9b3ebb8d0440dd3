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
from tests.flows.retrain_toy import RetrainProject
from tests.flows.site import Site
from tests.flows.toy import Project, wait_until

pytestmark = pytest.mark.slow

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


def artifacts_of(pages: Site, run: str) -> dict[str, Any]:
    """The newest of each key."""
    found = pages.ask("artifacts/filter", flow_runs={"id": {"any_": [run]}}, sort="CREATED_DESC")
    return {one["key"]: one for one in reversed(found)}


def shot(browser: Browser, name: str) -> None:
    if SHOTS:
        browser.screenshot(Path(SHOTS) / name)


def log_in(browser: Browser, pages: Site) -> None:
    browser.open(pages.address)
    browser.wait_for("Login")
    browser.wait("document.activeElement.type === 'password'")
    browser.type(site.PASSWORD)
    browser.press("Login")
    browser.wait("!location.pathname.endsWith('/login')")


def test_a_person_sees_stages_states_logs_and_the_verdict(pages: Site, served: Project, browser: Browser) -> None:
    served.write("dvc.yaml", served.read("dvc.yaml") + SELECT)
    reports.write(served.folder)
    served.dvc("repro", "gather")
    served.regraft("run")
    run = run_of(pages, "pipeline")

    log_in(browser, pages)
    browser.open(f"{pages.address}/v2/runs/flow-run/{run['id']}?tab=TaskRuns")
    browser.wait_for("all stages", "Completed", "scale@two", "total", "gather", "Cached")
    shot(browser, "flow-run.png")
    browser.open(f"{pages.address}/v2/runs/flow-run/{run['id']}?tab=Logs")
    browser.wait_for("Finished in state Completed")

    browser.open(f"{pages.address}/v2/artifacts/key/regraft-verdict")
    browser.wait_for("regraft-verdict")
    artifacts = artifacts_of(pages, run["id"])
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


def test_stages_with_a_tag_take_turns_where_a_limit_says_so(pages: Site, served: Project) -> None:
    """Each of the three notes when it begins and ends."""
    served.change("dvc.yaml", "      cmd: sh scale.sh", "      meta: {tags: [scarce]}\n      cmd: sh scale.sh")
    served.change("scale.sh", "mkdir -p out", "mkdir -p out; echo begins >> ../turns")
    served.write("scale.sh", served.read("scale.sh") + "sleep 3; echo ends >> ../turns\n")
    turns = served.folder / "turns"
    served.regraft("run", "--workers", "3")
    assert turns.read_text().split()[:2] == ["begins", "begins"], "they are free to run side by side"
    turns.unlink()
    pages.ask("concurrency_limits/", tag="scarce", concurrency_limit=1)
    served.write("source.txt", "eight\n")
    served.regraft("run", "--workers", "3")
    assert turns.read_text().split() == ["begins", "ends"] * 3


def test_a_person_answers_for_a_challenger_in_the_browser(pages: Site, tmp_path: Path, browser: Browser) -> None:
    project = RetrainProject(tmp_path)
    project.environment |= pages.environment
    project.change("params.yaml", "policy: auto", "policy: approve, approve_hours: 0.2")
    before, _, _ = project.read("select.sh").partition("printf")
    project.write("select.sh", before + "cp ../selection.json reports/")  # a whole one, in place of what is printed
    (tmp_path / "selection.json").write_text(json.dumps({**reports.SELECTION, "champion": None}))
    project.commit("ask")

    def paused() -> list[dict[str, Any]]:
        found = pages.ask("flow_runs/filter", flows={"name": {"any_": ["retrain"]}})
        return [one for one in found if one["state_type"] == "PAUSED"]

    with project.started("retrain") as process:
        wait_until(lambda: process.poll() is not None or paused(), 300)
        (run,) = paused()
        log_in(browser, pages)
        page = f"{pages.address}/v2/runs/flow-run/{run['id']}"
        browser.open(f"{page}?tab=TaskRuns")
        browser.wait_for(run["name"], "Paused", "ingest", "train", "select")
        browser.press("Open menu")
        browser.press("Resume", "menuitem")
        browser.wait_for("Put finetune into service as the first champion?", "5 rows to learn from", "it gains 0.0214")
        shot(browser, "approve.png")
        browser.press("Select Answer")
        browser.press("promote", "option")
        browser.wait("document.querySelector('[aria-label=\"Select Answer\"]').innerText.includes('promote')")
        browser.evaluate("document.querySelector('[role=dialog] textarea').focus()")
        browser.type("I have tried it.")
        browser.press("Resume")
        said = process.communicate(timeout=300)[0]
        assert process.returncode == 0, said
    assert project.words == ["PROMOTE"]
    assert project.decisions[0]["reasons"][-1] == "A person decided to put it into service: I have tried it."
    assert project.appointed == [(1, "v0.1.0")]

    browser.open(f"{page}?tab=Logs")
    browser.wait_for("Completed", "PROMOTE: There is no earlier decision", "I have tried it.")
    artifacts = artifacts_of(pages, run["id"])
    browser.open(f"{pages.address}/v2/artifacts/artifact/{artifacts['regraft-verdict']['id']}")
    browser.wait_for("PROMOTE", "v0.1.0 is in service", "I have tried it.")
    browser.open(f"{pages.address}/v2/artifacts/artifact/{artifacts['regraft-decisions']['id']}")
    browser.wait_for("PROMOTE", "v0.1.0")
    shot(browser, "decisions.png")
