"""The Pareto pictures: quality against latency, and against size, with the candidates that none beats on both."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tasks.scores import LOWER_IS_BETTER
from tasks.select import scatter, wording
from tasks.select.choice import Choice
from tasks.select.evidence import Evidence
from tasks.select.standing import Standing

AXES = {
    "latency_ms_p50": "median latency of one row, ms (log scale)",
    "size_mb": "size on disk, MB (log scale)",
}
"""The costs that quality is drawn against, with the words under the axis."""


@dataclass(frozen=True)
class Front:
    """Quality against one cost.

    Attributes:
        cost: its key.
        names: the candidates on the front, from the lowest cost up.
        picture: all candidates as points, with the front marked.
        sentence: what the picture shows, for those who cannot see it.
    """

    cost: str
    names: list[str]
    picture: Markup
    sentence: str


def fronts(evidence: Evidence, choice: Choice, metric: str) -> list[Front]:
    """The picture for each of `AXES`; candidates beyond the limits are drawn, but take no part in the front."""
    return [_front(evidence, choice, metric, cost) for cost in AXES]


def undominated(points: Sequence[tuple[float, float]]) -> list[int]:
    """The places of the points that no other one beats: is as good in both, and better in one.

    Args:
        points: cost (lower is better) and quality (higher is better) of each.

    Returns:
        The places, from the lowest cost up; of equal points all are there.
    """
    places = [
        place
        for place, (cost, quality) in enumerate(points)
        if not any(
            other_cost <= cost and other >= quality and (other_cost, other) != (cost, quality)
            for other_cost, other in points
        )
    ]
    return sorted(places, key=lambda place: (points[place], place))


def kind(standing: Standing, choice: Choice) -> str:
    """How a candidate is marked: winner, tied, other, or barred for one beyond the limits."""
    if standing.name == choice.winner:
        return "winner"
    if not standing.eligible:
        return "barred"
    return "tied" if standing.tied else "other"


def _front(evidence: Evidence, choice: Choice, metric: str, cost: str) -> Front:
    able = [some for some in choice.standings if some.eligible]
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    spent = {some.name: float(evidence.named(some.name).costs[cost]) for some in choice.standings}
    names = [able[place].name for place in undominated([(spent[some.name], sign * some.value) for some in able])]
    points = [
        scatter.Point(
            name=some.name,
            cost=spent[some.name],
            value=some.value,
            low=some.low,
            high=some.high,
            kind=kind(some, choice),
            on_front=some.name in names,
        )
        for some in choice.standings
    ]
    sentence = _sentence(names, choice, metric, cost)
    return Front(cost, names, scatter.draw(points, wording.name(metric), AXES[cost], sentence), sentence)


def _sentence(names: list[str], choice: Choice, metric: str, cost: str) -> str:
    among = f"{wording.name(metric)} and {wording.name(cost)}"
    if len(names) == 1:
        return f"Pareto front of {among}: {names[0]} alone, which is as good as any other on both."
    barred = any(not some.eligible for some in choice.standings)
    remark = "; those beyond the limits do not count" if barred else ""
    return (
        f"Pareto front of {among}, from the lowest {wording.name(cost)} up: {wording.listed(names)}. No candidate "
        f"beats one of these on both{remark}."
    )
