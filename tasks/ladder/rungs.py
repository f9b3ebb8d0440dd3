"""The rungs: which strategies are on in each, and which rung each is compared with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tasks.ladder.params import Strategy

Kind = Literal["climb", "ablation"]


@dataclass(frozen=True)
class Rung:
    """One set of strategies.

    Attributes:
        kind: `climb`: its strategy was added to the rung before; `ablation`: taken out of the full recipe.
        strategy: that is switched on or off here; None for the plain recipe.
        on: the strategies that are on, in their order.
        follows: strategies that are off too, as they need the one that is switched off.
    """

    kind: Kind
    strategy: str | None
    on: tuple[str, ...]
    follows: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How people read it."""
        if self.strategy is None:
            return "plain"
        return f"+ {self.strategy}" if self.kind == "climb" else f"all but {self.strategy}"


def rungs(strategies: Mapping[str, Strategy]) -> list[Rung]:
    """The plain recipe, then each strategy on top of those before it, then the full recipe without each."""
    names = list(strategies)
    climb = [Rung("climb", None, ())]
    climb += [Rung("climb", name, tuple(names[: number + 1])) for number, name in enumerate(names)]
    return climb + [_without(name, strategies) for name in names]


def pairs(all_rungs: list[Rung]) -> list[tuple[int, int] | None]:
    """For each rung the two that tell what its strategy gives: with it, and without it. None for the plain recipe."""
    full = max(number for number, rung in enumerate(all_rungs) if rung.kind == "climb")
    found: list[tuple[int, int] | None] = []
    for number, rung in enumerate(all_rungs):
        if rung.strategy is None:
            found.append(None)
        else:
            found.append((number, number - 1) if rung.kind == "climb" else (full, number))
    return found


def _without(name: str, strategies: Mapping[str, Strategy]) -> Rung:
    off = {name}
    for other, strategy in strategies.items():  # what is needed stands above
        if off & set(strategy.needs):
            off.add(other)
    on = tuple(other for other in strategies if other not in off)
    return Rung("ablation", name, on, tuple(other for other in strategies if other in off and other != name))
