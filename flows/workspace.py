"""A workspace: the folder that holds `dvc.yaml`, in which one run at a time works."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tasks.errors import BadInput, RegraftError

STATE = Path(".dvc/tmp/regraft")
"""Where the engine keeps what must survive a killed run; DVC ignores it."""

_LOCK = Path(".dvc/tmp/regraft.lock")
_POLL_SECONDS = 0.2


class WorkspaceBusy(RegraftError):
    """Another run is at work in this workspace.

    Args:
        root: the workspace.
        pid: the other run's process, None if it has not said.
        since: when it began, for people to read.
    """

    def __init__(self, root: Path, pid: int | None, since: str) -> None:
        self.root, self.pid, self.since = root, pid, since
        super().__init__(
            f"{root}: another regraft command is at work here (process {pid or 'unknown'}, since {since}). "
            "Wait for it to end, or add `--wait` to start when it has."
        )


def find(start: Path) -> Path:
    """The workspace that `start` lies in.

    Raises:
        BadInput: if neither `start` nor a folder above it is one.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / "dvc.yaml").is_file() and (folder / ".dvc").is_dir():
            return folder
    raise BadInput(str(start), "a project with dvc.yaml and .dvc", "none here or above", "Change to its folder first.")


@contextmanager
def held(root: Path, wait: bool = False, say: Callable[[str], None] = print, lock: Path = _LOCK) -> Iterator[None]:
    """Holds the workspace, so that no second run starts; the kernel frees it if this process is killed.

    Args:
        wait: whether to wait for another run rather than to refuse.
        say: is told, once, whom it waits for.
        lock: another file than that of the pipeline, for work that only excludes its own kind.

    Raises:
        WorkspaceBusy: if another process holds it and `wait` is false.
    """
    path = root / lock
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _acquire(file, root, wait, say)
        note = json.dumps({"pid": os.getpid(), "since": datetime.now().strftime("%Y-%m-%d %H:%M:%S")})
        os.ftruncate(file, 0)
        os.pwrite(file, note.encode(), 0)
        yield
    finally:
        os.close(file)  # which also unlocks


def _acquire(file: int, root: Path, wait: bool, say: Callable[[str], None]) -> None:
    told = False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            busy = _busy(file, root)
        if not wait:
            raise busy
        if not told:
            say(f"Waiting for process {busy.pid or 'unknown'}, at work here since {busy.since}.")
            told = True
        time.sleep(_POLL_SECONDS)


def _busy(file: int, root: Path) -> WorkspaceBusy:
    try:
        note = json.loads(os.pread(file, 4096, 0))
        return WorkspaceBusy(root, int(note["pid"]), str(note["since"]))
    except (ValueError, KeyError, TypeError):  # it has locked, but not written yet
        return WorkspaceBusy(root, None, "just now")
