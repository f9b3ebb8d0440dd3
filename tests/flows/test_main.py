"""The command line, in processes of its own: what it says, when it stops, what a kill leaves behind."""

import os
import signal
import subprocess
import sys

import pytest

from tests.flows.toy import ALL, PARAMS_YAML, Project, kill, processes_in, wait_until


def test_flow_and_dvc_repro_do_the_same(project: Project) -> None:
    project.regraft("run", "--workers", "3")
    ours = project.read("dvc.lock")
    assert project.counted() == dict.fromkeys(ALL, 1)
    assert project.is_clean()
    project.dvc("repro")
    assert project.runs() == []
    assert project.read("dvc.lock") == ours

    # And the other way round, from nothing: the same file, and nothing left for us to do.
    (project.root / "dvc.lock").unlink()
    project.dvc("repro", "--force")
    project.runs()
    assert project.read("dvc.lock") == ours
    assert "Nothing has changed" in project.regraft("run")
    assert project.runs() == []


def test_an_unchanged_run_needs_neither_prefect_nor_a_server(quiet_project: Project) -> None:
    quiet_project.dvc("repro")
    quiet_project.write(
        "probe.py",
        "import sys\nfrom flows.__main__ import app\n"
        "app(['run'], standalone_mode=False)\napp(['explain'], standalone_mode=False)\n"
        "sys.exit(3 if any(name.split('.')[0] in ('prefect', 'torch') for name in sys.modules) else 0)\n",
    )
    done = subprocess.run(
        [sys.executable, "probe.py"], check=False, cwd=quiet_project.root, env=quiet_project.environment
    )
    assert done.returncode == 0


def test_explain_tells_why_and_its_exit_code_whether(quiet_project: Project) -> None:
    quiet_project.dvc("repro")
    assert "Nothing has changed" in quiet_project.regraft("explain", code=0)

    quiet_project.change("params.yaml", "factor: 2", "factor: 20")
    text = quiet_project.regraft("explain", code=1)
    assert "scales.two.factor: 2 → 20" in text
    assert "follows scale@two" in text
    assert "scale@one" not in text
    assert "command" in text  # as the factor is part of it

    quiet_project.dvc("repro")
    quiet_project.change("params.yaml", "factor: 20", "factor: 2")
    assert "restore from the run cache" in quiet_project.regraft("explain", code=1)
    quiet_project.runs()


def test_explain_tells_what_would_be_removed_and_removes_nothing(quiet_project: Project) -> None:
    quiet_project.dvc("repro")
    four = "  three: {factor: 3}\n"
    quiet_project.change("params.yaml", four, f"{four}  four: {{factor: 4}}\n")
    quiet_project.dvc("repro")
    quiet_project.change("params.yaml", "  four: {factor: 4}\n", "")

    text = quiet_project.regraft("explain", code=1)
    assert "Would be removed, as there is no scale@four any more: out/four.txt" in text
    assert "restore from the run cache" in text  # the total of the other three, as it was made before
    assert "scale@one" not in text
    assert (quiet_project.root / "out/four.txt").exists()

    assert quiet_project.regraft("explain", code=1) == text  # nothing was changed by looking
    quiet_project.runs()
    assert "out/four.txt is removed" in quiet_project.regraft("run")
    assert quiet_project.runs() == []
    assert not (quiet_project.root / "out/four.txt").exists()
    assert "Nothing has changed" in quiet_project.regraft("explain", code=0)


def test_explain_looks_at_nothing_that_is_not_dvcs(quiet_project: Project) -> None:
    """An output that was edited is kept by a run, so that it is not among what would be removed."""
    quiet_project.dvc("repro")
    quiet_project.change("params.yaml", "  two: {factor: 2}\n", "")
    quiet_project.write("out/two.txt", "edited by hand")
    assert "Would be removed" not in quiet_project.regraft("explain", code=1)


def test_a_failure_is_reported_with_what_to_do(project: Project) -> None:
    (project.folder / "fail-two").write_text("3")
    text = project.regraft("run", code=1)
    assert "scale@two failed with exit code 3" in text
    assert "cannot scale by 2" in text
    assert "`regraft run scale@two` tries it again" in text
    assert "total" in text
    assert (project.root / "out/three.txt").exists()


