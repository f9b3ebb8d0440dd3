"""The picture of quality against latency: one point a candidate, with its interval."""

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from tasks.select import svg

WIDTH, HEIGHT = 460.0, 350.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 16.0, 28.0, 46.0
_RADIUS = 5.0

Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Point:
    """A candidate: latency in ms, the metric and its interval, and whether it won or is tied with the best."""

    name: str
    latency: float
    value: float
    low: float
    high: float
    kind: str  # winner, tied or other


def draw(points: list[Point], metric: str) -> Markup:
    """Draws the points with their names; where names would overlap, the winner and the tied have precedence."""
    x = _latency_scale([point.latency for point in points])
    ends = svg.spread([end for point in points for end in (point.low, point.high)], 0.06)
    y = svg.Scale(*ends, HEIGHT - _BOTTOM, _TOP)
    marks = [mark for point in points for mark in _mark(point, x, y)]
    description = f"{metric} against median latency of {len(points)} candidates"
    return svg.picture(WIDTH, HEIGHT, description, *_axes(x, y, metric), *marks, *_names(points, x, y))


def _latency_scale(latencies: list[float]) -> svg.Scale:
    low, high = min(latencies), max(latencies)
    # At least a factor of ten is shown, so that small differences do not look large.
    room = max(1.35, (10 * low / high) ** 0.5)
    return svg.Scale(low / room, high * room, _LEFT, WIDTH - _RIGHT, logarithmic=True)


def _axes(x: svg.Scale, y: svg.Scale, metric: str) -> Iterable[Markup]:
    bottom = HEIGHT - _BOTTOM
    for value, label in y.ticks():
        yield svg.line(_LEFT, y(value), WIDTH - _RIGHT, y(value), "grid")
        yield svg.text(_LEFT - 8, y(value) + 4, label, "tick", "end")
    yield svg.line(_LEFT, bottom, WIDTH - _RIGHT, bottom, "axis")
    for value, label in x.ticks(4):
        yield svg.line(x(value), bottom, x(value), bottom + 4, "axis")
        yield svg.text(x(value), bottom + 18, label, "tick", "middle")
    yield svg.text(WIDTH - _RIGHT, HEIGHT - 8, "median latency of one row, ms (log scale)", "title", "end")
    yield svg.text(0.0, 12.0, metric, "title")


def _mark(point: Point, x: svg.Scale, y: svg.Scale) -> Iterable[Markup]:
    at = x(point.latency)
    yield svg.line(at, y(point.low), at, y(point.high), f"whisker {point.kind}")
    title = svg.element("title", f"{point.name}: {point.value:.4f} ({point.low:.4f} to {point.high:.4f})")
    yield svg.element("circle", title, cx=at, cy=y(point.value), r=_RADIUS, class_=f"point {point.kind}")


def _names(points: list[Point], x: svg.Scale, y: svg.Scale) -> Iterable[Markup]:
    taken = [_around(x(point.latency), y(point.value)) for point in points]
    whiskers = [(x(point.latency) - 1, y(point.high), x(point.latency) + 1, y(point.low)) for point in points]
    for point in sorted(points, key=lambda point: ("winner", "tied", "other").index(point.kind)):
        place = (x(point.latency), y(point.value), svg.text_width(point.name))
        # A name over another candidate's interval can be read, one over a point or a name can't.
        box = _free_place(*place, [*taken, *whiskers]) or _free_place(*place, taken)
        if box is not None:
            taken.append(box)
            yield svg.text(box[0], box[3] - 3, point.name, f"name {point.kind}")


def _free_place(x: float, y: float, width: float, taken: list[Box]) -> Box | None:
    near, half = _RADIUS + 4, svg.LINE / 2
    lefts = (x + near, x - near - width, x - width / 2)
    tops = [y - half + shift * svg.LINE for shift in (0, -1, 1, -2, 2, -3, 3)]
    for top in tops:
        for left in lefts:
            box = (left, top, left + width, top + svg.LINE)
            inside = left >= _LEFT and box[2] <= WIDTH and top >= _TOP and box[3] <= HEIGHT - _BOTTOM
            if inside and not any(_overlap(box, other) for other in taken):
                return box
    return None


def _around(x: float, y: float) -> Box:
    return x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
