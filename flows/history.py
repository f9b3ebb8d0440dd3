"""`regraft history`: which models were in service and why, and what each retrain came to; to be read at 80 columns."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from flows import decision
from flows.registry import Appointment, Registry

NONE = "No model was put into service yet: `regraft promote` does it."
_SHOWN = 30
"""Decisions that are listed; a scheduled retrain adds one each time."""
_REASONS = 4


def table(root: Path) -> Table | None:
    """A table of all that were ever put into service, the present one last; None if there was none.

    Raises:
        BadInput: if the workspace is in no git repository.
    """
    appointments = Registry(root).appointments()
    if not appointments:
        return None
    made = _empty("Models in service", ("", "version", "since", "model", "test", "why"))
    for one in appointments:
        made.add_row(*_row(one, one is appointments[-1]))
    return made


def decisions(root: Path) -> Table | None:
    """A table of the last decisions of `regraft retrain`, the newest last; None if there was none.

    Raises:
        BadInput: if their file is spoilt.
    """
    records = decision.history(root)
    if not records:
        return None
    made = _empty("Decisions of retrain", ("when", "decision", "champion", "because"))
    if len(records) > _SHOWN:
        made.caption = f"{len(records) - _SHOWN:,} earlier ones are in {decision.ALL.as_posix()}"
    for record in records[-_SHOWN:]:
        made.add_row(*map(escape, _cells(record)))
    return made


def _empty(title: str, headings: tuple[str, ...]) -> Table:
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        made.add_column(heading, overflow="fold", ratio=1 if heading == headings[-1] else None)
    return made


def _row(one: Appointment, present: bool) -> list[str]:
    record = one.record
    value = record.get("value")
    test = "" if value is None else f"{record['metric']}\n{value:.4f} on\n{record['rows']:,} rows"
    instead = f" in place of {record['before']}" if record.get("before") else ""
    verdict = f", against {record['verdict']}" if record.get("event") == "forced" else ""
    event = f"{record.get('event', 'put into service')}{instead}{verdict}, by {one.by}"
    why = "\n".join(filter(None, [event, record.get("reason")]))
    return [
        "now" if present else "",
        *map(escape, (one.version, _when(one.time), str(record.get("model", "")), test, why)),
    ]


def _cells(record: Mapping[str, Any]) -> tuple[str, str, str, str]:
    before, after = record["champion"]["before"], record["champion"]["after"]
    change = f"{before}\n→ {after}" if before not in (None, after) else str(after or "none")
    reasons = [*record["problems"], *record["reasons"]]
    more = [f"and {len(reasons) - _REASONS} more"] if len(reasons) > _REASONS else []
    word = "failed" if record["failed"] else record["decision"]
    return _when(record["time"]), word, change, "\n".join([*reasons[:_REASONS], *more])


def _when(time: str) -> str:
    """The day above the minute."""
    return time[:16].replace("T", "\n")
