"""The picture of quality against latency, as an image that stands within Markdown."""

import base64
from collections.abc import Mapping
from typing import Any

from tasks.select import scatter, wording

_COST = "latency_ms_p50"
# Colours that can be read on white; the image brings its own ground, as the page around it may be dark.
_STYLE = """<style>
text { font-family: sans-serif; } .tick, .title { fill: #586069; font-size: 12px; }
.name { fill: #1f2328; font-size: 12px; paint-order: stroke; stroke: #fff; stroke-width: 3px; }
.name.winner { fill: #0b57d0; font-weight: 650; } .grid { stroke: #e4e7eb; } .axis { stroke: #8b949e; }
.whisker { stroke: #8b949e; stroke-width: 1.5; opacity: .7; } .whisker.winner { stroke: #0b57d0; }
.point { fill: #8b949e; stroke: #fff; stroke-width: 1.5; } .point.winner { fill: #0b57d0; }
.point.tied { fill: #fff; stroke: #5b7ba8; stroke-width: 2.5; }
.point.barred { fill: none; stroke: #b3261e; stroke-width: 2; }
.front { fill: none; stroke: #5b7ba8; stroke-width: 1.5; stroke-dasharray: 5 3; }
</style><rect width="100%" height="100%" fill="#fff"/>"""


def pareto(selection: Mapping[str, Any]) -> str | None:
    """Markdown with the image for the content of `reports/selection.json`; None where no candidate can be drawn."""
    points = [point for one in selection["candidates"] if (point := _point(one, selection)) is not None]
    if not points:
        return None
    metric = wording.name(selection["metric"])
    # Markup would escape what is put into it.
    drawn = str(scatter.draw(points, metric, f"{wording.name(_COST)} of one row, ms (log scale)", ""))
    start = drawn.index(">") + 1
    # As an image of its own it needs a size: a browser would else take 300 by 150 pixels.
    sized = drawn[: start - 1] + f' width="{scatter.WIDTH:.0f}" height="{scatter.HEIGHT:.0f}">' + _STYLE + drawn[start:]
    data = base64.b64encode(sized.encode()).decode("ascii")
    return f"![{metric} against {wording.name(_COST)}](data:image/svg+xml;base64,{data})"


def _point(one: Mapping[str, Any], selection: Mapping[str, Any]) -> scatter.Point | None:
    measures, cost = one.get(selection["rows"]) or {}, (one.get("cost") or {}).get(_COST)
    interval = measures.get("interval")
    if not interval or not cost:
        return None
    name = one["name"]
    kind = "tied" if one["tied_with_best"] else "other"
    if name == selection["winner"]:
        kind = "winner"
    elif not one["eligible"]:
        kind = "barred"
    return scatter.Point(
        name,
        cost,
        measures[selection["metric"]],
        interval["low"],
        interval["high"],
        kind,
        name in selection["pareto"].get(_COST, []),
    )
