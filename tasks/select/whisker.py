"""A value with its interval as a small picture for a table's cell."""

from markupsafe import Markup

from tasks.select import svg

_WIDTH, _HEIGHT = 180.0, 16.0


def draw(
    value: float, low: float, high: float, ends: tuple[float, float], kind: str, mark: float | None = None
) -> Markup:
    """Draws the interval on a scale that all cells of the column share.

    Args:
        ends: of the scale.
        kind: of the point, a class of the style sheet.
        mark: a value that all cells of the column are to be compared with; a line across.
    """
    x = svg.Scale(*ends, 6.0, _WIDTH - 6.0)
    middle = _HEIGHT / 2
    description = f"{value:.4f}, {low:.4f} to {high:.4f}"
    across = [] if mark is None else [svg.line(x(mark), -8.0, x(mark), _HEIGHT + 8, "limit")]
    line = svg.line(x(low), middle, x(high), middle, f"whisker {kind}")
    point = svg.element("circle", cx=x(value), cy=middle, r=4.5, class_=f"point {kind}")
    return svg.picture(_WIDTH, _HEIGHT, description, *across, line, point)
