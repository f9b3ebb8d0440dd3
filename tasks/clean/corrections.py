"""Corrections of labels, as a person has filled them into a table (such as those of `reports/review/`).

Of the columns, `id` and `correction` must be there; `remove`, `text` and `label` may be; all others are ignored, and so
are rows that are not filled in.

| `correction` | `remove` | what it means |
| --- | --- | --- |
| a label | | the row has this label |
| | `yes`, `y`, `x`, `true` or `1` | the row is set aside |
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks import links, sheet, texts
from tasks.errors import BadInput

_YES, _NO = frozenset({"yes", "y", "x", "true", "1"}), frozenset({"", "no", "n", "false", "0"})
_REPORTS = Path("reports")


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person says of a row.

    Attributes:
        place: file, as it is declared, and line; for people.
        id: of the row.
        label: the right one; None if the row is to be removed.
        text: of the row as the person saw it; None if the file does not tell.
        seen: the label as the person saw it; None if the file does not tell.
    """

    place: str
    id: str
    label: str | None
    text: str | None
    seen: str | None

    @property
    def meaning(self) -> str:
        """What is to become of the row, in words."""
        return "removed" if self.label is None else f"labelled {self.label!r}"


def read(root: Path, declared: Sequence[str]) -> list[Correction]:
    """Reads the files that `clean.corrections` declares, in their order.

    Raises:
        BadInput: if a file is no such table, lies in `reports/`, or a row of it cannot be understood.
    """
    found = []
    names = _names(root, declared)
    for file in texts.linked(root, links.CORRECTIONS, declared):
        name = names[file.resolve()]
        if file.resolve().is_relative_to((root / _REPORTS).resolve()):
            fix = "Save it elsewhere, as data/corrections/, and name that in clean.corrections."
            raise BadInput(name, "a file that no run writes", "one in reports/, which each run writes anew", fix)
        for line, cells in sheet.read(file, name, ("id", "correction")):
            correction = _correction(f"{name}, line {line}", cells)
            if correction is not None:
                found.append(correction)
    return found


def _names(root: Path, declared: Sequence[str]) -> dict[Path, str]:
    """What each file is called: its path from the project, or in full where it is declared so and lies outside."""
    names: dict[Path, str] = {}
    for pattern in declared:
        for file in links.matching(root, pattern):
            name = file.relative_to(root) if file.is_relative_to(root) else file
            names.setdefault(file.resolve(), name.as_posix())
    return names


def _correction(place: str, cells: dict[str, str]) -> Correction | None:
    label, word = cells["correction"].strip(), cells.get("remove", "").strip().lower()
    if word not in _YES | _NO:
        raise BadInput(f"{place}, column remove", "yes, or nothing", repr(cells["remove"]), "Correct that cell.")
    if not label and word in _NO:
        return None
    if label and word in _YES:
        found = f"the correction {label!r}, and a row to remove"
        raise BadInput(place, "a correction, or a row to remove", found, "Empty one of the two.")
    if "\0" in label:
        raise BadInput(f"{place}, column correction", "a label", "a NUL byte in it", "Correct that cell.")
    name = cells["id"].strip()
    if not name:
        raise BadInput(place, "the id of a row", "none", "Copy it from the row that is meant.")
    # A row without a text would be no row, so that an empty cell says nothing of it.
    return Correction(place, name, label or None, cells.get("text") or None, cells.get("label", "").strip() or None)
