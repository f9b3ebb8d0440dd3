"""`python -m tasks`: exit codes and messages, records, and what happens when the disk or the folder refuses."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasks import __main__ as entry
from tasks import links
from tasks.embed import stage as embed
from tasks.errors import BadInput, TransientError
from tasks.files import read_json, replacing
from tasks.records import Record
from tests import tiny


@pytest.fixture
def here(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace, as the current folder, with one feature set."""
    tiny.params(workspace, features={"words": {"kind": "tfidf", "encoder": "none", "min_rows": 1}})
    monkeypatch.chdir(workspace)
    return workspace


def test_a_stage_runs_and_leaves_a_record(here: Path) -> None:
    assert entry.main(["embed", "words"]) == entry.DONE
    record = read_json(here / "costs/records/embed@words.json")
    assert record["outcome"] == "completed"
    assert record["rows_in"] == 66
    assert record["seconds"] > 0
    assert record["peak_memory_mb"] > 10


@pytest.mark.parametrize("arguments", [[], ["a", "b", "c"], ["--help"], ["nothing"], ["rows"]])
def test_what_is_no_stage_is_said(here: Path, arguments: list[str]) -> None:
    assert entry.main(arguments) == entry.BAD_INPUT


FAILURES = [
    (BadInput("x", "a", "b", "Do c."), entry.BAD_INPUT, "x: expected a, found b. Do c."),
    (TransientError("the hub is away"), entry.RETRY, "the hub is away"),
    (OSError(errno.ENOSPC, "full", "out.npy"), entry.BAD_INPUT, "out.npy: no space is left"),
    (PermissionError(errno.EACCES, "denied", "out"), entry.BAD_INPUT, "out: permission was refused"),
    (MemoryError(), entry.BAD_INPUT, "out of memory"),
    (ZeroDivisionError("odd"), entry.FAULT, "Traceback"),
]


@pytest.mark.parametrize(("error", "code", "message"), FAILURES, ids=[type(error).__name__ for error, _, _ in FAILURES])
def test_each_failure_has_its_code_and_its_words(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
    message: str,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(embed, "run", fail)
    assert entry.main(["embed", "words"]) == code
    said = capsys.readouterr().err
    assert message in said
    assert ("Traceback" in said) == (code == entry.FAULT)
    record = read_json(here / "costs/records/embed@words.json")
    assert record["outcome"] == "failed"
    assert type(error).__name__ in record["error"]


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
from tasks.__main__ import main
sys.exit(main(["embed", "words"]))
"""


def test_a_full_disk_leaves_no_half_output(here: Path) -> None:
    """A limit on the size of files stands for a small disk; the write fails in the middle of an array."""
    done = subprocess.run([sys.executable, "-c", FULL], cwd=here, capture_output=True, text=True, check=False)
    assert done.returncode == entry.BAD_INPUT, done.stderr
    assert "Free some" in done.stderr
    assert not any((here / "data" / "features").iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_no_space_left_is_said(here: Path) -> None:
    small = here / "data" / "features"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(small)], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        command = [sys.executable, "-m", "tasks", "embed", "words"]
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
        left = list(small.iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert done.returncode == entry.BAD_INPUT
    assert "no space is left" in done.stderr
    assert left == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_read_only_file_system_is_said(here: Path) -> None:
    frozen = here / "data" / "features"
    frozen.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(frozen)], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        command = [sys.executable, "-m", "tasks", "embed", "words"]
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    finally:
        subprocess.run(["umount", str(frozen)], check=True)
    assert done.returncode == entry.BAD_INPUT
    assert "the file system is read-only" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; a read-only mount is tried above")
def test_a_folder_that_cannot_be_written_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "data").chmod(0o500)
    try:
        assert entry.main(["embed", "words"]) == entry.BAD_INPUT
    finally:
        (here / "data").chmod(0o700)
    assert "Make the folder writable" in capsys.readouterr().err


def test_a_file_where_a_folder_must_be_is_no_silent_loss(here: Path) -> None:
    (here / "data" / "features").write_text("in the way")
    assert entry.main(["embed", "words"]) != entry.DONE
    assert (here / "data" / "features").read_text() == "in the way"


def test_a_link_to_another_library_stops_the_stage(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = here / links.LIBRARIES
    folder.mkdir(parents=True)
    other = here / "numpy-0.0.1.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Version: 0.0.1")
    (folder / "numpy").symlink_to(other / "METADATA")
    assert entry.main(["embed", "words"]) == entry.BAD_INPUT
    assert "links/libraries/numpy" in capsys.readouterr().err
    shutil.rmtree(other)
    assert entry.main(["embed", "words"]) == entry.BAD_INPUT, "a broken link must stop it too"


THREADS = """
import json
from tasks.compute import limit_threads
limit_threads(1)
import sklearn.svm, sklearn.calibration, scipy.optimize
from threadpoolctl import threadpool_info
print(json.dumps({pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}))
"""


def test_the_thread_limit_reaches_libraries_that_are_imported_later() -> None:
    """A stage that starts cold (`dvc repro`) must sum in the same order as one that starts warm."""
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout).values()) == {1}


def test_replacing_puts_all_or_nothing_in_place(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(KeyError), replacing(target) as partial:
        partial.mkdir()
        (partial / "half").write_text("half")
        raise KeyError
    assert [path.name for path in target.iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    with replacing(target) as partial:
        partial.mkdir()
        (partial / "new").write_text("new")
    assert [path.name for path in target.iterdir()] == ["new"]


def test_what_a_killed_process_left_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / "half").write_text("half")
    with replacing(tmp_path / "out") as partial:
        partial.write_text("whole")
    assert (tmp_path / "out").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_record_that_cannot_be_written_does_not_hide_the_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "costs").write_text("in the way")
    with pytest.raises(KeyError), Record(tmp_path, "x"):
        raise KeyError
    assert "no record of x" in capsys.readouterr().err
