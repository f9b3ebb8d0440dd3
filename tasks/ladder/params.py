"""The block `ladder` of `params.yaml`: a plain recipe, and what each strategy changes in it."""

import re
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from tasks.block import Block

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]*")
_OURS = ("features", "seed")  # of a candidate, which the ladder sets itself


class Patch(Block):
    """Keys that are put into a recipe, deep: a mapping is merged into the one that is there, all else replaces it."""

    encoders: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Merged into `encoders` of `params.yaml`, by name; those that no rung reads are never made."""
    features: dict[str, Any] = Field(default_factory=dict)
    """Of the recipe's one feature set: keys as in `features.<name>`."""
    candidate: dict[str, Any] = Field(default_factory=dict)
    """Of the recipe's candidate: keys as in `candidates.<name>`, without `features` and `seed`."""

    @field_validator("candidate")
    @classmethod
    def _not_ours(cls, candidate: dict[str, Any]) -> dict[str, Any]:
        if any(key in candidate for key in _OURS):
            raise ValueError("keys of a candidate without `features` and `seed`, which the ladder sets")
        return candidate


class Strategy(Patch):
    """One strategy: what it changes when it is on."""

    needs: list[str] = Field(default_factory=list)
    """Strategies, declared above it, without which it makes no sense; where one of them is off, it is off too."""


class LadderParams(Block):
    """The rungs of the ladder: the plain recipe, and each strategy on top of those before it."""

    seeds: int = Field(default=3, ge=3, le=100)
    """Models that each recipe is trained to, from the seeds `seed`, `seed + 1` and so on; more tell luck from gain
    better, and take longer. Feature sets and encoders are made once, with `seed`."""
    least_gain: float = Field(default=0.005, ge=0)
    """The gain, in `select.metric`, below which a strategy must not cost much; higher asks more of dear strategies."""
    cost_factor: float = Field(default=2.0, ge=1)
    """A strategy costs much if the time to train, or to classify one row, grows by more than this factor (and by more
    than ten seconds, or one millisecond); higher minds costs less."""
    plain: Patch
    """The recipe without any strategy."""
    strategies: dict[str, Strategy] = Field(min_length=1, max_length=20)
    """From name to strategy, in the order in which they are switched on."""

    @field_validator("plain")
    @classmethod
    def _whole(cls, plain: Patch) -> Patch:
        if not isinstance(plain.features.get("kind"), str) or not isinstance(plain.candidate.get("model"), str):
            raise ValueError("a recipe with at least features.kind and candidate.model")
        return plain

    @model_validator(mode="after")
    def _needs_stand_above(self) -> Self:
        above: list[str] = []
        for name, strategy in self.strategies.items():
            if not _NAME.fullmatch(name):
                raise ValueError(f"names of strategies of letters, digits, `_` and `-`, not {name!r}")
            missing = [need for need in strategy.needs if need not in above]
            if missing:
                raise ValueError(f"`needs` of {name} among the strategies above it, not {missing[0]}")
            above.append(name)
        return self
