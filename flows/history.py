"""`regraft history`: which models were in service, since when, and why."""

from pathlib import Path

from rich.markup import escape
from rich.table import Table

from flows.registry import Appointment, Registry

NONE = "No model was put into service yet: `regraft promote` does it."


def table(root: Path) -> Table | None:
    """A table of all that were ever put into service, the present one last; None if there was none.

    Raises:
        BadInput: if the workspace is in no git repository.
    """
    appointments = Registry(root).appointments()
    if not appointments:
        return None
    made = Table(title="Models in service", title_justify="left")
    for heading in ("", "since", "version", "model", "test", "event", "by", "reason"):
        made.add_column(heading, overflow="fold")
    for one in appointments:
        made.add_row(*_row(one, one is appointments[-1]))
    return made


def _row(one: Appointment, present: bool) -> list[str]:
    record = one.record
    value = record.get("value")
    test = "" if value is None else f"{record['metric']} {value:.4f} on {record['rows']:,} rows"
    instead = f" in place of {record['before']}" if record.get("before") else ""
    verdict = f", against {record['verdict']}" if record.get("event") == "forced" else ""
    event = f"{record.get('event', 'put into service')}{instead}{verdict}"
    cells = [one.time[:16].replace("T", " "), one.version, str(record.get("model", "")), test, event, one.by]
    return ["now" if present else "", *map(escape, cells), escape(record.get("reason") or "")]
