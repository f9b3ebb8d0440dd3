"""Runs commands in processes of their own, hands on their lines as they come, and leaves no process behind."""

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from flows.graph import Stopped
from flows.lines import watch
from flows.nursery import kill_group, receive, send
from flows.workspace import STATE
from tasks.errors import RegraftError

GRACE_SECONDS = 5.0
"""How long a stage has to end by itself after SIGTERM, before SIGKILL."""

_POLITE = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Set unless the user's environment does. Threads that wait for work otherwise spin, and stages that run side by side
take the processors from one another: two small networks take 42 s beside one another then, and 23 s so."""

_PLAIN_WORDS = re.compile(r"[\w@%+=:,./ \t-]+")  # nothing in it that a shell would act on

_MODULE = re.compile(r"tasks(\.[a-z_]+)?")


class NurseryLost(RegraftError):
    """The process that starts stages has gone; the last lines it wrote say why, if anything does."""

    def __init__(self, tail: str) -> None:
        hint = tail or "It was killed, perhaps because memory ran out."
        super().__init__(f"The process that starts the stages ended unexpectedly. {hint}")


class Worker:
    """Starts commands through a warm process (`flows.nursery`) and watches them.

    Used as a context manager; leaving it stops whatever still runs.

    Args:
        root: the workspace.
        log: the name of the file for what the warm process itself has to say.
    """

    def __init__(self, root: Path, log: str = "nursery.log") -> None:
        self._root = root
        self._log = root / STATE / log
        self._lock = threading.Lock()  # one request at a time
        self._ended = threading.Condition()
        self._running: set[int] = set()
        self._stopping = self._warm = False
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stops whatever still runs, and the process that started it."""
        self.stop()
        self._disconnect()

    def warm_up(self) -> None:
        """Begins to import the large libraries, without waiting for it."""
        with self._lock:
            if not self._warm:
                send(self._connected(), {"do": "preload"})
                self._warm = True

    def run(
        self, command: str, shell: list[str], folder: str, environment: Mapping[str, str], line: Callable[[str], None]
    ) -> int:
        """Runs a command to its end and returns its exit code (negative: the signal that killed it).

        Args:
            command: as it stands in `dvc.yaml`; a plain `python -m tasks ...`, or of a room of it, as
                `python -m tasks.retraining ...`, runs in the warm process.
            shell: the argument list that runs it otherwise.
            line: gets each line of its output, without the line's end.

        Raises:
            Stopped: if `stop` was called.
            NurseryLost: if the warm process has gone; the next call starts a new one.
        """
        module, arguments = module_arguments(command) or (None, shell)
        path = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
        request = {
            "do": "run",
            "module": module,
            "arguments": arguments,
            "folder": folder,
            "environment": {**_POLITE, **environment, "PATH": path, "REGRAFT_PROGRESS": "lines"},
        }
        pid, output, status = self._start(request)
        try:
            code = watch(output, status, line)
        finally:
            os.close(output)
            os.close(status)
            with self._ended:
                self._running.discard(pid)
                self._ended.notify_all()
        if code is None:
            kill_group(pid, signal.SIGKILL)
        if self._stopping:
            raise Stopped
        if code is None:
            raise NurseryLost(self._last_words())
        return code

    def stop(self) -> None:
        """Ends all that runs, whole process groups: SIGTERM first, SIGKILL after a grace period."""
        with self._ended:
            self._stopping = True
        for number, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, GRACE_SECONDS)):
            self._signal_all(number)
            if self._wait_for_all(patience):
                return

    def _signal_all(self, number: int) -> None:
        for pid in list(self._running):
            with self._lock:
                if self._control is not None and self._process is not None and self._process.poll() is None:
                    with contextlib.suppress(OSError):
                        send(self._control, {"do": "signal", "pid": pid, "signal": int(number)})
                else:
                    kill_group(pid, number)

    def _wait_for_all(self, seconds: float) -> bool:
        with self._ended:
            try:
                return self._ended.wait_for(lambda: not self._running, seconds)
            except KeyboardInterrupt:  # asked twice: no more patience
                return False

    def _start(self, request: Mapping[str, object]) -> tuple[int, int, int]:
        output, output_end = os.pipe()
        status, status_end = os.pipe()
        try:
            with self._lock:
                if self._stopping:
                    raise Stopped
                control = self._connected()
                try:
                    send(control, request, (output_end, status_end))
                    answer = receive(control)
                except ConnectionError:
                    answer = None
                if answer is None:
                    self._disconnect()
                    raise NurseryLost(self._last_words())
                pid = int(answer[0]["pid"])
                self._running.add(pid)
            return pid, output, status
        except BaseException:
            os.close(output)
            os.close(status)
            raise
        finally:
            os.close(output_end)
            os.close(status_end)

    def _connected(self) -> socket.socket:
        if self._control is not None and self._process is not None and self._process.poll() is None:
            return self._control
        self._disconnect()  # from one that has gone
        ours, theirs = socket.socketpair()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with theirs, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flows.nursery", str(theirs.fileno())],
                cwd=self._root,
                env={**_POLITE, **os.environ},  # now: OpenMP reads it once, when the libraries are imported
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # so that Ctrl-C, or a kill of our group, does not reach it
            )
        self._control = ours
        return ours

    def _disconnect(self) -> None:
        if self._control is not None:
            self._control.close()  # at which the nursery ends
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            return " ".join(self._log.read_text(encoding="utf-8", errors="replace").split()[-60:])
        return ""


def module_arguments(command: str) -> tuple[str, list[str]] | None:
    """The module of a plain `python -m tasks ...` or `python -m tasks.<room> ...` command, and what it is given.

    None for any other command, which needs a shell.
    """
    if not _PLAIN_WORDS.fullmatch(command):
        return None
    words = shlex.split(command)
    if words[:2] != ["python", "-m"] or len(words) < 3 or not _MODULE.fullmatch(words[2]):
        return None
    return words[2], words[3:]
