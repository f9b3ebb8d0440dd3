"""The rows that a person has corrected, as they were before."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from tasks.clean.candidate import Candidate
from tasks.near import NearIndex, Sketch

ENDING = " of a row corrected by hand"
"""Ends the kind of reason for setting a row aside that duplicates one of these."""


class Former:
    """Labels that a person has taken back, and the texts that had them.

    A duplicate that was merged into a row comes out again when that row gets another label, or goes. It has the label
    that was found wrong, and must not be learned from.

    Args:
        rows: those that were changed, with the labels that they had.
        settled: places of the rows that a correction holds for; these have the labels that a person wants.
        index: an empty one, to find near duplicates; None to look for equal texts only.
    """

    def __init__(self, rows: Iterable[Candidate], settled: Collection[int], index: NearIndex | None) -> None:
        self._rows = {row.place: row for row in rows if row.key}
        self._settled, self._index = settled, index
        self._equal: defaultdict[str, list[int]] = defaultdict(list)
        for row in self._rows.values():
            self._equal[row.key].append(row.place)
            if index is not None:
                index.add(row.place, index.sketch(row.key))

    def duplicated(self, row: Candidate, sketch: Sketch | None) -> Candidate | None:
        """The first changed row that had this row's label and text, or nearly that text; None if there is none.

        Args:
            sketch: of its text; None to look for equal texts only.
        """
        if row.place in self._settled:
            return None
        places = list(self._equal.get(row.key, []))
        if self._index is not None and sketch is not None:
            places += self._index.near(sketch)
        return next((self._rows[place] for place in places if self._rows[place].label == row.label), None)
