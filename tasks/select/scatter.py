"""The picture of quality against a cost: one point a candidate, with its interval, and the Pareto front."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tasks.select import svg

WIDTH, HEIGHT = 460.0, 350.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 16.0, 28.0, 46.0
_RADIUS = 5.0

Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Point:
    """A candidate.

    Attributes:
        cost: above 0, on the horizontal axis.
        value: its metric.
        low: lower end of the metric's interval.
        high: upper end.
        kind: winner, tied, other or barred (beyond the limits).
        on_front: whether it is on the Pareto front.
    """

    name: str
    cost: float
    value: float
    low: float
    high: float
    kind: str
    on_front: bool = False


def draw(points: Sequence[Point], metric: str, axis: str, description: str) -> Markup:
    """Draws the points with their names; where names would overlap, the winner and the tied have precedence.

    Points on the front are diamonds, joined by steps: a candidate below the steps is beaten. Those beyond the limits
    are crosses.

    Args:
        metric: the words above the vertical axis.
        axis: the words under the horizontal one.
        description: what is to be seen, for those who cannot see it.
    """
    x = _cost_scale([point.cost for point in points])
    ends = svg.spread([end for point in points for end in (point.low, point.high)], 0.06)
    y = svg.Scale(*ends, HEIGHT - _BOTTOM, _TOP)
    marks = [mark for point in points for mark in _mark(point, x, y)]
    drawn = [*_axes(x, y, metric, axis), *_steps(points, x, y), *marks, *_names(points, x, y)]
    return svg.picture(WIDTH, HEIGHT, f"{metric} against {axis}, {len(points)} candidates. {description}", *drawn)


def _cost_scale(costs: list[float]) -> svg.Scale:
    low, high = min(costs), max(costs)
    # At least a factor of ten is shown, so that small differences do not look large.
    room = max(1.35, (10 * low / high) ** 0.5)
    return svg.Scale(low / room, high * room, _LEFT, WIDTH - _RIGHT, logarithmic=True)


def _axes(x: svg.Scale, y: svg.Scale, metric: str, axis: str) -> Iterable[Markup]:
    bottom = HEIGHT - _BOTTOM
    for value, label in y.ticks():
        yield svg.line(_LEFT, y(value), WIDTH - _RIGHT, y(value), "grid")
        yield svg.text(_LEFT - 8, y(value) + 4, label, "tick", "end")
    yield svg.line(_LEFT, bottom, WIDTH - _RIGHT, bottom, "axis")
    for value, label in x.ticks(4):
        yield svg.line(x(value), bottom, x(value), bottom + 4, "axis")
        yield svg.text(x(value), bottom + 18, label, "tick", "middle")
    yield svg.text(WIDTH - _RIGHT, HEIGHT - 8, axis, "title", "end")
    yield svg.text(0.0, 12.0, metric, "title")


def _steps(points: Sequence[Point], x: svg.Scale, y: svg.Scale) -> Iterable[Markup]:
    front = sorted((x(point.cost), y(point.value)) for point in points if point.on_front)
    corners = front[:1]
    for at, height in front[1:]:
        corners += [(at, corners[-1][1]), (at, height)]
    if len(front) > 1:
        yield svg.element("polyline", points=_path(corners), class_="front")


def _mark(point: Point, x: svg.Scale, y: svg.Scale) -> Iterable[Markup]:
    at, height, kind = x(point.cost), y(point.value), f"point {point.kind}"
    yield svg.line(at, y(point.low), at, y(point.high), f"whisker {point.kind}")
    remark = {"winner": ", chosen", "tied": ", tied", "barred": ", beyond the limits"}.get(point.kind, "")
    front = ", on the front" if point.on_front else ""
    title = svg.element(
        "title", f"{point.name}: {point.value:.4f} ({point.low:.4f} to {point.high:.4f}){remark}{front}"
    )
    if point.kind == "barred":
        arm = _RADIUS - 1
        ends = [(at + across * arm, height + down * arm) for across, down in ((-1, -1), (1, 1), (-1, 1), (1, -1))]
        lines = [svg.line(*ends[one], *ends[one + 1], kind) for one in (0, 2)]
        yield svg.element("g", title, *lines)
    elif point.on_front:
        arm = _RADIUS + 1.5
        corners = [(at, height - arm), (at + arm, height), (at, height + arm), (at - arm, height)]
        yield svg.element("polygon", title, points=_path(corners), class_=kind)
    else:
        yield svg.element("circle", title, cx=at, cy=height, r=_RADIUS, class_=kind)


def _path(corners: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{across:.1f},{down:.1f}" for across, down in corners)


def _names(points: Sequence[Point], x: svg.Scale, y: svg.Scale) -> Iterable[Markup]:
    taken = [_around(x(point.cost), y(point.value)) for point in points]
    whiskers = [(x(point.cost) - 1, y(point.high), x(point.cost) + 1, y(point.low)) for point in points]
    for point in sorted(points, key=lambda point: ("winner", "tied", "other", "barred").index(point.kind)):
        place = (x(point.cost), y(point.value), svg.text_width(point.name))
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
