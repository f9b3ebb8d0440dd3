"""Schedules: what is deployed from params.yaml and prefect.yaml, and what automations can be made of."""

import os
import socket
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from ruamel.yaml import YAML

from flows import serving
from tasks import block
from tasks.errors import BadInput, ParamsError
from tasks.retraining.schedule_params import ScheduleParams, ScoreTiming, Timing
from tests.flows.toy import Project
from tests.imports import ROOT

SCORE = {"inputs": ["inbox/*.csv"], "output": "scored", "interval_hours": 0.5}


def deployments(tree: dict[str, Any]) -> dict[str, Any]:
    """What a block `schedule` is made to, by name."""
    schedule = block.parse(ScheduleParams, tree, "schedule")
    return {one.full_name: one for one in serving.made(schedule, Path("/somewhere/helpdesk"))}


def test_by_default_it_retrains_at_night_one_run_at_a_time() -> None:
    (name, one), *others = deployments({}).items()
    assert (name, others) == ("retrain/regraft", [])
    assert (one.schedules[0].schedule.cron, one.schedules[0].schedule.timezone) == ("0 3 * * *", "UTC")
    assert (one.concurrency_limit, one.concurrency_options.collision_strategy.value) == (1, "CANCEL_NEW")
    assert one.entrypoint == "flows.retrain.retrain"
    assert one.tags == ["regraft", "helpdesk"]
    assert not one.paused


def test_parameters_are_explained_in_the_form_of_the_ui() -> None:
    """Prefect takes the words from docstrings alone; those of `Field(description=...)` it drops."""
    from flows.pipeline import pipeline

    made = deployments({"score": SCORE})
    schemas = [pipeline.parameters, *(one._parameter_openapi_schema for one in made.values())]
    for schema in schemas:
        assert schema.properties
        for name, entry in schema.properties.items():
            assert entry.get("description"), name
    assert all("Args:" not in one.description for one in made.values())


def test_scoring_comes_with_its_own_times() -> None:
    made = deployments({"retrain": None, "score": {**SCORE, "timezone": "Europe/Berlin", "paused": True}})
    assert list(made) == ["score/regraft"]
    schedule = made["score/regraft"].schedules[0].schedule
    assert (schedule.interval.total_seconds(), schedule.timezone) == (1800, "Europe/Berlin")
    assert made["score/regraft"].paused


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"retrain": {"cron": "0 3 * *"}}, "schedule.retrain.cron"),
        ({"retrain": {"cron": "0 3 * * *", "interval_hours": 2.0}}, "schedule.retrain"),
        ({"retrain": {"timezone": "UTC"}}, "schedule.retrain"),
        ({"retrain": {"interval_hours": 1.0, "timezone": "Mars/Olympus"}}, "schedule.retrain.timezone"),
        ({"score": {**SCORE, "inputs": ["a", "a"]}}, "schedule.score.inputs"),
        ({"score": {**SCORE, "output": "./"}}, "schedule.score.output"),
        ({"report_url": "file:///x"}, "schedule.report_url"),
        ({"report_url": "https://me:secret@x.example"}, "schedule.report_url"),
    ],
)
def test_what_cannot_be_meant_is_refused(tree: dict[str, Any], path: str) -> None:
    with pytest.raises(ParamsError) as caught:
        block.parse(ScheduleParams, tree, "schedule")
    assert [problem.path for problem in caught.value.problems] == [path]


def test_params_yaml_shows_every_key_with_its_default() -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    shown = YAML(typ="safe").load(text)["schedule"]
    assert block.parse(ScheduleParams, shown, "schedule") == ScheduleParams()
    assert shown.keys() == ScheduleParams.model_fields.keys()
    assert shown["retrain"].keys() == Timing.model_fields.keys()
    lines = text.splitlines()
    start = lines.index("  # score:")
    commented = "\n".join(line[4:] for line in takewhile(lambda line: line.startswith("  #"), lines[start:]))
    score = YAML(typ="safe").load(commented)["score"]
    own = ScoreTiming.model_fields.keys() - Timing.model_fields.keys()
    assert score.keys() == own | {"cron"}
    needed = {name: score[name] for name in ("inputs", "output", "cron")}
    assert block.parse(ScoreTiming, score) == block.parse(ScoreTiming, needed)


def test_a_cron_line_that_prefect_cannot_read_is_named() -> None:
    with pytest.raises(BadInput, match=r"schedule\.retrain.*99"):
        deployments({"retrain": {"cron": "99 3 * * *"}})


