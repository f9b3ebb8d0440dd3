"""The flow: what runs, what does not, and what is noticed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.pipeline import PipelineFailed
from tests.flows.toy import ALL, Project

Flow = Callable[..., dict[str, str]]


def test_runs_every_item_after_those_that_it_needs(project: Project, here: Flow) -> None:
    here()

    runs = project.runs()
    assert sorted(runs) == sorted(ALL)
    assert runs[0] == "gather"
    assert runs[-1] == "total"
    assert project.read("total.txt") == "seven\n times 1\nseven\n times 3\nseven\n times 2\n".replace(
        "\n times", " times"
    )


def test_unchanged_runs_nothing_and_says_so(project: Project, here: Flow) -> None:
    here()
    project.runs()

    assert here() == dict.fromkeys(ALL, "unchanged")
    assert project.runs() == []


def test_a_changed_parameter_runs_its_item_and_those_below(project: Project, here: Flow) -> None:
    here()
    project.runs()

    project.change("params.yaml", "factor: 2", "factor: 20")
    here()

    assert project.runs() == ["scale@two", "total"]
    assert "times 20" in project.read("total.txt")


def test_a_reverted_parameter_comes_from_the_run_cache(project: Project, here: Flow) -> None:
    here()
    total = project.read("total.txt")
    project.change("params.yaml", "factor: 2", "factor: 20")
    here()
    project.runs()

    project.change("params.yaml", "factor: 20", "factor: 2")
    outcomes = here()

    assert project.runs() == []
    assert outcomes["scale@two"] == outcomes["total"] == "restored from the run cache"
    assert project.read("total.txt") == total


def test_an_item_that_is_gone_leaves_nothing_behind(project: Project, here: Flow) -> None:
    here()
    (project.root / "out/mine.txt").write_text("not DVC's")
    project.change("params.yaml", "  two: {factor: 2}\n", "")
    here()

    assert sorted(path.name for path in (project.root / "out").iterdir()) == ["mine.txt", "one.txt", "three.txt"]

    project.runs()
    project.change("params.yaml", "  one: {factor: 1}\n", "  one: {factor: 1}\n  two: {factor: 2}\n")
    assert here()["scale@two"] == "restored from the run cache"
    assert project.runs() == ["total"]  # as it has never seen two.txt and mine.txt together


def test_an_edited_output_of_an_item_that_is_gone_is_left_alone(project: Project, here: Flow) -> None:
    here()
    (project.root / "out/two.txt").write_text("edited by hand")
    project.change("params.yaml", "  two: {factor: 2}\n", "")
    here()
    assert project.read("out/two.txt") == "edited by hand"


def test_a_target_brings_what_it_needs_and_nothing_else(project: Project, here: Flow) -> None:
    assert list(here("scale@two")) == ["gather", "scale@two"]
    assert project.runs() == ["gather", "scale@two"]

    here("scale")
    assert project.counted() == {"scale@one": 1, "scale@three": 1}


def test_force_runs_what_has_not_changed(project: Project, here: Flow) -> None:
    here("gather")
    project.runs()

    here("gather", force=True)

    assert project.runs() == ["gather"]


def test_an_item_waits_only_for_those_that_it_needs(project: Project, here: Flow) -> None:
    # `quick` ends while `slow` still runs; what follows it must not wait for the whole level.
    project.write(
        "dvc.yaml",
        """
stages:
  slow:
    cmd: until test -e ../after; do sleep 0.05; done; echo 1 > slow.txt
    deps: [source.txt]
    outs: [slow.txt]
  quick:
    cmd: echo 2 > quick.txt
    deps: [source.txt]
    outs: [quick.txt]
  after:
    cmd: cp quick.txt after.txt && touch ../after
    deps: [quick.txt]
    outs: [after.txt]
""",
    )
    assert set(here(workers=2).values()) == {"completed"}


def test_workers_bound_how_many_run_side_by_side(project: Project, here: Flow) -> None:
    command = "mkdir ../alone && sleep 0.2 && rmdir ../alone && mkdir -p out && echo ${key} > out/${key}.txt"
    project.write(
        "dvc.yaml",
        f"""
stages:
  one_at_a_time:
    foreach: ${{scales}}
    do:
      cmd: {command}
      outs: ["out/${{key}}.txt"]
""",
    )
    assert set(here(workers=1).values()) == {"completed"}


def test_nothing_runs_beside_an_item_that_asks_to_be_alone(project: Project, here: Flow) -> None:
    """Two more run side by side before and after it, and would be found at work by it."""
    ordinary = "mkdir ../busy-${key} && sleep 0.3 && rmdir ../busy-${key} && mkdir -p out && echo 1 > out/${key}.txt"
    alone = "! ls -d ../busy-* && mkdir ../busy-alone && sleep 0.3 && rmdir ../busy-alone && echo 1 > alone.txt"
    project.write(
        "dvc.yaml",
        f"""
