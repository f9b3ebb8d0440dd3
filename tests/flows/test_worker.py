"""The worker: the warm process, lines, exit codes, and that no process outlives it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.graph import Stopped
from flows.worker import NurseryLost, Worker, module_arguments
from tests.flows.toy import processes_in, wait_until

pytestmark = pytest.mark.slow

SHELL = ["/bin/sh", "-c"]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    package = tmp_path / "tasks"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(
        "import os, sys\n"
        "print('arguments', *sys.argv[1:], flush=True)\n"
        "print(os.getcwd(), os.environ['MARK'], os.environ['REGRAFT_PROGRESS'], sys.path[0], sep='|')\n"
        "print('json' in sys.modules, __name__, __package__)\n"
        "sys.exit(7 if sys.argv[1] == 'fail' else 0)\n"
    )
    with Worker(tmp_path) as made:
        yield made


def _run(worker: Worker, folder: Path, command: str, **extra: str) -> tuple[int, list[str]]:
    lines: list[str] = []
    code = worker.run(command, [*SHELL, command], str(folder), {**os.environ, **extra}, lines.append)
    return code, lines


def test_a_module_runs_as_python_m_would_run_it(worker: Worker, tmp_path: Path) -> None:
    code, lines = _run(worker, tmp_path, "python -m tasks evaluate lora", MARK="x")
    assert code == 0
    environment = {**os.environ, "MARK": "x", "REGRAFT_PROGRESS": "lines"}
    command = [sys.executable, "-m", "tasks", "evaluate", "lora"]
    plain = subprocess.run(command, check=True, cwd=tmp_path, env=environment, capture_output=True, text=True).stdout
    assert lines[:2] == plain.splitlines()[:2]
    assert lines[2].split()[1:] == ["__main__", "tasks"]


def test_a_room_s_own_command_runs_in_the_warm_process_too(worker: Worker, tmp_path: Path) -> None:
    room = tmp_path / "tasks" / "room"
    room.mkdir()
    (room / "__init__.py").touch()
    (room / "__main__.py").write_text(
        "import sys\nprint('numpy' in sys.modules, __name__, __package__, *sys.argv[1:])\n"
    )
    worker.warm_up()
    assert _run(worker, tmp_path, "python -m tasks.room a --b c") == (0, ["True __main__ tasks.room a --b c"])


def test_the_module_is_read_afresh_each_time(worker: Worker, tmp_path: Path) -> None:
    _run(worker, tmp_path, "python -m tasks one", MARK="")
    (tmp_path / "tasks/__main__.py").write_text("print('changed')\n")
    assert _run(worker, tmp_path, "python -m tasks one", MARK="") == (0, ["changed"])


def test_exit_codes_and_tracebacks_come_through(worker: Worker, tmp_path: Path) -> None:
    assert _run(worker, tmp_path, "python -m tasks fail", MARK="")[0] == 7
    assert _run(worker, tmp_path, "echo one; echo two >&2; exit 5") == (5, ["one", "two"])
    assert _run(worker, tmp_path, "kill -9 $$")[0] == -9
    (tmp_path / "tasks/__main__.py").write_text("raise ValueError('why it failed')\n")
    code, lines = _run(worker, tmp_path, "python -m tasks one", MARK="")
    assert (code, lines[-1]) == (1, "ValueError: why it failed")


def test_a_command_ends_as_an_interpreter_does(worker: Worker, tmp_path: Path) -> None:
    """Its threads are waited for, what it registered is called, and all it wrote arrives, though its heap is left."""
    (tmp_path / "tasks/__main__.py").write_text(
        "import atexit, sys, threading, time\n"
        "atexit.register(print, 'registered')\n"
        "threading.Thread(target=lambda: (time.sleep(1), print('from a thread'))).start()\n"
        "print('unfinished line', end=' ')\n"
        "sys.exit('why it ended')\n"
    )
    code, lines = _run(worker, tmp_path, "python -m tasks one", MARK="")
    assert (code, lines) == (1, ["why it ended", "unfinished line from a thread", "registered"])


def test_python_means_this_python(worker: Worker, tmp_path: Path) -> None:
    code, lines = _run(worker, tmp_path, "python -c 'import sys; print(sys.prefix)'", PATH="/usr/bin:/bin")
    assert (code, lines) == (0, [sys.prefix])


def test_lines_come_as_they_are_written(worker: Worker, tmp_path: Path) -> None:
    # The command waits for what is done when its first line arrives.
    def line(text: str) -> None:
        if text == "ready":
            (tmp_path / "go").touch()

    command = "echo ready; until test -e go; do sleep 0.02; done"
    assert worker.run(command, [*SHELL, command], str(tmp_path), dict(os.environ), line) == 0


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("python -m tasks embed tfidf", ("tasks", ["embed", "tfidf"])),
        ("python -m tasks.retraining a.parquet --champion b", ("tasks.retraining", ["a.parquet", "--champion", "b"])),
        ("python -m tasks2 embed", None),
        ("python -m", None),
        ("python -m tasks embed tfidf && rm x", None),
        ("python -m tasks embed $NAME", None),
        ("python -m tasks embed > log", None),
        ("python -m other embed", None),
        ("X=1 python -m tasks embed", None),
    ],
)
def test_only_plain_module_commands_go_past_the_shell(command: str, arguments: tuple[str, list[str]] | None) -> None:
    assert module_arguments(command) == arguments


def test_what_a_command_leaves_running_ends_with_it(worker: Worker, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    assert _run(worker, work, "sleep 600 & echo started") == (0, ["started"])
    wait_until(lambda: not processes_in(work), 5)


def test_stop_ends_the_whole_group_even_if_it_ignores_sigterm(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.worker.GRACE_SECONDS", 0.3)
    work = tmp_path / "work"
    work.mkdir()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            _run(worker, work, "trap '' TERM; sleep 600 & echo $! > child; wait; sleep 600")
        except Stopped as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until((work / "child").exists)
    worker.stop()
    thread.join(10)
    assert len(errors) == 1
    wait_until(lambda: not processes_in(work), 5)
    with pytest.raises(Stopped):
        _run(worker, work, "true")


def test_a_lost_nursery_is_told_takes_its_stages_along_and_is_replaced(worker: Worker, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()

    def kill_nursery(text: str) -> None:
        os.kill(int(text), signal.SIGKILL)

    command = "echo $PPID; sleep 600"
    with pytest.raises(NurseryLost):
        worker.run(command, [*SHELL, command], str(work), dict(os.environ), kill_nursery)
    wait_until(lambda: not processes_in(work), 5)
    assert _run(worker, work, "echo again") == (0, ["again"])
