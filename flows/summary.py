"""What the command line says in the end: what was found, what failed and what to do, where the results are."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from tasks.errors import RegraftError

if TYPE_CHECKING:
    from flows.explain import Finding
    from flows.gc import Plan
    from flows.orphans import Orphan
    from flows.promotion import Promotion

_MANY = 3
_SELECTION, _REPORT = Path("reports/selection.json"), Path("reports/report.html")


def idle(count: int) -> str:
    """Nothing has to be done."""
    return f"Nothing has changed: all {count} items are up to date."


def explanation(due: Mapping[str, "Finding"], kept: int) -> Table:
    """A table of the items that would run."""
    table = Table(title="What `regraft run` would do", caption=f"{kept} more are up to date", title_justify="left")
    for heading in ("item", "would", "because"):
        table.add_column(heading, overflow="fold")
    for name, finding in due.items():
        more = f" and {len(finding.follows) - _MANY} more" if len(finding.follows) > _MANY else ""
        follows = [f"follows {', '.join(finding.follows[:_MANY])}{more}"] if finding.follows else []
        because = [*finding.reasons, *follows]
        what = "restore from the run cache" if finding.restorable else "run"
        table.add_row(escape(name), what, escape("\n".join(because)))
    return table


def removals(gone: Sequence["Orphan"]) -> Iterator[str]:
    """What a run would remove, a line an item that is gone."""
    for item in dict.fromkeys(orphan.item for orphan in gone):
        names = [orphan.name for orphan in gone if orphan.item == item]
        yield escape(f"Would be removed, as there is no {item} any more: {', '.join(names)} (the run cache keeps it).")


def closing(root: Path, settings: Sequence[str]) -> Iterator[str]:
    """What was chosen, where to read about it, and what `--set` leaves behind."""
    if (root / _SELECTION).is_file():
        try:
            selection = json.loads((root / _SELECTION).read_text(encoding="utf-8"))
            yield f"Selected: [bold]{escape(str(selection['winner']))}[/]"
        except (ValueError, KeyError, TypeError):
            pass  # not ours to judge here; the report tells more
    if (root / _REPORT).is_file():
        yield f"Report:   {_REPORT}"
    if settings:
        yield "params.yaml is as it was: a run without --set goes back to its values, from the run cache."


def promoted(done: "Promotion") -> str:
    """Which model is in service now."""
    if not done.changed:
        return f"{done.version} is in service already; nothing was changed."
    line = f"In service now: [bold]{escape(done.version)}[/], in models/champion/."
    if done.before is None:
        return line
    return f"{line} It takes the place of {escape(done.before)}; `regraft rollback` undoes it."


def freeable(plan: "Plan") -> Iterator[Table | str]:
    """What `regraft gc` would free, by kind, and what it keeps."""
    need = plan.needed
    kept = (
        f"Kept: {size(plan.kept)} in the cache: what dvc.lock and {need.refs} names in git need, {need.versions} "
        f"models that were in service among them, the last {need.runs} runs and the best {need.candidates} candidates."
    )
    if not plan.parts:
        yield f"There is nothing to free. {kept}"
        return
    table = Table(title="What `regraft gc` would free", title_justify="left")
    table.add_column("what", overflow="fold")
    for heading in ("how many", "size"):
        table.add_column(heading, justify="right")
    for part in plan.parts:
        table.add_row(escape(part.kind), f"{len(part.entries):,}", size(part.size))
    yield table
    yield kept


def size(count: int) -> str:
    """Bytes for people, in powers of 1000."""
    value, units = float(count), ["kB", "MB", "GB", "TB"]
    if value < 1000:
        return f"{count} bytes"
    while value >= 1000 and units:
        value, unit = value / 1000, units.pop(0)
    return f"{value:.1f} {unit}"


def decided(decision: Mapping[str, Any]) -> Iterator[str]:
    """What a retrain came to, and why."""
    yield f"Decision: [bold]{decision['decision']}[/]"
    yield from (f"  {escape(reason)}" for reason in decision["reasons"])
    before, after = decision["champion"]["before"], decision["champion"]["after"]
    if after != before:
        yield f"In service now: [bold]{escape(after)}[/], in models/champion/."


def is_failed_run(error: RegraftError) -> bool:
    """Whether stages failed, as opposed to a run that could not begin."""
    return hasattr(error, "failures")


def failure(error: RegraftError, command: str = "regraft run") -> Iterator[str]:
    """An error for people: for failed stages, their last lines and how to go on with that command."""
    failures, not_run = getattr(error, "failures", None), getattr(error, "not_run", ())
    if not failures:
        yield f"[red]error:[/] {escape(str(error))}"
        return
    for each in failures.values():
        yield f"\n[red]{escape(str(each))}[/]"
        yield from (f"  {escape(line)}" for line in each.tail)
    skipped = [name for name in not_run if name not in failures]
    if skipped:
        yield f"Not run, as they need it: {', '.join(skipped)}."
    one = f" {next(iter(failures))}" if command == "regraft run" and len(failures) == 1 else ""
    again = f"`{command}{one}` tries {'it' if len(failures) == 1 else 'them'}"
    yield f"\nAll that could be done without is done and kept. When that is mended, {again} again."
