"""The confusion matrix as a picture that can still be read with a hundred classes."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from tasks.scores import Ints
from tasks.select import svg

_NAMED = 30  # up to so many classes names fit beside the matrix; with more, numbers stand there
_SIDE = 520.0  # of the matrix, in px


def draw(matrix: Ints, classes: Sequence[str]) -> Markup:
    """Draws the matrix; a cell is as strong as its share of the rows of its class.

    Args:
        matrix: rows of each class that were predicted as each class [actual, predicted].
    """
    named = len(classes) <= _NAMED
    labels = [_short(name) for name in classes]
    margin = 12 + max(svg.text_width(label) for label in labels) if named else 34.0
    top = 24.0 + (0.75 * margin if named else 14.0)
    cell = _SIDE / len(classes)
    parts = [*_frame(margin, top), *_cells(matrix, classes, margin, top, cell)]
    parts += _names(labels, margin, top, cell) if named else _numbers(len(classes), margin, top, cell)
    width = margin + _SIDE + (0.6 * margin if named else 8.0)  # the last slanted name needs room on the right
    return svg.picture(width, top + _SIDE + 6, f"Confusion matrix of {len(classes)} classes", *parts)


def _frame(margin: float, top: float) -> Iterable[Markup]:
    yield svg.element("rect", x=margin, y=top, width=_SIDE, height=_SIDE, class_="frame")
    yield svg.text(0, 12, "rows: actual, columns: predicted", "title")


def _cells(matrix: Ints, classes: Sequence[str], margin: float, top: float, cell: float) -> Iterable[Markup]:
    gap = 1.0 if cell > 12 else 0.0
    for row, counts in enumerate(matrix.tolist()):
        total = sum(counts)
        for column, count in enumerate(counts):
            if not count:
                continue
            share = count / total
            title = svg.element("title", f"{classes[row]} as {classes[column]}: {count:,} of {total:,}")
            left, upper = margin + column * cell, top + row * cell
            # Rare confusions must still be seen, hence the floor.
            strength = f"{0.18 + 0.82 * share:.2f}"
            yield svg.element(
                "rect", title, x=left + gap / 2, y=upper + gap / 2, width=cell - gap, height=cell - gap,
                class_="right" if row == column else "wrong", fill_opacity=strength,
            )  # fmt: skip
            if cell >= 24:
                kind = "count strong" if share > 0.5 else "count"
                yield svg.text(left + cell / 2, upper + cell / 2 + 4, f"{count:,}", kind, "middle")


def _names(labels: Sequence[str], margin: float, top: float, cell: float) -> list[Markup]:
    parts = []
    for number, label in enumerate(labels):
        middle = (number + 0.5) * cell
        parts.append(svg.text(margin - 6, top + middle + 4, label, "tick", "end"))
        x, y = margin + middle, top - 6
        turn = f"rotate(-45 {x:.1f} {y:.1f})"
        parts.append(svg.element("text", label, x=x, y=y, class_="tick", transform=turn))
    return parts


def _numbers(classes: int, margin: float, top: float, cell: float) -> list[Markup]:
    parts = []
    step = 10 if classes <= 200 else 50
    for number in [1, *range(step, classes + 1, step)]:
        middle = (number - 0.5) * cell
        parts.append(svg.text(margin - 6, top + middle + 4, str(number), "tick", "end"))
        parts.append(svg.text(margin + middle, top - 6, str(number), "tick", "middle"))
    return parts


def _short(name: str) -> str:
    return name if len(name) <= 22 else name[:21] + "…"
