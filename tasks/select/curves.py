"""Learning curves: how loss, quality and gradients moved while a candidate was trained."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from tasks.select import svg

WIDTH, HEIGHT = 340.0, 220.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 14.0, 26.0, 40.0

LOSSES = {"train_loss": "training loss", "validation_loss": "validation loss"}
QUALITIES = {"validation_accuracy": "validation: accuracy", "validation_macro_f1": "macro F1"}
GRADIENTS = {"norm_max": "gradient norm: largest", "norm_mean": "mean"}

Line = list[tuple[float, float]]


def draw(points: Sequence[Mapping[str, Any]], series: Mapping[str, str]) -> Markup | None:
    """Draws some series over epochs; None if none of them has at least two points.

    Args:
        points: of a learning curve, each with `epoch` and some of the series.
        series: keys of the points and what to call them, two at most.
    """
    lines = _lines(points, series)
    if not lines:
        return None
    ends = svg.spread([value for line in lines.values() for _, value in line], 0.08)
    return _picture(series, lines, svg.Scale(*ends, HEIGHT - _BOTTOM, _TOP), [])


def draw_gradients(points: Sequence[Mapping[str, Any]], limit: float | None) -> Markup | None:
    """Draws the norms of the gradients on a logarithmic scale; None if there are less than two points.

    A norm of 0 has no place on such a scale and is drawn at its lower end.

    Args:
        points: each with `epoch` and the keys of `GRADIENTS`.
        limit: the largest norm that clipping lets through; a line across, where it is within the picture.
    """
    lines = _lines(points, GRADIENTS)
    above = [value for line in lines.values() for _, value in line if value > 0]
    if not above:
        return None
    low, high = min(above), max(above)
    room = max(1.15, (4 * low / high) ** 0.5)  # at least a factor of four is shown
    y = svg.Scale(low / room, high * room, HEIGHT - _BOTTOM, _TOP, logarithmic=True)
    over: list[Markup] = []
    if limit is not None and y.low < limit < y.high:
        over.append(svg.line(_LEFT, y(limit), WIDTH - _RIGHT, y(limit), "limit"))
        # Norms mostly fall, so that there is room below the line on the left.
        over.append(svg.text(_LEFT + 4, y(limit) + 14, f"clipped from {limit:g}", "remark"))
    return _picture(GRADIENTS, lines, y, over)


def _lines(points: Sequence[Mapping[str, Any]], series: Mapping[str, str]) -> dict[str, Line]:
    lines = {key: [(float(p["epoch"]), float(p[key])) for p in points if p.get(key) is not None] for key in series}
    return {key: line for key, line in lines.items() if len(line) > 1}


def _picture(series: Mapping[str, str], lines: Mapping[str, Line], y: svg.Scale, over: list[Markup]) -> Markup:
    epochs = [epoch for line in lines.values() for epoch, _ in line]
    x = svg.Scale(min(0.0, *epochs), max(epochs), _LEFT, WIDTH - _RIGHT)
    drawn = [part for number, key in enumerate(series) if key in lines for part in _line(lines[key], x, y, number)]
    description = f"{', '.join(series[key] for key in lines)} over epochs"
    return svg.picture(WIDTH, HEIGHT, description, *_axes(x, y), *_legend(series, lines), *drawn, *over)


def _line(points: Line, x: svg.Scale, y: svg.Scale, number: int) -> Iterable[Markup]:
    places = [(x(epoch), y(max(value, y.low) if y.logarithmic else value)) for epoch, value in points]
    path = " ".join(f"{left:.1f},{top:.1f}" for left, top in places)
    yield svg.element("polyline", points=path, class_=f"curve series{number}")
    if len(points) <= 30:  # more would make a band of dots
        for (left, top), (epoch, value) in zip(places, points, strict=True):
            title = svg.element("title", f"epoch {epoch:g}: {value:.4g}")
            yield svg.element("circle", title, cx=left, cy=top, r=3.0, class_=f"dot series{number}")


def _axes(x: svg.Scale, y: svg.Scale) -> Iterable[Markup]:
    bottom = HEIGHT - _BOTTOM
    for value, label in y.ticks(4):
        yield svg.line(_LEFT, y(value), WIDTH - _RIGHT, y(value), "grid")
        yield svg.text(_LEFT - 8, y(value) + 4, label, "tick", "end")
    yield svg.line(_LEFT, bottom, WIDTH - _RIGHT, bottom, "axis")
    for value, label in x.ticks(5):
        yield svg.text(x(value), bottom + 17, label, "tick", "middle")
    yield svg.text(WIDTH - _RIGHT, HEIGHT - 6, "epoch", "title", "end")


def _legend(series: Mapping[str, str], lines: Mapping[str, object]) -> Iterable[Markup]:
    left = _LEFT
    for number, (key, words) in enumerate(series.items()):
        if key in lines:
            yield svg.line(left, 9, left + 18, 9, f"curve series{number}")
            yield svg.text(left + 24, 13, words, "title")
            left += 44 + svg.text_width(words)
