"""Where the winner is weak: its measures on parts of the rows, how steady it is, and what came of the user's checks.

All of it was measured by the stage `evaluate`; here it is put into the words and pictures of the reports.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tasks.files import read_json
from tasks.select import svg, whisker, wording

_ALTERED = {
    "typos": "typing errors (Latin letters)",
    "lower": "small letters",
    "upper": "large letters",
    "punctuation": "no punctuation",
}


@dataclass(frozen=True)
class Slice:
    """A part of the rows.

    Attributes:
        column: that the rows are divided by.
        value: of the column.
        few: whether there are so few rows that the figures say little.
        accuracy: on the part.
        low: lower end of the interval of the accuracy.
        high: upper end.
        macro_f1: on the part, over the classes that occur in it.
        worse: whether there are enough rows, and the whole interval lies below the accuracy on all.
        picture: the accuracy with its interval; None where there are few rows, whose intervals would dwarf the others.
    """

    column: str
    value: str
    rows: int
    few: bool
    accuracy: float
    low: float
    high: float
    macro_f1: float
    worse: bool
    picture: Markup | None


@dataclass(frozen=True)
class Slices:
    """The parts, those of enough rows first, and of these the one with the lowest accuracy.

    Attributes:
        level: of the intervals.
        least: rows below which a part has few.
        accuracy: on all rows.
    """

    level: float
    least: int
    accuracy: float
    parts: list[Slice]

    def weakest(self, most: int) -> list[str]:
        """The parts of enough rows below the accuracy of all rows, each with its figures in words."""
        below = [part for part in self.parts if not part.few and part.accuracy < self.accuracy]
        return [
            f"{part.column} {part.value}: accuracy {wording.measure(part.accuracy)} "
            f"({wording.measure(part.low)} to {wording.measure(part.high)}, {part.rows:,} rows)"
            for part in below[:most]
        ]


@dataclass(frozen=True)
class Steadiness:
    """What one way of altering texts does to the answers.

    Attributes:
        way: in words.
        rows: whose text it changed.
        changed: share of them whose answer is another one then; None without rows, as the accuracies are.
        before: accuracy on them.
        after: the same when they are altered.
    """

    way: str
    rows: int
    changed: float | None
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Behaviour:
    """What is known of a model beyond its measures on all rows.

    Attributes:
        slices: on the rows that the choice was made on.
        steadiness: on altered validation rows.
        altered: how many of these were looked at.
        checks: of each file of the user's, as `metrics/checks/<name>.json` has them.
    """

    slices: Slices
    steadiness: list[Steadiness]
    altered: int
    checks: list[dict[str, Any]]


def read(root: Path, name: str, which: str) -> Behaviour:
    """What `evaluate` wrote of one contestant.

    Args:
        which: validation or out_of_fold, whose slices are wanted.
    """
    steady = read_json(root / f"metrics/robustness/{name}.json")
    return Behaviour(
        slices=_slices(read_json(root / f"metrics/slices/{name}.json")[which]),
        steadiness=[_steadiness(way, found) for way, found in steady["alterations"].items()],
        altered=steady["rows"],
        checks=read_json(root / f"metrics/checks/{name}.json"),
    )


def _slices(found: Mapping[str, Any]) -> Slices:
    intervals: Sequence[Sequence[float]] = [one["accuracy_interval"] for one in found["slices"] if not one["few"]]
    ends = svg.spread([found["accuracy"], *(end for interval in intervals for end in interval)], 0.04)
    parts = [_slice(one, found["accuracy"], ends) for one in found["slices"]]
    return Slices(found["level"], found["slice_rows"], found["accuracy"], parts)


def _slice(one: Mapping[str, Any], overall: float, ends: tuple[float, float]) -> Slice:
    low, high = one["accuracy_interval"]
    worse = high < overall and not one["few"]
    kind = "harmful" if worse else "other"
    return Slice(
        column=one["column"],
        value="none" if one["value"] is None else str(one["value"]),
        rows=one["rows"],
        few=one["few"],
        accuracy=one["accuracy"],
        low=low,
        high=high,
        macro_f1=one["macro_f1"],
        worse=worse,
        picture=None if one["few"] else whisker.draw(one["accuracy"], low, high, ends, kind, overall),
    )


def _steadiness(way: str, found: Mapping[str, Any]) -> Steadiness:
    accuracy = found["accuracy"]
    return Steadiness(_ALTERED.get(way, way), found["rows"], found["changed"], accuracy["before"], accuracy["after"])
