"""Chromium without a window, steered through its DevTools protocol: what a person would see in the Prefect UI."""

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--remote-debugging-pipe", "--window-size=1280,900",
]  # fmt: skip
_READS, _WRITES = 3, 4  # the file descriptors through which it takes commands and answers
_HIGH = 100  # no descriptor from here on is one of these


class Browser:
    """One page; used as a context manager.

    Args:
        profile: a folder for its settings, which does not exist yet.
    """

    def __init__(self, profile: Path) -> None:
        self._profile = profile
        self._numbers = itertools.count(1)
        self._rest = b""

    def __enter__(self) -> Self:
        ours, theirs = os.pipe(), os.pipe()
        reads, writes = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _HIGH) for end in (ours[0], theirs[1]))
        os.close(ours[0])
        os.close(theirs[1])
        self._to, self._from = ours[1], theirs[0]

        def wire() -> None:
            os.dup2(reads, _READS)
            os.dup2(writes, _WRITES)

        self._process = subprocess.Popen(
            [str(CHROMIUM), *_FLAGS, f"--user-data-dir={self._profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=False,  # all of ours are closed at exec anyway
            preexec_fn=wire,  # noqa: PLW1509 - it only copies descriptors
        )
        os.close(reads)
        os.close(writes)
        page = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def open(self, address: str) -> None:
        self._call("Page.navigate", url=address)

    def text(self) -> str:
        """What can be read on the page."""
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def type(self, text: str) -> None:
        """Types into what has the focus."""
        self._call("Input.insertText", text=text)

    def press(self, words: str, role: str = "button") -> None:
        """Waits for something to press that says this, or is labelled so, and clicks into its middle.

        Args:
            role: as readers of screens know it; a button that is not called one has it too.
        """
        found = (
            f"[...document.querySelectorAll('{role}, [role={role}]')].reverse().find("
            f"one => [one.innerText.trim(), one.ariaLabel].includes({json.dumps(words)}) && one.offsetParent)"
        )
        self.wait(f"Boolean({found})")
        self.evaluate(f"{found}.scrollIntoView({{block: 'nearest'}})")
        place = self.evaluate(
            f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({found}.getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def evaluate(self, script: str) -> Any:
        found = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, script: str, seconds: float = 180.0) -> None:
        """Waits until a script's value is true."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(script):
            assert time.monotonic() < deadline, f"{script} has not come true; the page says:\n{self.text()[:3000]}"
            time.sleep(0.1)

    def wait_for(self, *words: str) -> None:
        """Waits until all of these can be read."""
        for word in words:
            self.wait(f"(document.body?.innerText ?? '').includes({json.dumps(word)})")

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if not method.startswith("Target."):
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._answer()).get("id") != number:
            pass  # an event
        assert "error" not in answer, (method, answer)
        return dict(answer["result"])

    def _answer(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from], [], [], 180.0)
            assert ready, "the browser does not answer"
            data = os.read(self._from, 1 << 20)
            assert data, "the browser has ended"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(message))
