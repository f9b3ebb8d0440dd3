"""A Prefect server with its web pages, on a port of its own, that asks for a password."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from tests.flows.toy import wait_until

PASSWORD = "regraft:hush-hush"


@dataclass(frozen=True)
class Site:
    """Where it is.

    Attributes:
        address: of the pages.
        process: of the server.
    """

    address: str
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def environment(self) -> dict[str, str]:
        """What its clients need."""
        return {
            "PREFECT_API_URL": f"{self.address}/api",
            "PREFECT_API_AUTH_STRING": PASSWORD,
            "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        }

    def ask(self, path: str, **question: Any) -> Any:
        """An answer of its API."""
        user, _, word = PASSWORD.partition(":")
        while True:
            answer = httpx.post(f"{self.address}/api/{path}", json=question, auth=(user, word), timeout=120)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:  # its data base is busy
                answer.raise_for_status()
                return answer.json()
            time.sleep(0.5)

    def deployment(self, name: str) -> dict[str, Any] | None:
        found = self.ask("deployments/filter", deployments={"name": {"any_": ["regraft"]}})
        wanted = [one for one in found if one["entrypoint"].endswith(name)]
        return dict(wanted[0]) if wanted else None


@contextmanager
def started(folder: Path) -> Iterator[Site]:
    """Yields one whose files lie in a folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site = Site(f"http://127.0.0.1:{port}")
    own = {
        "PREFECT_HOME": str(folder / "home"),
        "PREFECT_SERVER_API_AUTH_STRING": PASSWORD,
        "PREFECT_UI_API_URL": f"{site.address}/api",
        "PREFECT_UI_STATIC_DIRECTORY": str(folder / "pages"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_TASKS_TAG_CONCURRENCY_SLOT_WAIT_SECONDS": "1",
        **site.environment,
    }
    command = [sys.executable, "-W", "ignore", "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port), "--log-level", "error"],
            env={**os.environ, **own},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: process.poll() is not None or _answers(site), 900)
        assert process.poll() is None, (folder / "server.log").read_text()
        yield replace(site, process=process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(site: Site) -> bool:
    try:
        return httpx.get(f"{site.address}/api/health", timeout=5).is_success
    except httpx.HTTPError:
        return False
