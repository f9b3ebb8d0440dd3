"""Learning curves: how loss and quality moved while a candidate was trained."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from tasks.select import svg

WIDTH, HEIGHT = 420.0, 240.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 14.0, 26.0, 40.0

LOSSES = {"train_loss": "training loss", "validation_loss": "validation loss"}
QUALITIES = {"validation_accuracy": "validation accuracy", "validation_macro_f1": "validation macro F1"}


def draw(points: Sequence[Mapping[str, Any]], series: Mapping[str, str]) -> Markup | None:
    """Draws some series over epochs; None if none of them has at least two points.

    Args:
        points: of a learning curve, each with `epoch` and some of the series.
        series: keys of the points and what to call them, two at most.
    """
    lines = {key: [(float(p["epoch"]), float(p[key])) for p in points if p.get(key) is not None] for key in series}
    lines = {key: line for key, line in lines.items() if len(line) > 1}
    if not lines:
        return None
    epochs = [epoch for line in lines.values() for epoch, _ in line]
    x = svg.Scale(min(0.0, *epochs), max(epochs), _LEFT, WIDTH - _RIGHT)
    ends = svg.spread([value for line in lines.values() for _, value in line], 0.08)
    y = svg.Scale(*ends, HEIGHT - _BOTTOM, _TOP)
    drawn = [part for number, key in enumerate(series) if key in lines for part in _line(lines[key], x, y, number)]
    description = f"{', '.join(series[key] for key in lines)} over epochs"
    return svg.picture(WIDTH, HEIGHT, description, *_axes(x, y), *_legend(series, lines), *drawn)


def _line(points: list[tuple[float, float]], x: svg.Scale, y: svg.Scale, number: int) -> Iterable[Markup]:
    path = " ".join(f"{x(epoch):.1f},{y(value):.1f}" for epoch, value in points)
    yield svg.element("polyline", points=path, class_=f"curve series{number}")
    if len(points) <= 30:  # more would make a band of dots
        for epoch, value in points:
            title = svg.element("title", f"epoch {epoch:g}: {value:.4f}")
            yield svg.element("circle", title, cx=x(epoch), cy=y(value), r=3.0, class_=f"dot series{number}")


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
