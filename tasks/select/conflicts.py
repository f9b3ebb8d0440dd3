"""Groups of near duplicates that bear different labels, from the pairs that the clean stage found."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tasks import rows
from tasks.select.opinion import Row, read_rows

_FOLDER = Path("data/clean")
ASIDE = "set aside"
"""In place of a split: the row was set aside for its label, as a near duplicate stands in another split or as
`clean.duplicates.conflicts` is drop."""


def read(root: Path) -> list[list[Row]]:
    """The groups, each with two labels at least; rows, and groups by their first row, are in the order of the data.

    A pair with a test row is left out, and so is one with a row that was set aside for other reasons.
    """
    there = {row.id: row for split in ("train", "validation") for row in read_rows(root, split)}
    there |= {row.id: row for row in _aside(root) if row.id not in there}
    table = rows.read(root / _FOLDER / "conflicts.parquet")
    pairs = zip(rows.strings(table, "later"), rows.strings(table, "earlier"), strict=True)
    return _groups(there, (pair for pair in pairs if pair[0] in there and pair[1] in there))


def _aside(root: Path) -> list[Row]:
    columns = ["id", "source", "row", "text", "label"]
    lines = rows.read(root / _FOLDER / "set_aside.parquet", [*columns, "reason"]).to_pylist()
    chosen = [line for line in lines if line["reason"].startswith("conflicting label")]
    return [Row(line["id"], ASIDE, *(line[name] for name in columns[1:])) for line in chosen]


def _groups(there: Mapping[str, Row], pairs: Iterable[tuple[str, str]]) -> list[list[Row]]:
    """Rows that are joined by pairs, directly or by way of others."""
    above: dict[str, str] = {}

    def root_of(name: str) -> str:
        while above.setdefault(name, name) != name:
            above[name] = name = above[above[name]]  # each step halves the way of the next search
        return name

    for one, other in pairs:
        above[root_of(one)] = root_of(other)
    groups: dict[str, list[Row]] = {}
    for name, row in there.items():
        if name in above:
            groups.setdefault(root_of(name), []).append(row)
    return list(groups.values())
