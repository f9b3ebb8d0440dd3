"""The cleaning report as a page of Markdown tables."""

from collections.abc import Iterable, Sequence
from typing import Any

from tasks.rows import SPLITS


def written(report: dict[str, Any]) -> str:
    """The report (of `tasks.clean.report`) for people."""
    rows = report["rows"]
    test = "the official test split" if report["official_test"] else "cut from the rows"
    parts = [
        "# Cleaning report",
        f"{rows['in']:,} rows came in, {rows['in'] - rows['set_aside']:,} were kept and {rows['set_aside']:,} set "
        f"aside (`set_aside.parquet`, each with its reason). Test is {test}.",
        _table("Splits", ["split", "rows"], [(name, rows[name]) for name in SPLITS]),
        _table("Set aside", ["reason", "rows"], report["set_aside"].items()),
        _table("Rules", ["rule", "rows changed"], report["rules"].items()),
        *_corrections(report["corrections"]),
        _conflicts(report["conflicts"]),
        _table(
            "Classes",
            ["class", *SPLITS],
            [(label, *(count[name] for name in SPLITS)) for label, count in report["classes"].items()],
        ),
        _table(
            "Lengths of kept rows",
            ["unit", *report["lengths"]["words"]],
            [(unit, *spread.values()) for unit, spread in report["lengths"].items()],
        ),
        _table(
            f"Languages (of {report['languages']['sampled']:,} texts)",
            ["language", "texts"],
            report["languages"]["texts"].items(),
        ),
    ]
    return "\n\n".join(parts) + "\n"


def sentences(corrections: dict[str, Any]) -> list[str]:
    """What became of the corrections by hand, as the cleaning report has it; none where there are none."""
    if not corrections["given"]:
        return []
    counted = {
        "rows with another label now": corrections["relabelled"],
        "rows removed": corrections["removed"],
        "rows that had that label already": corrections["unchanged"],
        "rows changed as they equal one that is named": corrections["copies"],
        "rows set aside as they are near to changed ones and have their old label": corrections["old_label"],
        "changed rows of the test split": corrections["test"],
    }
    told = ", ".join(f"{words}: {count:,}" for words, count in counted.items() if count) or "no row is changed by them"
    found = [f"Corrections by hand: {corrections['given']:,}; {told}."]
    if corrections["new_labels"]:
        new = ", ".join(f"{label!r} ({count:,})" for label, count in corrections["new_labels"].items())
        found.append(f"Labels that no row had before: {new}.")
    missed = corrections["not_applied"]["corrections"]
    if missed:
        first = corrections["not_applied"]["examples"][0]
        found.append(f"Corrections not applied: {missed:,}. The first: {first['place']}, {first['reason']}.")
    return found


def _corrections(corrections: dict[str, Any]) -> list[str]:
    told = sentences(corrections)
    if not told:
        return []
    missed = [(one["place"], one["id"], one["reason"]) for one in corrections["not_applied"]["examples"]]
    pairs = [(one["from"], one["to"], one["rows"]) for one in corrections["labels"]]
    parts = ["## Corrections", "\n".join(f"- {_cell(one)}" for one in told)]
    parts += [_table("Corrected labels", ["from", "to", "rows"], pairs)] if pairs else []
    return parts + ([_table("Not applied", ["where", "id", "reason"], missed)] if missed else [])


def _conflicts(conflicts: dict[str, Any]) -> str:
    title = (
        f"Conflicting labels: {conflicts['pairs']:,} pairs, later row kept in {conflicts['kept']:,}, "
        f"set aside in {conflicts['set_aside']:,}"
    )
    lines = [
        (
            one["later"]["label"],
            one["later"]["text"],
            one["earlier"]["label"],
            one["earlier"]["text"],
            _yes(one["kept"]),
        )
        for one in conflicts["examples"]
    ]
    return _table(title, ["label", "text", "earlier label", "earlier text", "kept"], lines)


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    body = [_row(row) for row in rows]
    if not body:
        return f"## {title}\n\nNone."
    return "\n".join([f"## {title}", "", _row(head), _row(["---"] * len(head)), *body])


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(cell: object) -> str:
    if isinstance(cell, int | float):
        return f"{cell:,}"
    # A bar would end the cell, a line break the table, and markup in a text would not be seen as text.
    return " ".join(str(cell).split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _yes(kept: bool) -> str:
    return "yes" if kept else "no"
