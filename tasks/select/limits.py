"""The declared limits: which candidates keep them, and what the others break."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.errors import BadInput
from tasks.select import wording
from tasks.select.evidence import Candidate
from tasks.select.params import Limits

_COSTS = ("size_mb", "latency_ms_p50", "latency_ms_p95", "fit_seconds", "peak_memory_mb")
_FAMILIES = "families"


@dataclass(frozen=True)
class Breach:
    """A limit that a candidate breaks.

    Attributes:
        limit: its key in `select.limits`.
        allowed: the largest cost, or the families.
        found: the candidate's cost, or those of its families that are not allowed.
    """

    limit: str
    allowed: float | tuple[str, ...]
    found: float | tuple[str, ...]

    @property
    def excess(self) -> float:
        """How many times the limit the candidate takes; infinity where no number could be raised."""
        if isinstance(self.found, float) and isinstance(self.allowed, float):
            return self.found / self.allowed
        return math.inf

    @property
    def reason(self) -> str:
        """The breach in words, to go on after the candidate's name."""
        if isinstance(self.found, float) and isinstance(self.allowed, float):
            pair = (self.found, self.allowed)
            found, allowed = (wording.cost(self.limit, value) for value in pair)
            if found == allowed:  # they differ by less than is usually told
                found, allowed = (wording.cost(self.limit, value, exactly=True) for value in pair)
            return f"its {wording.name(self.limit)} of {found} is above {allowed}"
        several = isinstance(self.found, tuple) and len(self.found) > 1
        return (
            f"{_words(self.found)} {'are' if several else 'is'} not among the families allowed ({_words(self.allowed)})"
        )

    @property
    def remedy(self) -> str:
        """What would let the candidate in."""
        if isinstance(self.found, float):
            return f"set select.limits.{self.limit} to {_rounded_up(self.found)} or more"
        return f"add {_words(self.found)} to select.limits.families"

    def as_json(self) -> dict[str, Any]:
        """The form in `reports/selection.json`."""
        allowed, found = (list(one) if isinstance(one, tuple) else one for one in (self.allowed, self.found))
        return {"limit": self.limit, "allowed": allowed, "found": found, "reason": self.reason}


def breaches(candidate: Candidate, limits: Limits) -> tuple[Breach, ...]:
    """The limits that a candidate breaks, in the order of their declaration."""
    found = []
    for key in _COSTS:
        allowed, cost = getattr(limits, key), float(candidate.costs[key])
        if allowed is not None and cost > allowed:
            found.append(Breach(key, float(allowed), cost))
    if limits.families is not None:
        barred = tuple(family for family in candidate.families if family not in limits.families)
        if barred:
            found.append(Breach(_FAMILIES, tuple(limits.families), barred))
    return tuple(found)


def check(candidates: Sequence[Candidate], limits: Limits) -> dict[str, tuple[Breach, ...]]:
    """What each candidate breaks, by name; nothing for those that can be chosen.

    Costs in time and memory are measured, so a candidate near such a limit may be judged otherwise after another
    measurement; reports say by how much each limit is broken.

    Raises:
        BadInput: if every candidate breaks a limit.
    """
    found = {candidate.name: breaches(candidate, limits) for candidate in candidates}
    if all(found.values()):
        # Least in families that are not allowed, then in the worst of its costs.
        name = min(found, key=lambda name: (max(one.excess for one in found[name]), len(found[name]), name))
        reasons = wording.listed([one.reason for one in found[name]])
        remedies = wording.listed([one.remedy for one in found[name]])
        raise BadInput(
            "select.limits",
            "limits that at least one candidate keeps",
            f"that all {len(found)} break one; the nearest is {name}: {reasons}",
            f"{remedies[0].upper()}{remedies[1:]}, or declare candidates that keep the limits.",
        )
    return found


def declared(limits: Limits) -> list[str]:
    """The limits that are declared, in words."""
    costs = [(key, getattr(limits, key)) for key in _COSTS]
    words = [f"{wording.name(key)} at most {wording.cost(key, value)}" for key, value in costs if value is not None]
    return [*words, *([f"families {_words(tuple(limits.families))}"] if limits.families is not None else [])]


def _words(value: float | tuple[str, ...]) -> str:
    return wording.listed(list(value)) if isinstance(value, tuple) else f"{value:g}"


def _rounded_up(value: float) -> str:
    """A cost with three digits that count, never below it."""
    step = 10.0 ** (math.floor(math.log10(value)) - 2)
    return f"{math.ceil(value / step) * step:.6g}"
