"""Applies corrections to the rows, before duplicates are looked for."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tasks.clean.candidate import Candidate, normal
from tasks.clean.corrections import Correction
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
    programs spoil ids that look like numbers), by text and label. Rows of the same text and label are one row to a
    person: a correction holds for all of them, or the copy that was merged before would come back with the wrong
    label. Of an official test split, where every row counts, only the row itself is corrected.

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
    index = _Index(rows, rules)
    chosen: dict[int, Correction] = {}
    missed: list[tuple[Correction, str]] = []
    for one in corrections:
        places, reason = index.find(one)
        if not places:
            missed.append((one, reason))
        for place in places:
            other = chosen.setdefault(place, one)
            if other.label != one.label:
                found = f"{other.meaning} in {other.place}, and {one.meaning} in {one.place}"
                raise BadInput(f"row {rows[place].id}", "corrections that agree", found, "Take one of the two out.")
    named = set(chosen)
    chosen |= index.copies(chosen)
    changed = {place: one for place, one in sorted(chosen.items()) if one.label != rows[place].label}
    known = {row.label for row in rows}
    relabelled = [(rows[place].label, one.label) for place, one in changed.items() if one.label is not None]
    return Corrected(
        [_relabelled(row, changed.get(row.place)) for row in rows],
        {place: f"removed by hand: {one.place}" for place, one in changed.items() if one.label is None},
        [rows[place] for place in changed],
        frozenset(chosen),
        {
            "given": len(corrections),
            "relabelled": len(relabelled),
            "removed": len(changed) - len(relabelled),
            "unchanged": len(chosen) - len(changed),
            "copies": len(changed.keys() - named),
            "test": sum(is_test(rows[place]) for place in changed),
            "labels": [
                {"from": old, "to": new, "rows": count} for (old, new), count in sorted(Counter(relabelled).items())
            ],
            "new_labels": dict(sorted(Counter(new for _, new in relabelled if new not in known).items())),
            "not_applied": {
                "corrections": len(missed),
                "examples": [
                    {"place": one.place, "id": one.id, "reason": reason} for one, reason in missed[:_EXAMPLES]
                ],
            },
        },
    )


def _relabelled(row: Candidate, correction: Correction | None) -> Candidate:
    return row if correction is None or correction.label is None else replace(row, label=correction.label)


class _Index:
    """Finds rows as corrections name them."""

    def __init__(self, rows: Sequence[Candidate], rules: Rules) -> None:
        self._rows, self._rules = rows, rules
        self._by_id: defaultdict[str, list[int]] = defaultdict(list)
        self._by_content: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for row in rows:
            self._by_id[row.id].append(row.place)
            if not row.official_test:
                self._by_content[row.key, row.label].append(row.place)

    def find(self, correction: Correction) -> tuple[list[int], str]:
        """The places of the rows that are meant; where there are none, why."""
        own = self._by_id.get(correction.id, [])
        if correction.text is None:
            return own, "no row has this id"
        # The file may show the raw text, or one that was cleaned by earlier rules.
        keys = {normal(correction.text), normal(self._rules.apply(correction.text))}
        places = [place for place in own if keys & {self._rows[place].key, self._rows[place].origin}]
        if not places and correction.seen is not None:
            contents = [(key, correction.seen) for key in sorted(keys)]
            places = sorted({place for content in contents for place in self._by_content.get(content, [])})
        return places, "the row of this id has another text now" if own else "no row has this id"

    def copies(self, chosen: dict[int, Correction]) -> dict[int, Correction]:
        """The corrections of rows that no file names, but that equal one that is named; where all of these agree."""
        found: defaultdict[int, list[Correction]] = defaultdict(list)
        for place, correction in chosen.items():
            row = self._rows[place]
            if not row.official_test:
                for other in self._by_content[row.key, row.label]:
                    if other not in chosen:
                        found[other].append(correction)
        return {place: some[0] for place, some in found.items() if len({one.label for one in some}) == 1}
