"""The cleaning report: what was done to the rows, as data."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tasks.clean.candidate import Candidate
from tasks.clean.former import ENDING
from tasks.clean.judge import Conflict, Decision
from tasks.languages import languages
from tasks.rows import SPLITS

_EXAMPLES = 20
_SHOWN = 200


def report(
    rows: Sequence[Candidate],
    texts: Sequence[str],
    decisions: Mapping[int, Decision],
    conflicts: Sequence[Conflict],
    touched: Mapping[str, int],
    corrections: Mapping[str, Any],
) -> dict[str, Any]:
    """Puts the report together.

    Args:
        rows: all rows.
        texts: the cleaned text of each row, by its place.
        decisions: what became of each row, by its place.
        conflicts: pairs of duplicates with different labels.
        touched: for each rule that is switched on, how many rows it changed.
        corrections: what became of the corrections by hand (`tasks.clean.corrected`).

    Returns:
        Plain values: `rows` (in, and by split and set aside), `not_in_train` (rows by the split that they would
        stand in, had their class a row in train), `set_aside` (rows by kind of reason), `rules`, `corrections` (as
        given, with `old_label`: rows set aside as they duplicate a changed one and have the label that it had),
        `duplicates` (merged rows: equal and near), `conflicts` (counts and examples), `classes` (rows by class and
        split), `lengths` (words and characters of kept rows), `languages` (of a sample of kept rows).
    """
    split = {row.place: decisions[row.place].split for row in rows}
    kept = [texts[row.place] for row in rows if split[row.place] is not None]
    aside = Counter(decision.kind for decision in decisions.values() if decision.split is None)
    by_split = Counter(split.values())
    meant = Counter(decision.meant for decision in decisions.values())
    return {
        "rows": {
            "in": len(rows),
            **{name: by_split[name] for name in SPLITS},
            "set_aside": aside.total(),
        },
        "official_test": any(row.official_test for row in rows),
        "not_in_train": {name: meant[name] for name in ("validation", "test")},
        "set_aside": dict(sorted(aside.items(), key=lambda pair: (-pair[1], pair[0]))),
        "rules": dict(touched),
        "corrections": {
            **corrections,
            "old_label": sum(count for kind, count in aside.items() if kind.endswith(ENDING)),
        },
        "duplicates": {"equal": aside["duplicate"], "near": aside["near duplicate"]},
        "conflicts": _conflicts(conflicts, texts),
        "classes": _classes(rows, split),
        "lengths": {
            "words": lengths([len(text.split()) for text in kept]),
            "characters": lengths([len(text) for text in kept]),
        },
        "languages": languages(kept),
    }


def lengths(values: Sequence[int]) -> dict[str, float]:
    """The spread of lengths: smallest, quartiles, 95th percentile, largest, mean (2 decimals)."""
    points = {"min": 0, "p25": 25, "median": 50, "p75": 75, "p95": 95, "max": 100}
    found = {name: round(float(np.percentile(values, point)), 2) for name, point in points.items()}
    return {**found, "mean": round(float(np.mean(values)), 2)}


def _classes(rows: Sequence[Candidate], split: Mapping[int, str | None]) -> dict[str, dict[str, int]]:
    count = Counter((row.label, split[row.place]) for row in rows if split[row.place] is not None)
    labels = sorted({label for label, _ in count})
    return {label: {name: count[label, name] for name in SPLITS} for label in labels}


def _conflicts(conflicts: Sequence[Conflict], texts: Sequence[str]) -> dict[str, Any]:
    def side(one: Candidate) -> dict[str, str]:
        return {"id": one.id, "label": one.label, "text": texts[one.place][:_SHOWN]}

    examples = [
        {"kept": one.kept, "later": side(one.later), "earlier": side(one.earlier)} for one in conflicts[:_EXAMPLES]
    ]
    kept = sum(one.kept for one in conflicts)
    return {"pairs": len(conflicts), "kept": kept, "set_aside": len(conflicts) - kept, "examples": examples}
