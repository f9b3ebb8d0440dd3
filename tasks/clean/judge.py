"""Decides for each row: into which split, or set aside and why."""

from collections import defaultdict
from dataclasses import dataclass, field

from tasks.clean.candidate import Candidate
from tasks.clean.former import ENDING, Former
from tasks.clean.sides import Side
from tasks.near import NearIndex, Sketch


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a row.

    Attributes:
        split: train, validation or test; None if the row is set aside.
        kind: the kind of reason for setting it aside, the same text for all such rows.
        reason: the reason in full.
        near: the row that it duplicates, where there is one.
        meant: the split that it would stand in, had its class a row in train.
    """

    split: str | None
    kind: str = ""
    reason: str = ""
    near: Candidate | None = None
    meant: str | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A row, an earlier one that it duplicates with another label, and whether the later one was kept."""

    later: Candidate
    earlier: Candidate
    kept: bool


@dataclass
class Judge:
    """Judges rows one after the other; each is held against those that were kept before it.

    What holds for any rows in any order: near duplicates never stand in two splits, since the later of such a
    pair is set aside; and no row ever stands in another split than `side` gives it, so that rows which come later
    can at most put one aside.

    Args:
        side: gives the split of a row.
        index: finds near duplicates; None to look for equal texts only.
        keep_conflicts: whether a duplicate with another label is kept where both are on the same side.
        former: rows that were corrected by hand; a duplicate with the label that they had is set aside.
    """

    side: Side
    index: NearIndex | None
    keep_conflicts: bool
    former: Former | None = None
    conflicts: list[Conflict] = field(default_factory=list)
    _kept: dict[int, tuple[Candidate, str]] = field(default_factory=dict)
    _equal: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def one(self, row: Candidate) -> Decision:
        """Judges the next row; they come in the order of `in_order`."""
        if not row.key:
            return Decision(None, "empty after the rules", "empty after the rules of clean.rules")
        split = self.side(row)
        if split is None:
            return Decision(None, "no time", "no time, which the split by time needs")
        sketch = None if self.index is None else self.index.sketch(row.key)
        if not row.official_test:  # of an official test split every row counts
            decision = self._against_kept(row, split, sketch)
            if decision is not None:
                return decision
        self._kept[row.place] = (row, split)
        self._equal[row.key].append(row.place)
        if self.index is not None and sketch is not None:
            self.index.add(row.place, sketch)
        return Decision(split)

    def _against_kept(self, row: Candidate, split: str, sketch: Sketch | None) -> Decision | None:
        places = list(self._equal.get(row.key, []))
        if self.index is not None and sketch is not None:
            places += [place for place in self.index.near(sketch) if place not in places]
        found = [self._kept[place] for place in places]
        for other, _ in found:
            if other.label == row.label:
                kind = "duplicate" if other.key == row.key else "near duplicate"
                return Decision(None, kind, f"{kind} of {other.id}", other)
        before = None if self.former is None else self.former.duplicated(row, sketch)
        if before is not None:
            kind = "duplicate" if before.key == row.key else "near duplicate"
            return Decision(None, kind + ENDING, f"{kind} of {before.id}, which was corrected by hand", before)
        elsewhere = [pair for pair in found if pair[1] != split]
        kept = self.keep_conflicts and not elsewhere
        self.conflicts += [Conflict(row, other, kept) for other, _ in found]
        if not found or kept:
            return None
        other, where = (elsewhere or found)[0]
        reason = f"conflicting label: near to {other.id}, which is {other.label!r} in {where}"
        return Decision(None, "conflicting label", reason, other)
