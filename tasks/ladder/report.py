"""`reports/ladder.*`: what the rungs came to, for programs (JSON), colleagues (a page, a picture) and the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks import block, contestants
from tasks.files import read_json, replacing, write_json
from tasks.ladder import comparison, summary, verdict
from tasks.ladder.params import LadderParams
from tasks.ladder.plan import Plan, Planned
from tasks.ladder.rungs import pairs
from tasks.ladder.verdict import Cost
from tasks.records import FOLDER as RECORDS
from tasks.scores import Floats
from tasks.select import evidence, ladder_picture, template
from tasks.select import ladder as ladders
from tasks.select.evidence import Evidence
from tasks.select.ladder import FILE, Gain, Ladder, Rung
from tasks.select.params import SelectParams


@dataclass(frozen=True)
class _Measured:
    """What one recipe came to: the metric by seed, its draws, and what it costs."""

    values: list[float]
    draws: Floats
    fit_seconds: float
    prepare_seconds: float | None
    latency_ms: float


def write(workspace: Path, project: Path, plan: Plan, params: LadderParams, failures: Mapping[str, str]) -> Ladder:
    """Compares the rungs on validation rows and writes the four files. Test rows are not read.

    Args:
        workspace: in which the rungs were made.
        project: whose `reports/` is written to.
        failures: why items failed, by name; at least one rung has none.

    Raises:
        BadInput: if results of a rung that did not fail are missing.
    """
    ladder = compare(workspace, [workspace, project], plan, params, failures)
    write_json(project / FILE, ladder.model_dump())
    pictures = {"picture": ladder_picture.draw(ladder)}
    for name in ("ladder.html", "ladder.md"):
        with replacing(project / FILE.with_name(name)) as partial:
            partial.write_text(template.render(name, ladder=ladder, **pictures), encoding="utf-8")
    with replacing(project / FILE.with_suffix(".svg")) as partial:
        partial.write_text(f"{ladder_picture.draw(ladder, alone=True)}\n", encoding="utf-8")
    return ladder


def compare(
    workspace: Path, records: Sequence[Path], plan: Plan, params: LadderParams, failures: Mapping[str, str]
) -> Ladder:
    """Measures every rung and compares each with the one beside it.

    Args:
        records: workspaces whose records may tell how long encoders and features took, the surest first.
    """
    select = block.read(workspace, "select", SelectParams)
    reasons = [_failure(planned, failures) for planned in plan.rungs]
    good = [planned for planned, reason in zip(plan.rungs, reasons, strict=True) if reason is None]
    names = dict.fromkeys(name for one in good for name in one.candidates)
    found = evidence.read(workspace, [contestants.find(workspace, name) for name in names], "validation")
    draws = comparison.replicates(
        found,
        {one.candidates[0]: one.candidates for one in good},
        select.metric,
        draws=select.draws,
        seed=plan.seeds[0],
    )
    measured = [
        None if reason is not None else _measured(found, planned, select.metric, draws, records)
        for planned, reason in zip(plan.rungs, reasons, strict=True)
    ]
    rungs = []
    for number, (planned, pair) in enumerate(zip(plan.rungs, pairs([one.rung for one in plan.rungs]), strict=True)):
        gain = None
        if pair is not None:
            with_it, without = (measured[index] for index in pair)
            if with_it is not None and without is not None:
                gain = _gain(with_it, without, select, params, plan.seeds[0])
        unchanged = pair is not None and plan.rungs[pair[0]].candidates == plan.rungs[pair[1]].candidates
        rungs.append(_rung(planned, measured[number], gain, unchanged, reasons[number]))
    return Ladder(
        metric=select.metric,
        level=select.level,
        draws=select.draws,
        rows=len(found.actual),
        data=ladders.data(workspace),
        seeds=list(plan.seeds),
        headline=summary.headline(rungs, select.metric),
        sentences=summary.sentences(rungs, select.metric),
        rule=verdict.rule(params.cost_factor, params.least_gain),
        rungs=rungs,
    )


def _failure(planned: Planned, failures: Mapping[str, str]) -> str | None:
    return next((failures[item] for item in planned.items() if item in failures), None)


def _measured(
    found: Evidence, planned: Planned, metric: str, draws: Mapping[str, Floats], records: Sequence[Path]
) -> _Measured:
    candidates = [found.named(name) for name in planned.candidates]
    made = [f"adapt@{name}" for name in planned.encoders] + [f"embed@{planned.features}"]
    prepared = [_seconds(item, records) for item in made]
    known = [seconds for seconds in prepared if seconds is not None]
    return _Measured(
        values=[float(one.validation[metric]) for one in candidates],
        draws=draws[planned.candidates[0]],
        fit_seconds=_mean([one.costs["fit_seconds"] for one in candidates]),
        prepare_seconds=round(sum(known), 3) if len(known) == len(prepared) else None,
        latency_ms=_mean([one.costs["latency_ms_p50"] for one in candidates]),
    )


def _seconds(item: str, records: Sequence[Path]) -> float | None:
    """How long an item took when it last ran, None where that is not known, as when it came from the run cache."""
    for root in records:
        path = root / RECORDS / f"{item}.json"
        if path.is_file():
            record = read_json(path)
            if record["outcome"] == "completed":
                return float(record["seconds"])
    return None


def _gain(with_it: _Measured, without: _Measured, select: SelectParams, params: LadderParams, seed: int) -> Gain:
    from tasks.select.bootstrap import interval

    sign = comparison.sign(select.metric)
    value = sign * (_mean(with_it.values) - _mean(without.values))
    by_seed = [sign * (own - other) for own, other in zip(with_it.values, without.values, strict=True)]
    noise = comparison.seed_noise(by_seed, select.draws, seed)
    low, high = interval(sign * (with_it.draws - without.draws) + noise, select.level)
    costs = _cost(with_it, without), _cost(without, with_it)
    much = verdict.costs_much(*costs, params.cost_factor)
    return Gain(
        value=value,
        low=low,
        high=high,
        better_seeds=sum(difference > 0 for difference in by_seed),
        extra_seconds=round(costs[0].seconds - costs[1].seconds, 3),
        extra_latency_ms=round(costs[0].latency_ms - costs[1].latency_ms, 3),
        word=verdict.word(value, low, high, much, params.least_gain),
    )


def _cost(own: _Measured, other: _Measured) -> Cost:
    """Its cost beside another's: what preparing took counts only where it is known of both."""
    if own.prepare_seconds is None or other.prepare_seconds is None:
        return Cost(own.fit_seconds, own.latency_ms)
    return Cost(own.fit_seconds + own.prepare_seconds, own.latency_ms)


def _rung(planned: Planned, measured: _Measured | None, gain: Gain | None, unchanged: bool, reason: str | None) -> Rung:
    facts: dict[str, Any] = dict.fromkeys(("value", "fit_seconds", "prepare_seconds", "latency_ms"))
    if measured is not None:
        facts = {
            "value": _mean(measured.values),
            "fit_seconds": measured.fit_seconds,
            "prepare_seconds": measured.prepare_seconds,
            "latency_ms": measured.latency_ms,
        }
    return Rung(
        name=planned.rung.name,
        kind=planned.rung.kind,
        strategy=planned.rung.strategy,
        follows=list(planned.rung.follows),
        unchanged=unchanged,
        failed=reason,
        values=[] if measured is None else measured.values,
        gain=gain,
        candidates=list(planned.candidates),
        recipe=planned.recipe,
        **facts,
    )


def _mean(values: Sequence[float]) -> float:
    return float(sum(values) / len(values))
