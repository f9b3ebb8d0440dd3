"""Whether more rows would help: how good candidates are that learned from shares of the train rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from tasks import row_curve
from tasks.contestants import Contestant
from tasks.row_curve import Step
from tasks.scores import LOWER_IS_BETTER, Floats, agreement, count
from tasks.select import svg, wording
from tasks.select.bootstrap import Outcome, interval, replicate
from tasks.select.params import SelectParams
from tasks.select.results import present

WIDTH, HEIGHT = 440.0, 280.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 20.0, 30.0, 46.0
_HALF = 0.5  # of the train rows, from which they double
_EPSILON = float(np.finfo(np.float64).eps)  # as probabilities of 0 count in `tasks.scores.log_losses`


@dataclass(frozen=True)
class Point:
    """The metric of the model of one share, on the validation rows.

    Attributes:
        rows: train rows that it learned from.
        low: lower end of the metric's interval.
        high: upper end.
    """

    rows: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class RowCurve:
    """One candidate's learning curve by rows.

    Attributes:
        points: rising by rows; the last one is of all train rows.
        start: the point from which the last doubling is measured: the largest share that is no more than a half.
        gain: by how much the metric is better (also of a loss) with all rows than there.
        low: lower end of the gain's interval, by the paired bootstrap over validation rows.
        high: upper end.
    """

    name: str
    points: list[Point]
    start: Point
    gain: float
    low: float
    high: float

    def sentence(self, metric: str, level: float) -> str:
        """Whether more rows would help."""
        name, end = wording.name(metric), self.points[-1]
        helps = "helped" if self.low > 0 else "did harm" if self.high < 0 else "is not shown to have helped"
        return (
            f"Going from {self.start.rows:,} train rows to all {end.rows:,} {helps}: the {name} of {self.name} goes "
            f"from {wording.measure(self.start.value)} to {wording.measure(end.value)}, a gain of "
            f"{wording.signed(self.gain)} ({wording.percent(level)} interval {wording.signed(self.low)} to "
            f"{wording.signed(self.high)})."
        )

    def as_json(self) -> dict[str, Any]:
        """The form in `reports/selection.json`."""
        gain = {"from_rows": self.start.rows, "value": self.gain, "low": self.low, "high": self.high}
        return {"name": self.name, "points": [vars(point) for point in self.points], "gain": gain}


def read(root: Path, contestants: Iterable[Contestant], params: SelectParams, seed: int) -> list[RowCurve]:
    """The curves of those contestants that have one, in the order given.

    Raises:
        BadInput: if a candidate's file is missing.
    """
    found = []
    for one in contestants:
        if one.block == "candidates":
            _, labels, steps = row_curve.read(present(root, f"{row_curve.FOLDER}/{one.name}.parquet"))
            halves = [number for number, step in enumerate(steps) if step.share <= _HALF]
            if halves:
                found.append(_measured(one.name, labels, steps, halves[-1], params, seed))
    return found


def _measured(
    name: str, labels: Sequence[str], steps: Sequence[Step], half: int, params: SelectParams, seed: int
) -> RowCurve:
    classes = sorted({*labels, *(label for step in steps for label in step.predicted)})
    index = {label: number for number, label in enumerate(classes)}
    actual = np.array([index[label] for label in labels], dtype=np.int64)
    outcomes = [_outcome(step, index) for step in steps]
    values = [_value(actual, some, len(classes), params.metric) for some in outcomes]
    drawn = replicate(actual, outcomes, [params.metric], classes=len(classes), draws=params.draws, seed=seed)
    replicated: Floats = drawn[params.metric]
    ends = [interval(some, params.level) for some in replicated]
    points = [Point(step.rows, value, *end) for step, value, end in zip(steps, values, ends, strict=True)]
    sign = -1.0 if params.metric in LOWER_IS_BETTER else 1.0
    low, high = interval(sign * (replicated[-1] - replicated[half]), params.level)
    return RowCurve(name, points, points[half], sign * (values[-1] - values[half]), low, high)


def _outcome(step: Step, index: dict[str, int]) -> Outcome:
    predicted = np.array([index[label] for label in step.predicted], dtype=np.int64)
    return Outcome(predicted, -np.log(np.clip(step.probabilities, _EPSILON, 1.0)) + 0.0)


def _value(actual: np.ndarray[Any, np.dtype[np.int64]], some: Outcome, classes: int, metric: str) -> float:
    if metric == "log_loss":
        return float(some.losses.mean())
    return float(agreement(count(actual, some.predicted, classes))[metric])


def draw(found: Sequence[RowCurve], metric: str) -> Markup:
    """Draws the first curve with its intervals, and the others thin behind it."""
    first, others = found[0], found[1:]
    ends = [end for point in first.points for end in (point.low, point.high)]
    ends += [point.value for one in others for point in one.points]
    rows = [point.rows for one in found for point in one.points]
    x = svg.Scale(min(rows), max(rows), _LEFT, WIDTH - _RIGHT, logarithmic=True)
    y = svg.Scale(*svg.spread(ends, 0.06), HEIGHT - _BOTTOM, _TOP)
    parts = [part for one in reversed(others) for part in _line(one, x, y, "tied")]
    parts += _line(first, x, y, "winner")
    for point in first.points:
        told = f"{point.rows:,} rows: {point.value:.4f} ({point.low:.4f} to {point.high:.4f})"
        parts.append(svg.line(x(point.rows), y(point.low), x(point.rows), y(point.high), "whisker winner"))
        circle = {"cx": x(point.rows), "cy": y(point.value), "r": 4.5, "class_": "point winner"}
        parts.append(svg.element("circle", svg.element("title", told), **circle))
    values = ", ".join(f"{point.value:.4f} from {point.rows:,}" for point in first.points)
    description = f"{wording.name(metric)} of {first.name} by the train rows that it learned from: {values}"
    return svg.picture(WIDTH, HEIGHT, description, *_axes(first, x, y, metric), *parts)


def _line(one: RowCurve, x: svg.Scale, y: svg.Scale, kind: str) -> list[Markup]:
    path = " ".join(f"{x(point.rows):.1f},{y(point.value):.1f}" for point in one.points)
    return [svg.element("polyline", svg.element("title", one.name), points=path, class_=f"risk {kind}")]


def _axes(first: RowCurve, x: svg.Scale, y: svg.Scale, metric: str) -> Iterable[Markup]:
    bottom = HEIGHT - _BOTTOM
    for value, label in y.ticks():
        yield svg.line(_LEFT, y(value), WIDTH - _RIGHT, y(value), "grid")
        yield svg.text(_LEFT - 8, y(value) + 4, label, "tick", "end")
    yield svg.line(_LEFT, bottom, WIDTH - _RIGHT, bottom, "axis")
    for point in first.points:
        yield svg.text(x(point.rows), bottom + 18, f"{point.rows:,}", "tick", "middle")
    yield svg.text(WIDTH - _RIGHT, HEIGHT - 8, "train rows that it learned from", "title", "end")
    yield svg.text(0.0, 12.0, f"{wording.name(metric)} (validation rows)", "title")
