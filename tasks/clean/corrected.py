"""Applies corrections to the rows, before duplicates are looked for."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tasks.clean.candidate import Candidate
from tasks.clean.corrections import Correction
from tasks.clean.lookup import Lookup
from tasks.errors import BadInput
from tasks.rules import Rules

_EXAMPLES = 20


@dataclass(frozen=True)
class Corrected:
    """The rows after the corrections.

    Attributes:
        rows: all rows, with the labels that they have now.
        removed: why a row is to be set aside, by its place.
        before: the rows that were changed, as they were.
        settled: places of all rows that a correction holds for, also of those that had that label already.
        report: counts, as the cleaning report gives them (see `apply`).
    """

    rows: list[Candidate]
    removed: dict[int, str]
    before: list[Candidate]
    settled: frozenset[int]
    report: dict[str, Any]


def apply(
    rows: Sequence[Candidate], corrections: Sequence[Correction], rules: Rules, is_test: Callable[[Candidate], bool]
) -> Corrected:
    """Gives rows the labels that a person says they have, and names those to be removed.

    A row is found by its id; where the text that the person saw is another one, or no row has the id (spreadsheet
    programs spoil ids that look like numbers), by text and label (see `Lookup`). Rows of the same text and label are
    one row to a person: a correction holds for all of them, or the copy that was merged before would come back with
    the wrong label. Of an official test split, where every row counts, only the row itself is corrected.

    Args:
        rows: by place.
        rules: that the texts were cleaned by.
        is_test: whether a row is one of the test split.

    Returns:
        With a report of plain values: `given` (corrections), `relabelled`, `removed` and `unchanged` (rows; the last
        had that label already), `copies` and `test` (how many of the first two were named by no file but equal one
        that was; are test rows), `labels` (rows by old and new label), `new_labels` (rows by labels that no row had),
        `not_applied` (how many corrections, and the first of them with their reasons).

    Raises:
        BadInput: if two corrections of a row contradict each other.
    """
    lookup = Lookup(rows, rules)
    found = list(zip(corrections, lookup.find(corrections), strict=True))
    missed = [(one, reason) for one, (places, reason) in found if not places]
    chosen = _agreed(rows, ((one, places) for one, (places, _) in found))
    named = set(chosen)
    chosen |= _copies(chosen, lookup)
    changed = {place: one for place, one in sorted(chosen.items()) if one.label != rows[place].label}
    report = {
        "given": len(corrections),
        **_counts(rows, changed),
        "unchanged": len(chosen) - len(changed),
        "copies": len(changed.keys() - named),
        "test": sum(is_test(rows[place]) for place in changed),
        "not_applied": {
            "corrections": len(missed),
            "examples": [{"place": one.place, "id": one.id, "reason": reason} for one, reason in missed[:_EXAMPLES]],
        },
    }
    return Corrected(
        [_relabelled(row, changed.get(row.place)) for row in rows],
        {place: f"removed by hand: {one.place}" for place, one in changed.items() if one.label is None},
        [rows[place] for place in changed],
        frozenset(chosen),
        report,
    )


def _agreed(rows: Sequence[Candidate], found: Iterable[tuple[Correction, Sequence[int]]]) -> dict[int, Correction]:
    """The correction of each row that is named, by its place."""
    chosen: dict[int, Correction] = {}
    for one, places in found:
        for place in places:
            other = chosen.setdefault(place, one)
            if other.label != one.label:
                said = f"{other.meaning} in {other.place}, and {one.meaning} in {one.place}"
                raise BadInput(f"row {rows[place].id}", "corrections that agree", said, "Take one of the two out.")
    return chosen


def _copies(chosen: Mapping[int, Correction], lookup: Lookup) -> dict[int, Correction]:
    """The corrections of rows that no file names, but that equal one that is named; where all of these agree."""
    found: defaultdict[int, list[Correction]] = defaultdict(list)
    for place, correction in chosen.items():
        for other in lookup.equal(place):
            if other not in chosen:
                found[other].append(correction)
    return {place: some[0] for place, some in found.items() if len({one.label for one in some}) == 1}


def _counts(rows: Sequence[Candidate], changed: Mapping[int, Correction]) -> dict[str, Any]:
    """Of the rows that are changed: how many are relabelled and removed, and from which label to which."""
    known = {row.label for row in rows}
    pairs = Counter((rows[place].label, one.label) for place, one in changed.items() if one.label is not None)
    new = Counter(label for _, label in pairs.elements() if label not in known)
    return {
        "relabelled": pairs.total(),
        "removed": len(changed) - pairs.total(),
        "labels": [{"from": old, "to": label, "rows": count} for (old, label), count in sorted(pairs.items())],
        "new_labels": dict(sorted(new.items())),
    }


def _relabelled(row: Candidate, correction: Correction | None) -> Candidate:
    return row if correction is None or correction.label is None else replace(row, label=correction.label)