stages:
  measured:
    cmd: "{alone}"
    meta: {{alone: true}}
    outs: [alone.txt]
  ordinary:
    foreach: ${{scales}}
    do:
      cmd: "! test -e ../busy-alone && {ordinary}"
      outs: ["out/${{key}}.txt"]
""",
    )
    assert set(here(workers=3).values()) == {"completed"}


@pytest.mark.parametrize("damage", ["deleted", "overwritten"])
def test_a_damaged_output_is_noticed_and_restored(project: Project, here: Flow, damage: str) -> None:
    here()
    total = project.read("total.txt")
    project.runs()
    output = project.root / "out/two.txt"
    output.unlink()
    if damage == "overwritten":
        output.write_text("something else")

    here()

    assert project.runs() == []
    assert project.read("out/two.txt") == "seven times 2\n"
    assert project.read("total.txt") == total


@pytest.mark.parametrize("mode", [0o644, 0o444])
def test_a_damaged_cache_file_is_never_handed_out(project: Project, here: Flow, mode: int) -> None:
    # DVC takes read-only cache files to be intact, so this one would be copied into the workspace.
    here()
    (cached,) = (file for file in _cached(project) if file.read_text() == "seven times 2\n")
    cached.chmod(0o644)
    cached.write_text("seven times X\n")
    cached.chmod(mode)
    (project.root / "out/two.txt").unlink()
    project.runs()

    here()

    assert project.runs() == ["scale@two"]
    assert project.read("out/two.txt") == "seven times 2\n"
    assert cached.read_text() == "seven times 2\n"


def test_a_missing_cache_file_is_remade(project: Project, here: Flow) -> None:
    here()
    (cached,) = (file for file in _cached(project) if file.read_text() == "seven times 2\n")
    cached.unlink()
    project.runs()

    here()

    assert project.runs() == ["scale@two"]
    assert cached.read_text() == "seven times 2\n"


def test_a_failure_spares_its_siblings_and_the_next_run_does_only_what_is_missing(project: Project, here: Flow) -> None:
    fail = project.folder / "fail-two"
    fail.write_text("3")
    with pytest.raises(PipelineFailed) as caught:
        here()

    assert project.counted() == {"gather": 1, "scale@one": 1, "scale@two": 1, "scale@three": 1}
    assert list(caught.value.failures) == ["scale@two"]
    assert caught.value.failures["scale@two"].tail == ("cannot scale by 2",)
    assert set(caught.value.not_run) == {"scale@two", "total"}

    fail.unlink()
    here()
    assert project.runs() == ["scale@two", "total"]


def test_exit_code_75_is_tried_again(project: Project, here: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.pipeline.RETRY_SECONDS", (0.0, 0.0))
    project.change("scale.sh", "mkdir -p out", "mkdir -p out; test -e ../tried || { touch ../tried; exit 75; }")

    here("scale@one")

    assert project.runs() == ["gather", "scale@one", "scale@one"]


def test_other_exit_codes_are_not_tried_again(project: Project, here: Flow) -> None:
    (project.folder / "fail-one").write_text("2")
    with pytest.raises(PipelineFailed):
        here("scale@one")
    assert project.runs() == ["gather", "scale@one"]


def test_an_input_that_changes_meanwhile_spoils_the_result(project: Project, here: Flow) -> None:
    # Otherwise the old input's result would be recorded as the new one's.
    project.change("dvc.yaml", "cat source.txt > raw.txt", "cat source.txt > raw.txt && echo eight > source.txt")
    with pytest.raises(PipelineFailed, match=r"source\.txt changed while it ran"):
        here("gather")


def test_an_output_that_is_not_written_is_a_failure(project: Project, here: Flow) -> None:
    project.change("dvc.yaml", "cat source.txt > raw.txt", "true")
    with pytest.raises(PipelineFailed, match=r"raw\.txt"):
        here("gather")


def test_a_missing_input_is_a_failure(project: Project, here: Flow) -> None:
    (project.root / "source.txt").unlink()
    with pytest.raises(PipelineFailed, match=r"source\.txt"):
        here("gather")


def test_prefect_shows_the_truth(project: Project, here: Flow) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
    from prefect.client.schemas.sorting import FlowRunSort

    project.change("params.yaml", "one:", "uno:")
    here("scale@uno")
    here("scale@uno")

    with get_client(sync_client=True) as client:
        named = FlowRunFilter(name=FlowRunFilterName(any_=["scale@uno"]))
        second, first = client.read_flow_runs(flow_run_filter=named, sort=FlowRunSort.EXPECTED_START_TIME_DESC)
        states = {}
        for run in (first, second):
            tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id={"any_": [run.id]}))
            states[run.id] = {task.name: task.state_name for task in tasks}
    assert states[first.id] == {"gather": "Completed", "scale@uno": "Completed"}
    assert states[second.id] == {"gather": "Cached", "scale@uno": "Cached"}


def _cached(project: Project) -> list[Path]:
    folder = project.root / ".dvc/cache/files"
    return [Path(where) / name for where, _, names in os.walk(folder) for name in names]
