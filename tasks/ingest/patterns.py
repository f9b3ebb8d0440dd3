"""Plain lines, taken apart by a declared regular expression."""

import re
from collections.abc import Iterator
from typing import Any

from tasks.ingest.lines import Lines
from tasks.ingest.objects import each_line
from tasks.ingest.raw import Item


def pattern_records(lines: Lines, source: str, pattern: str | None) -> Iterator[Item]:
    """Reads one record a line; blank lines are no records.

    Args:
        pattern: matches a whole line; its named groups are the columns. None: the line is the column `text`.
    """
    expression = re.compile("(?P<text>.*)" if pattern is None else pattern)

    def parse(text: str) -> dict[str, Any]:
        match = expression.fullmatch(text)
        if match is None:
            raise ValueError("broken line: it does not match ingest.pattern")
        return match.groupdict()

    return each_line(lines, source, parse)
