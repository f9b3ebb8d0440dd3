"""Why a candidate was chosen, in sentences: limits, the best, ties with it, costs."""

from collections.abc import Sequence

from tasks.select import limits as limiting
from tasks.select import wording
from tasks.select.evidence import Evidence
from tasks.select.params import SelectParams
from tasks.select.standing import Comparison, Standing

_TOLD = 3  # ties that get a sentence each; more share one
_NAMED = 6  # candidates beyond the limits that are told one by one


def limits(standings: Sequence[Standing], params: SelectParams) -> list[str]:
    """Which limits were declared, and who breaks them; nothing where there is none."""
    declared = limiting.declared(params.limits)
    if not declared:
        return []
    start = f"Limits come first: {wording.listed(declared)}."
    out = [some for some in standings if not some.eligible]
    if not out:
        kept = "The only candidate keeps" if len(standings) == 1 else f"All {len(standings)} candidates keep"
        return [f"{start} {kept} them."]
    each = [f"{some.name} ({wording.listed([breach.reason for breach in some.breaches])})" for some in out[:_NAMED]]
    each += [f"{len(out) - _NAMED} more"] if len(out) > _NAMED else []
    verb = "is" if len(out) == 1 else "are"
    told = [f"{start} {len(out)} of {len(standings)} candidates {verb} beyond them: {wording.listed(each)}."]
    if not standings[0].eligible:
        best = standings[0]
        told.append(
            f"Without the limits, {best.name} would be the best, with a {wording.name(params.metric)} of "
            f"{wording.measure(best.value)}."
        )
    return told


def best(standings: Sequence[Standing], params: SelectParams, evidence: Evidence) -> list[str]:
    """Which candidate has the best metric, and on which rows."""
    able = [some for some in standings if some.eligible]
    first, metric = able[0], wording.name(params.metric)
    limited = len(able) < len(standings)
    if len(able) == 1:
        which = f"is the only candidate{' that keeps the limits' if limited else ''} and"
    else:
        which = f"is the best of {len(able)} candidates{' that keep the limits' if limited else ''}: it"
    sentence = (
        f"{first.name} {which} reaches a {metric} of {wording.measure(first.value)} on {len(evidence.actual):,} "
        f"{wording.ROWS[evidence.rows]} ({wording.percent(params.level)} interval {_range(first.low, first.high)})."
    )
    if evidence.rows == "validation":
        return [sentence]
    validation = int(evidence.candidates[0].validation["rows"])
    return [
        sentence,
        f"Out of fold: each train row was predicted by a model that was not shown it. That is {len(evidence.actual):,} "
        f"rows to compare on, in place of {validation:,} validation rows.",
    ]


def ties(standings: Sequence[Standing], comparison: Comparison, params: SelectParams) -> list[str]:
    """Which candidates the test cannot tell from the best, and the nearest of the others."""
    compared = [some for some in standings if some.corrected_p is not None]
    tied = [some for some in compared if some.tied]
    clear = [some for some in compared if not some.tied]
    told = _many_tied(tied, comparison) if len(tied) > _TOLD else [_tied(some, comparison, params) for some in tied]
    if clear:
        nearest = clear[0]
        start = (
            f"{nearest.name} is clearly"
            if len(clear) == 1
            else f"The other {len(clear)} are clearly worse; of them, the nearest is {nearest.name},"
        )
        told.append(
            f"{start} behind by {wording.measure(nearest.behind)} ({_interval(nearest, params)}; {_p(nearest)} by "
            f"{method(comparison)}).{_odd(nearest)}"
        )
    return told


def method(comparison: Comparison) -> str:
    """The test and its correction, for the middle of a sentence."""
    name = f"the paired bootstrap ({comparison.draws:,} draws)"
    name = "the exact McNemar test" if comparison.test == "mcnemar" else name
    if comparison.count < 2:
        return name
    if comparison.correction == "none":
        return f"{name}, not corrected for the {comparison.count} comparisons"
    return f"{name}, corrected for {comparison.count} comparisons by the Holm method"


def cheapest(affordable: Sequence[Standing], tied: Sequence[Standing], params: SelectParams) -> list[str]:
    """How the cost decides among the tied; nothing where the best stands alone.

    Args:
        affordable: those of the tied whose cost counts as the lowest, best first.
    """
    if len(tied) == 1:
        return []
    winner, kind = affordable[0], wording.name(params.cost)
    others = wording.listed([_priced(some, params) for some in tied if some is not winner])
    start = f"Among the tied, the lowest {kind} decides: {_priced(winner, params)}, {others}"
    if len(affordable) == 1:
        return [f"{start}; so {winner.name} wins."]
    lowest = wording.cost(params.cost, min(some.cost for some in tied))
    return [
        f"{start}. Up to {params.cost_tolerance:g} times the lowest ({lowest}) counts as equal, which holds for "
        f"{wording.listed([some.name for some in affordable])}; of them {winner.name} has the best "
        f"{wording.name(params.metric)}, so it wins."
    ]


def aside(evidence: Evidence) -> list[str]:
    """Who could not be compared at all, and what to do about it."""
    return [f"{one.name} does not compete: it {one.reason}." for one in evidence.aside]


def _tied(some: Standing, comparison: Comparison, params: SelectParams) -> str:
    return (
        f"{some.name} is tied with it: its {wording.name(params.metric)} of {wording.measure(some.value)} is "
        f"{wording.measure(some.behind)} worse ({_interval(some, params)}), but {_p(some)} by {method(comparison)}, "
        f"so it may be as good.{_odd(some)}"
    )


def _many_tied(tied: Sequence[Standing], comparison: Comparison) -> list[str]:
    each = [
        f"{some.name} by {wording.measure(some.behind)} ({_range(some.behind_low, some.behind_high)}; {_p(some)})"
        for some in tied
    ]
    odd = " Where an interval lies above 0, it stands for one comparison alone; ties go by the corrected test."
    return [
        f"{len(tied)} others are tied with it: they are worse, but {method(comparison)}, cannot tell them from it, so "
        f"they may be as good: {wording.listed(each)}.{odd if any(some.behind_low > 0 for some in tied) else ''}"
    ]


def _odd(some: Standing) -> str:
    """What is to be said where interval and test seem to disagree."""
    if some.tied == (some.behind_low <= 0):
        return ""
    if not some.tied:
        return " The interval, which is of a bootstrap, reaches down to 0; what is tied goes by the test."
    alone = f", of one comparison by itself (p {_stated(some.p_value)})" if some.p_value != some.corrected_p else ""
    return f" The interval, which lies above 0, is of a bootstrap{alone}; what is tied goes by the test."


def _p(some: Standing) -> str:
    return f"p {_stated(some.corrected_p)}"


def _stated(p_value: float | None) -> str:
    shown = wording.p_value(p_value)
    return shown if shown.startswith("below") else f"= {shown}"


def _interval(some: Standing, params: SelectParams) -> str:
    return f"{wording.percent(params.level)} interval {_range(some.behind_low, some.behind_high)}"


def _priced(some: Standing, params: SelectParams) -> str:
    return f"{some.name} {wording.cost(params.cost, some.cost)}"


def _range(low: float, high: float) -> str:
    return f"{wording.measure(low)} to {wording.measure(high)}"
