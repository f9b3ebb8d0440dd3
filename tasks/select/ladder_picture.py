"""The ladder as a picture: how far each rung leads, and what each strategy gives."""

from collections.abc import Sequence

from markupsafe import Markup

from tasks.select import svg, wording
from tasks.select.ladder import Gain, Ladder, Rung, Word

_WIDTH, _TOP, _ROW, _BOTTOM = 860.0, 58.0, 42.0, 42.0
_MIDDLE, _GAP = 460.0, 34.0  # where the right half begins, and what is free left of it
KINDS: dict[Word, str] = {
    "keep": "keep",
    "no difference seen": "unclear",
    "costs more than it gives": "dear",
    "harmful": "harmful",
}
"""The class of each word in the style sheet."""

# Alone, the picture has no page that brings its colours.
_STYLE = """
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; font-size: 12px; fill: #5b6573; }
text.name, text.count { fill: #171b21; } text.title { font-weight: 600; }
.grid { stroke: #e2e6ec; } .axis { stroke: #98a1ae; } .limit { stroke: #5b6573; stroke-dasharray: 4 4; }
.rise { fill: none; stroke: #6b8fd6; stroke-width: 2; } .seed { fill: #98a1ae; opacity: .6; }
.point { stroke: #fff; stroke-width: 1.5; } .point.value { fill: #2458c5; }
.whisker { stroke-width: 1.8; } .point.hollow { fill: #fff; stroke-width: 2.5; }
.whisker.keep { stroke: #1c7a4a; } .point.keep { fill: #1c7a4a; } .point.hollow.keep { fill: #fff; stroke: #1c7a4a; }
.whisker.unclear { stroke: #98a1ae; } .point.unclear { fill: #98a1ae; }
.point.hollow.unclear { fill: #fff; stroke: #98a1ae; }
.whisker.dear { stroke: #b98a00; } .point.dear { fill: #b98a00; } .point.hollow.dear { fill: #fff; stroke: #b98a00; }
.whisker.harmful { stroke: #c2531a; } .point.harmful { fill: #c2531a; }
.point.hollow.harmful { fill: #fff; stroke: #c2531a; }
"""


def draw(ladder: Ladder, alone: bool = False) -> Markup:
    """Draws the climb on the left and, beside each strategy, its gains on the right.

    Args:
        alone: whether it is to be a file of its own, with its colours in it.
    """
    height = _TOP + _ROW * len(ladder.climb) + _BOTTOM
    left = 16.0 + max(svg.text_width(rung.name) for rung in ladder.climb)
    style = [svg.element("style", Markup(_STYLE)), _paper(height)] if alone else []  # noqa: S704
    halves = [_climb(ladder, min(left, 200.0), height), _gains(ladder, height)]
    description = f"{ladder.headline} Left: {wording.name(ladder.metric)} of each rung. Right: gain of each strategy."
    return svg.picture(_WIDTH, height, description, *style, *halves)


def _paper(height: float) -> Markup:
    return svg.element("rect", x=0.0, y=0.0, width=_WIDTH, height=height, fill="#fff")


def _y(row: int) -> float:
    return _TOP + _ROW * (row + 0.5)


def _climb(ladder: Ladder, left: float, height: float) -> Markup:
    values = [value for rung in ladder.climb for value in rung.values]
    low, high = svg.spread(values or [0.0, 1.0], 0.06)
    # Room at the right end, where the values are written.
    x = svg.Scale(low, high + 0.12 * (high - low), left + 8.0, _MIDDLE - _GAP - 24.0)
    parts = [svg.text(left + 8.0, 18.0, f"{wording.name(ladder.metric)}, mean of {len(ladder.seeds)} seeds", "title")]
    parts += _axis(x, height, ladder)
    made = [(row, rung) for row, rung in enumerate(ladder.climb) if rung.value is not None]
    points = [(x(rung.value or 0.0), _y(row)) for row, rung in made]
    if len(points) > 1:
        path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
        path += "".join(f"V{y:.1f}H{at:.1f}" for at, y in points[1:])
        parts.append(svg.element("path", d=path, class_="rise"))
    for row, rung in enumerate(ladder.climb):
        parts.append(svg.text(left, _y(row) + 4.0, rung.name, "name", "end"))
        parts += [svg.element("circle", cx=x(value), cy=_y(row), r=2.5, class_="seed") for value in rung.values]
        if rung.value is None:
            parts.append(svg.text(left + 12.0, _y(row) + 4.0, "failed", "tick"))
            continue
        parts.append(svg.element("circle", cx=x(rung.value), cy=_y(row), r=5.5, class_="point value"))
        parts.append(svg.text(x(rung.value) + 10.0, _y(row) - 6.0, wording.measure(rung.value), "count"))
    return svg.element("g", *parts)


def _axis(x: svg.Scale, height: float, ladder: Ladder) -> list[Markup]:
    bottom = _TOP + _ROW * len(ladder.climb)
    parts = []
    for value, label in x.ticks(4):
        parts.append(svg.line(x(value), _TOP, x(value), bottom, "grid"))
        parts.append(svg.text(x(value), bottom + 16.0, label, "tick", "middle"))
    return parts


def _gains(ladder: Ladder, height: float) -> Markup:
    shown = [rung.gain for rung in ladder.rungs if rung.gain is not None]
    low, high = svg.spread([end for gain in shown for end in (gain.low, gain.high)] + [0.0], 0.06)
    x = svg.Scale(low, high, _MIDDLE, _WIDTH - 14.0)
    level = wording.percent(ladder.level)
    parts = [
        svg.text(_MIDDLE, 18.0, f"what each strategy gives, with its {level} interval", "title"),
        *_legend(),
        *_axis(x, height, ladder),
        svg.line(x(0.0), _TOP, x(0.0), _TOP + _ROW * len(ladder.climb), "limit"),
    ]
    without = {rung.strategy: rung for rung in ladder.ablation}
    for row, rung in enumerate(ladder.climb):
        if rung.strategy is None:
            continue
        parts += _whisker(x, _y(row) - 7.0, rung.gain, hollow=False)
        parts += _whisker(x, _y(row) + 7.0, _of(without.get(rung.strategy)), hollow=True)
    return svg.element("g", *parts)


def _of(rung: Rung | None) -> Gain | None:
    return rung.gain if rung is not None else None


def _legend() -> Sequence[Markup]:
    y = 38.0
    return [
        svg.element("circle", cx=_MIDDLE + 6.0, cy=y - 4.0, r=5.0, class_="point unclear"),
        svg.text(_MIDDLE + 16.0, y, "switched on, on top of those above it", "tick"),
        svg.element("circle", cx=_MIDDLE + 246.0, cy=y - 4.0, r=4.5, class_="point hollow unclear"),
        svg.text(_MIDDLE + 256.0, y, "in the full recipe", "tick"),
    ]


def _whisker(x: svg.Scale, y: float, gain: Gain | None, hollow: bool) -> list[Markup]:
    if gain is None:
        return []
    kind = KINDS[gain.word]
    point = f"point hollow {kind}" if hollow else f"point {kind}"
    told = f"{gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f}): {gain.word}"
    return [
        svg.element(
            "g",
            svg.element("title", told),
            svg.line(x(gain.low), y, x(gain.high), y, f"whisker {kind}"),
            svg.element("circle", cx=x(gain.value), cy=y, r=4.5 if hollow else 5.0, class_=point),
        )
    ]
