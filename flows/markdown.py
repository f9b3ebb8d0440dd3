"""Markdown that the Prefect UI shows as it is meant, whatever is in a cell."""

import re
from collections.abc import Sequence

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!$])")


def plain(text: object) -> str:
    """A text on one line, in which nothing is taken for Markdown or HTML."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """The lines of a table; no lines where there are no rows."""
    if not rows:
        return []
    lines = [headings, ["---"] * len(headings), *([plain(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]
