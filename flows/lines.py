"""The lines that a running command writes, handed on as they come."""

import os
import selectors
import time
from collections.abc import Callable

_DRAIN_SECONDS = 1.0  # for what is still in the pipe when a command has ended
_LONGEST_LINE = 1 << 16


def watch(output: int, status: int, line: Callable[[str], None]) -> int | None:
    """Hands on lines until the command has ended; returns its exit code, None if nobody can tell it.

    Args:
        output: a pipe's end to read what the command writes from.
        status: a pipe's end to read its exit code from, in decimal.
        line: gets each line without its end.
    """
    rest, code, deadline = b"", None, float("inf")
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        selector.register(status, selectors.EVENT_READ)
        while selector.get_map() and (patience := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(None if patience == float("inf") else patience):
                data = os.read(key.fd, 1 << 16)
                if key.fd == status:
                    selector.unregister(status)
                    code = int(data) if data else None
                    deadline = time.monotonic() + _DRAIN_SECONDS
                elif data:
                    rest = _hand_on(rest + data, line)
                else:
                    selector.unregister(output)
    if rest:
        _hand_on(rest + b"\n", line)
    return code


def _hand_on(data: bytes, line: Callable[[str], None]) -> bytes:
    *whole, rest = data.split(b"\n")
    if len(rest) > _LONGEST_LINE:
        whole, rest = [*whole, rest], b""
    for raw in whole:
        line(raw.decode("utf-8", errors="replace").rstrip("\r").rpartition("\r")[2])
    return rest