def test_nothing_to_serve_is_said() -> None:
    with pytest.raises(BadInput, match="null for both"):
        deployments({"retrain": None})


def test_without_a_server_s_address_it_says_how_to_start_one(quiet_project: Project) -> None:
    text = quiet_project.regraft("serve", code=2)
    assert "`prefect server start`" in text
    assert "PREFECT_API_URL=http://127.0.0.1:4200/api" in text


def test_a_server_that_is_down_is_waited_for_until_ctrl_c(quiet_project: Project) -> None:
    with socket.socket() as taken:  # so that nobody else answers there
        taken.bind(("127.0.0.1", 0))
        quiet_project.environment["PREFECT_API_URL"] = f"http://me:secret@127.0.0.1:{taken.getsockname()[1]}/api"
        with quiet_project.started("serve") as process:
            assert process.stdout is not None
            said = process.stdout.readline()
            process.send_signal(2)
            assert process.wait(120) == 0
            said += process.stdout.read()
    assert "Waiting for the Prefect server at http://127.0.0.1:" in said
    assert "Ctrl-C ends this" in said
    assert "secret" not in said


def test_tags_of_a_stage_that_are_no_list_are_refused(quiet_project: Project) -> None:
    quiet_project.change("dvc.yaml", "    cmd: echo total", "    meta: {tags: gpu}\n    cmd: echo total")
    assert "expected a list of words under meta.tags, found 'gpu'" in quiet_project.regraft("explain", code=2)


def prefect_yaml() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The deployments and the steps, as `prefect deploy` reads them."""
    from prefect.cli.deploy._config import _load_deploy_configs_and_actions

    with Path(os.devnull).open("w") as nowhere:
        return _load_deploy_configs_and_actions(ROOT / "prefect.yaml", console=Console(file=nowhere))


def test_prefect_yaml_deploys_flows_that_there_are_with_parameters_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.cli.deploy._schedules import _schedule_config_to_deployment_schedule
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.flows import load_flow_from_entrypoint

    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    declared, _ = prefect_yaml()
    names = ["retrain-process", "score-process", "retrain-docker", "score-docker", "retrain-kubernetes"]
    assert [one["name"] for one in declared] == names
    for one in declared:
        flow = load_flow_from_entrypoint(one["entrypoint"])
        assert one["name"].startswith(flow.name)
        flow.validate_parameters(one["parameters"])
        assert one["parameters"].keys() == flow.parameters.properties.keys()
        assert _schedule_config_to_deployment_schedule(one["schedules"][0])["schedule"].cron
        assert ConcurrencyLimitConfig.model_validate(one["concurrency_limit"]).collision_strategy.value == "CANCEL_NEW"
        assert one["work_pool"]["name"].startswith("regraft")


def test_prefect_yaml_pulls_with_steps_that_there_are() -> None:
    import inspect

    from prefect.deployments.steps.core import _get_function_for_step

    declared, actions = prefect_yaml()
    pulls = [one["pull"] for one in declared] + [actions["pull"]]
    for name, inputs in (item for steps in pulls for step in steps for item in step.items()):
        function = _get_function_for_step(name)
        inspect.signature(function).bind(**{key: value for key, value in inputs.items() if key != "id"})
    kinds = {name.rpartition(".")[2] for steps in pulls for step in steps for name in step}
    assert kinds == {"git_clone", "set_working_directory", "run_shell_script"}


def test_prefect_yaml_retrains_when_params_yaml_does() -> None:
    declared, _ = prefect_yaml()
    schedule = YAML(typ="safe").load(ROOT / "params.yaml")["schedule"]["retrain"]
    for one in declared:
        if one["name"].startswith("retrain"):
            assert (one["schedules"][0]["cron"], one["schedules"][0]["timezone"]) == (
                schedule["cron"],
                schedule["timezone"],
            )


def test_the_documented_automations_are_such_as_prefect_takes() -> None:
    import typing

    from prefect.events.schemas.automations import AutomationCore

    from flows.events import Kind

    automations = YAML(typ="safe").load(ROOT / "docs/automation.yaml")["automations"]
    sent = {f"regraft.model.{kind}" for kind in typing.get_args(Kind)}
    for one in automations:
        automation = AutomationCore.model_validate(one)
        assert automation.actions[0].type == "send-notification"
        trigger: Any = automation.trigger
        assert trigger.expect <= sent | {"regraft.model.*"}
        assert trigger.match.matches({"prefect.resource.id": "regraft.model.helpdesk"})
    assert len(automations) == 3
