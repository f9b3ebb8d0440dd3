"""The process that starts every stage: `python -m flows.nursery SOCKET`, run by `flows.worker`.

It has imported the large libraries, so that a `python -m tasks` command starts in a fork, in hundredths
of a second instead of seconds. It never imports `tasks` itself, so a stage's code is always read afresh.

Each command gets a session, and so a process group, of its own. When a command ends, the rest of its group
is killed; when the process at the other end of the socket is gone, however it went, all groups are killed.
So this module must stay small, have one thread, and import nothing that starts threads.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

PRELOAD = (
    "pydantic",
    "ruamel.yaml",
    "numpy",
    "pyarrow.parquet",
    "scipy.sparse",
    "sklearn.linear_model",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors.torch",
    "skops.io",
    "sklearn.ensemble",
    "sklearn.calibration",
    "transformers.modeling_utils",
    "transformers.processing_utils",
    "transformers.modeling_layers",
)
HEADER = struct.Struct("!I")
_PR_SET_PDEATHSIG = 1  # of Linux's prctl: the signal to get when the parent dies


class Nursery:
    """Answers the requests of one `flows.worker.Worker`."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, int] = {}  # process id -> where to write how it ended
        self._wanted: list[str] = []

    def serve(self) -> Callable[[], int] | None:
        """Works until the other end is gone. In a forked child, returns what the child has to do."""
        wake_read, wake_write = os.pipe()
        for end in (wake_read, wake_write):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(wake_read, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select(0 if self._wanted else None)}
                if wake_read in ready:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake_read, 4096)
                self._reap()
                if self._control in ready:
                    request = receive(self._control)
                    if request is None:
                        self._kill_all()
                        return None
                    job = self._answer(*request)
                    if job is not None:
                        return job
                elif self._wanted:
                    self._preload_next()

    def _answer(self, request: dict[str, Any], ends: list[int]) -> Callable[[], int] | None:
        match request["do"]:
            case "preload":
                self._wanted += PRELOAD
            case "signal" if request["pid"] in self._children:
                kill_group(request["pid"], request["signal"])
            case "run":
                while request["module"] and self._wanted:
                    self._preload_next()
                gc.freeze()  # a collection in a fork would otherwise copy every page that it looks at
                return self._start(request, *ends)
        return None

    def _preload_next(self) -> None:
        # Whatever is wrong with a library is told, in full, by the stage that needs it.
        with contextlib.suppress(Exception):
            importlib.import_module(self._wanted.pop(0))

    def _start(self, request: dict[str, Any], output: int, status: int) -> Callable[[], int] | None:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _settle(parent, output)
            for end in (output, status, *self._children.values()):
                os.close(end)
            self._control.close()
            return lambda: _run(request)
        os.close(output)
        self._children[pid] = status
        send(self._control, {"pid": pid})
        return None

    def _reap(self) -> None:
        for pid in list(self._children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                kill_group(pid, signal.SIGKILL)  # what it has left running
                end = self._children.pop(pid)
                with contextlib.suppress(BrokenPipeError):
                    os.write(end, str(os.waitstatus_to_exitcode(status)).encode())
                os.close(end)

    def _kill_all(self) -> None:
        for pid in self._children:
            kill_group(pid, signal.SIGKILL)


def kill_group(pid: int, number: int) -> None:
    """Signals a process group, which may be gone already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def send(to: socket.socket, message: Mapping[str, Any], ends: tuple[int, ...] = ()) -> None:
    """Sends one message, and open files with it."""
    body = json.dumps(dict(message)).encode()
    if ends:
        socket.send_fds(to, [HEADER.pack(len(body))], list(ends))
    else:
        to.sendall(HEADER.pack(len(body)))
    to.sendall(body)


def receive(from_: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Receives one message and the open files sent with it; None if the other end is gone."""
    try:
        head, ends, _, _ = socket.recv_fds(from_, HEADER.size, 2)
        while head and len(head) < HEADER.size:
            head += from_.recv(HEADER.size - len(head))
        body = b""
        while head and len(body) < HEADER.unpack(head)[0]:
            part = from_.recv(HEADER.unpack(head)[0] - len(body))
            if not part:
                return None
            body += part
    except ConnectionError:
        return None
    return (json.loads(body), ends) if head else None


def _settle(parent: int, output: int) -> None:
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(nothing)


def _run(request: dict[str, Any]) -> int:
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    if not request["module"]:
        os.execvpe(request["arguments"][0], request["arguments"], request["environment"])  # noqa: S606
    # New streams: the old ones may remember a position in the file that output went to before it became a pipe.
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    sys.argv = [request["module"], *request["arguments"]]
    sys.path[0] = request["folder"]  # as `python -m` does
    code = 0
    try:
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # Ctrl-C among them
        traceback.print_exc()
        code = 1
    return _leave(code)


def _leave(code: int) -> NoReturn:
    """Ends a fork as an interpreter ends, but for its heap, which is left to the system.

    To tear down each object would copy every page of it that is shared with this module's process, for two seconds.
    """
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        ctypes.CDLL(None).fflush(None)  # what libraries written in C have said
    finally:
        os._exit(code)


def main() -> int:
    """Serves the socket whose number is the first argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks, which then tells us
    job = Nursery(socket.socket(fileno=int(sys.argv[1]))).serve()
    return 0 if job is None else job()


if __name__ == "__main__":
    sys.exit(main())