@pytest.mark.parametrize(
    "arguments", [("run", "scale@fuor"), ("run", "--set", "scales.one.factr=2"), ("explain", "sclae")]
)
def test_misuse_is_told_apart_from_failure(quiet_project: Project, arguments: tuple[str, ...]) -> None:
    text = quiet_project.regraft(*arguments, code=2)
    assert "Did you mean" in text
    assert quiet_project.runs() == []


def test_wrong_parameters_stop_a_run_before_it_begins(quiet_project: Project) -> None:
    quiet_project.change("params.yaml", "factor: 2", "factor: two")
    assert "scales.two.factor" in quiet_project.regraft("run", code=2)
    assert quiet_project.runs() == []


def test_a_killed_run_leaves_no_process_and_the_next_completes(project: Project) -> None:
    hold = project.folder / "hold-two"
    hold.touch()
    with project.started("run", "--set", "scales.three.factor=30") as process:
        wait_until(lambda: project.has("dvc.lock", "scale@three:") and project.has("../runs", "scale@two"))
        assert "factor: 30" in project.read("params.yaml")
        assert processes_in(project.root)
        kill(process)
    wait_until(lambda: not processes_in(project.root))
    hold.unlink()
    project.runs()

    text = project.regraft("run")
    assert "put back as it was" in text
    assert project.read("params.yaml") == PARAMS_YAML
    assert project.counted() == {"scale@two": 1, "scale@three": 1, "total": 1}
    assert project.read("out/three.txt") == "seven times 3\n"
    assert project.is_clean()


def test_a_temporary_server_serves_and_goes_with_a_killed_run(quiet_project: Project) -> None:
    project = quiet_project
    project.environment["PREFECT_HOME"] = str(project.folder / "prefect")
    hold = project.folder / "hold-two"
    hold.touch()
    with project.started("run") as process:
        wait_until(lambda: project.has("../runs", "scale@two"), 120)
        kill(process)
    wait_until(lambda: not processes_in(project.root))
    hold.unlink()
    project.regraft("run")
    assert project.read("out/two.txt") == "seven times 2\n"
    assert not processes_in(project.root)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_all_and_says_how_to_go_on(project: Project, number: int) -> None:
    (project.folder / "hold-two").touch()
    before = project.read("params.yaml")
    with project.started("run", "scale@two", "--set", "scales.two.offset=1") as process:
        wait_until(lambda: project.has("../runs", "scale@two"))
        os.kill(process.pid, number)
        text, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Stopping scale@two" in text
    assert "`regraft run` continues" in text
    assert not processes_in(project.root)
    assert project.read("params.yaml") == before


def test_a_second_run_says_who_is_at_work_or_waits(project: Project) -> None:
    hold = project.folder / "hold-one"
    hold.touch()
    with project.started("run", "scale@one") as first:
        wait_until(lambda: project.has("../runs", "scale@one"))
        assert f"process {first.pid}" in project.regraft("run", code=2)
        with project.started("run", "--wait", "scale@one") as second:
            assert second.stdout is not None
            assert f"process {first.pid}" in second.stdout.readline()
            # Meanwhile DVC keeps its hands off what is being made.
            assert "busy" in _dvc_fails(project, "repro", "scale@one")
            hold.unlink()
            assert first.wait(60) == 0
            assert second.wait(60) == 0
    assert project.runs() == ["gather", "scale@one"]


def test_set_is_for_one_run(project: Project) -> None:
    project.regraft("run")
    total = project.read("total.txt")
    project.runs()

    text = project.regraft("run", "--set", "scales.four={factor: 4}", "--set", "scales.two.factor=20")
    assert sorted(project.runs()) == ["scale@four", "scale@two", "total"]
    assert "params.yaml is as it was" in text
    assert project.read("params.yaml") == PARAMS_YAML
    assert "times 20" in project.read("total.txt")

    text = project.regraft("run")
    assert "there is no scale@four any more" in text
    assert not (project.root / "out/four.txt").exists()
    assert project.runs() == []
    assert project.read("total.txt") == total


def _dvc_fails(project: Project, *arguments: str) -> str:
    command = [sys.executable, "-W", "ignore", "-m", "dvc", *arguments]
    done = subprocess.run(
        command, check=False, cwd=project.root, env=project.environment, capture_output=True, text=True
    )
    assert done.returncode != 0
    return done.stdout + done.stderr
