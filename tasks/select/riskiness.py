"""What is left of the error if the rows that a model is least sure of are not answered: risk against coverage."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tasks import confidence
from tasks.confidence import RiskCoverage
from tasks.select import svg
from tasks.select.choice import Choice
from tasks.select.evidence import Evidence

WIDTH, HEIGHT = 440.0, 310.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 16.0, 28.0, 46.0
_FEW = 0.05  # share of the rows below which the curve jumps with each row, and is not drawn

SHARES = (1.0, 0.9, 0.8, 0.7, 0.5)
"""Coverages whose error the table shows."""


@dataclass(frozen=True)
class Risk:
    """What one candidate gains by not answering.

    Attributes:
        kind: winner or tied.
        area: under its risk-coverage curve; lower is better.
        errors: at each of `SHARES`.
        curve: risk against coverage.
    """

    name: str
    kind: str
    area: float
    errors: list[float]
    curve: RiskCoverage


def read(evidence: Evidence, choice: Choice) -> list[Risk]:
    """The winner, and those tied with the best by the metric, best first."""
    tied = [some.name for some in choice.standings if some.tied and some.name != choice.winner]
    found = []
    for name in (choice.winner, *tied):
        candidate = evidence.named(name)
        curve = confidence.risk_coverage(candidate.confidence, candidate.outcome.predicted == evidence.actual)
        errors = [curve.at(share) for share in SHARES]
        found.append(Risk(name, "winner" if name == choice.winner else "tied", curve.area, errors, curve))
    return found


def draw(found: Sequence[Risk]) -> Markup:
    """Draws the curves: the winner's strong, those of the tied thin behind it."""
    lines = {one.name: _line(one) for one in found}
    highest = max(error for line in lines.values() for _, error in line)
    x = svg.Scale(0.0, 1.0, _LEFT, WIDTH - _RIGHT)
    y = svg.Scale(0.0, 1.08 * highest or 0.05, HEIGHT - _BOTTOM, _TOP)
    parts = [part for one in reversed(found) for part in _drawn(one, lines[one.name], x, y)]
    winner = found[0]
    told = ", ".join(f"{error:.4f} at {share:.0%}" for share, error in zip(SHARES, winner.errors, strict=True))
    description = f"Error of {winner.name} among the rows answered, by the share that is answered: {told}"
    return svg.picture(WIDTH, HEIGHT, description, *_axes(x, y), *parts)


def _line(one: Risk) -> list[tuple[float, float]]:
    return [(coverage, error) for coverage, error, _ in one.curve.thinned(confidence.POINTS) if coverage >= _FEW]


def _drawn(one: Risk, line: Sequence[tuple[float, float]], x: svg.Scale, y: svg.Scale) -> Iterable[Markup]:
    path = " ".join(f"{x(coverage):.1f},{y(error):.1f}" for coverage, error in line)
    title = svg.element("title", f"{one.name}: area {one.area:.4f}")
    yield svg.element("polyline", title, points=path, class_=f"risk {one.kind}")
    if one.kind == "winner":
        for share, error in zip(SHARES, one.errors, strict=True):
            words = svg.element("title", f"{one.name}: error {error:.4f} at {share:.0%} of the rows")
            yield svg.element("circle", words, cx=x(share), cy=y(error), r=4.5, class_="point winner")


def _axes(x: svg.Scale, y: svg.Scale) -> Iterable[Markup]:
    bottom = HEIGHT - _BOTTOM
    for value, label in y.ticks():
        yield svg.line(_LEFT, y(value), WIDTH - _RIGHT, y(value), "grid")
        yield svg.text(_LEFT - 8, y(value) + 4, label, "tick", "end")
    yield svg.line(_LEFT, bottom, WIDTH - _RIGHT, bottom, "axis")
    for value in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        yield svg.text(x(value), bottom + 18, f"{value:.0%}", "tick", "middle")
    yield svg.text(WIDTH - _RIGHT, HEIGHT - 8, "share of the rows that is answered, the surest first", "title", "end")
    yield svg.text(0.0, 12.0, "error among them", "title")
