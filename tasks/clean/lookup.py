"""Finds the rows that corrections mean."""

from collections import defaultdict
from collections.abc import Sequence

from tasks.clean.candidate import Candidate, normal
from tasks.clean.corrections import Correction
from tasks.rules import Rules

_AMBIGUOUS = "its text and label mean one row without the other corrections and another one with them"


class Lookup:
    """Rows by id, and by text and label; those of an official test split by id alone.

    Args:
        rows: by place, with their raw labels.
        rules: that the texts were cleaned by.
    """

    def __init__(self, rows: Sequence[Candidate], rules: Rules) -> None:
        self._rows, self._rules = rows, rules
        self._by_id: defaultdict[str, list[int]] = defaultdict(list)
        self._by_content: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for row in rows:
            self._by_id[row.id].append(row.place)
            if not row.official_test:
                self._by_content[row.key, row.label].append(row.place)

    def find(self, corrections: Sequence[Correction]) -> list[tuple[list[int], str]]:
        """For each correction the places of the rows that are meant; where there are none, why.

        A table of `reports/review/` shows the labels that rows had by then, after the corrections of that time. So a
        row that has to be found by text and label is looked for by its raw label, and by the one that another
        correction gives it.
        """
        named = [self._of_id(one) for one in corrections]
        raw = [[] if places else self._of_content(one) for one, places in zip(corrections, named, strict=True)]
        given = self._given(corrections, [some or others for some, others in zip(named, raw, strict=True)])
        found = []
        for number, one in enumerate(corrections):
            reason = "no row has this id"
            if one.text is not None and one.id in self._by_id:
                reason = "the row of this id has another text now"
            places = named[number] or raw[number]
            if not named[number]:
                contents = self._contents(one)
                moved = sorted({at for content in contents for at, by in given.get(content, []) if by != number})
                if moved and places:
                    places, reason = [], f"{reason}, and {_AMBIGUOUS}"
                else:
                    places = places or moved
            found.append((places, reason))
        return found

    def equal(self, place: int) -> list[int]:
        """The places of all rows with the text and the raw label of this one; none for an official test row."""
        row = self._rows[place]
        return [] if row.official_test else self._by_content[row.key, row.label]

    def _of_id(self, correction: Correction) -> list[int]:
        own = self._by_id.get(correction.id, [])
        if correction.text is None:
            return own
        keys = self._keys(correction.text)
        return [place for place in own if {self._rows[place].key, self._rows[place].origin} & keys]

    def _of_content(self, correction: Correction) -> list[int]:
        return sorted({place for content in self._contents(correction) for place in self._by_content.get(content, [])})

    def _contents(self, correction: Correction) -> list[tuple[str, str]]:
        """Text and label as the person saw them; none where the file does not tell both."""
        if correction.text is None or correction.seen is None:
            return []
        return [(key, correction.seen) for key in sorted(self._keys(correction.text))]

    def _keys(self, text: str) -> set[str]:
        # The file may show the raw text, or one that was cleaned by earlier rules.
        return {normal(text), normal(self._rules.apply(text))}

    def _given(
        self, corrections: Sequence[Correction], found: Sequence[list[int]]
    ) -> dict[tuple[str, str], list[tuple[int, int]]]:
        """By text and new label: each row that gets another label, and the number of the correction that gives it."""
        given: defaultdict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        for number, (one, places) in enumerate(zip(corrections, found, strict=True)):
            for place in places:
                row = self._rows[place]
                if one.label is not None and one.label != row.label and not row.official_test:
                    given[row.key, one.label].append((place, number))
        return dict(given)
