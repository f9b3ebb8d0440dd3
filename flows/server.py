"""A Prefect server for the life of one process, where no other is configured.

Prefect can start one by itself, but that one dies of the Ctrl-C that is meant for the run, so that nothing can be
reported any more, and it outlives a killed run. This one is started by a nursery of its own: it does neither.
"""

import atexit
import os
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.worker import Worker
from tasks.errors import BadInput, RegraftError

_START_SECONDS = 120.0
_POLL_SECONDS = 0.1
_own: set[str] = set()  # addresses of servers that end with this process


@contextmanager
def available(root: Path) -> Iterator[None]:
    """Sees to it that Prefect has a server meanwhile: the configured one, or else one that ends with this process.

    Raises:
        BadInput: if a server of our own does not start.
    """
    from prefect.settings import PREFECT_API_URL, temporary_settings

    if PREFECT_API_URL.value():
        yield
        return
    address = _start(root)
    _own.add(address)
    with temporary_settings({PREFECT_API_URL: address}):
        yield


def lasting() -> bool:
    """Whether Prefect has a server that outlives this process, so that a person can answer in its UI."""
    from prefect.settings import PREFECT_API_URL

    address = PREFECT_API_URL.value()
    return bool(address) and address not in _own


def _start(root: Path) -> str:
    from httpx import Client, HTTPError

    port = _free_port()
    worker, tail = Worker(root, "server.log"), deque[str](maxlen=5)
    atexit.register(worker.close)  # when Prefect's threads have sent the last lines of the log
    thread = threading.Thread(target=_serve, args=(worker, root, port, tail), daemon=True)
    thread.start()
    deadline = time.monotonic() + _START_SECONDS
    # One client for all questions: each would else read the certificates of the machine anew, beside a starting server.
    with Client() as client:
        while thread.is_alive() and time.monotonic() < deadline:
            with suppress(HTTPError):
                if client.get(f"http://127.0.0.1:{port}/api/health").is_success:
                    return f"http://127.0.0.1:{port}/api"
            time.sleep(_POLL_SECONDS)
    found = " ".join(tail) or f"no answer within {_START_SECONDS:.0f} s"
    raise BadInput("Prefect", "a temporary server that starts", found, "Set PREFECT_API_URL to one that runs.")


def _serve(worker: Worker, root: Path, port: int, tail: "deque[str]") -> None:
    command = [sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "error", "--lifespan", "on"]
    own = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
    with suppress(RegraftError):  # it is stopped in the end
        worker.run("", command, str(root), {**os.environ, **own}, tail.append)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
