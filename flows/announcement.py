"""A written decision, told to whoever watches: as event, as artifacts, by a notification block."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows import artifacts, events
from flows.events import Kind
from flows.notify import notify

_KINDS: dict[str, Kind] = {"PROMOTE": "promoted", "HOLD": "held", "REJECT": "rejected", "SKIP": "skipped"}


def tell(root: Path, record: dict[str, Any], block: str | None, say: Callable[[str], None]) -> None:
    """Tells of a decision.

    Args:
        block: the notification block that is told of all but SKIP; None for none.
        say: is told if that could not be done.
    """
    kind: Kind = "failed" if record["failed"] else _KINDS[record["decision"]]
    artifacts.publish(root, record)
    events.emit(kind, root, record)
    if record["problems"]:  # the decision was carried out all the same, and whoever waits for it hears of it
        events.emit("failed", root, record)
    if block is not None and (kind != "skipped" or record["problems"]):
        notify(block, record, say)
