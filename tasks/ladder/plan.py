"""The plan of a ladder: the parameters of a workspace in which every rung is a candidate.

Names of items are made of the content of what they are, so that the same recipe reached twice is one item, and a
strategy that changes leaves the items of all rungs without it as they are.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.errors import Problem
from tasks.ladder.params import LadderParams, Patch
from tasks.ladder.recipe import Known, Recipe, Tree, fitting, merged
from tasks.ladder.rungs import Rung, rungs

_FORMS = ("students", "ensembles", "quantized")
_MADE = ("ladder", "encoders", "features", "candidates", *_FORMS, "cross_validation")
# Rungs are compared on validation rows: an adapted encoder has read the texts of the train rows.
_NO_FOLDS = {"folds": 0}
# The ladder shows nothing of robustness, checks, batches and throughput, which take most of the time of an evaluation.
# Throughput is that of one call, so that small calls take little of it.
_UNSEEN = {"robustness_rows": 0, "checks": [], "latency_batches": 1, "latency_batch_rows": 1, "batch_rows": 32}


@dataclass(frozen=True)
class Planned:
    """A rung and the items that make it.

    Attributes:
        recipe: as it stands in the plan, with the names of its items.
        candidates: one a seed.
        features: the feature set that they read.
        encoders: the encoder of the feature set and the one that it starts from, none for plain features.
    """

    rung: Rung
    recipe: Tree
    candidates: tuple[str, ...]
    features: str
    encoders: tuple[str, ...]

    def items(self) -> tuple[str, ...]:
        """The stage items that are this rung's own or shared with others, what is needed first."""
        first = tuple(f"adapt@{name}" for name in reversed(self.encoders))
        last = tuple(f"{stage}@{name}" for stage in ("finetune", "evaluate") for name in self.candidates)
        return (*first, f"embed@{self.features}", *last)


@dataclass(frozen=True)
class Plan:
    """All rungs, and the parameters of the workspace in which they are made.

    Attributes:
        seeds: of the candidates of each rung.
    """

    rungs: list[Planned]
    params: Tree
    seeds: tuple[int, ...]

    def targets(self) -> list[str]:
        """The items that have to be brought up to date, each once."""
        return list(dict.fromkeys(f"evaluate@{name}" for planned in self.rungs for name in planned.candidates))

    def explained(self, problem: Problem) -> Problem:
        """A problem of the plan's parameters, told in terms of the rung in which it arises first."""
        for planned in self.rungs:
            for path, name in _places(planned):
                if problem.path == name or problem.path.startswith(f"{name}."):
                    where = f"ladder, rung `{planned.rung.name}`: {path}{problem.path.removeprefix(name)}"
                    return Problem(where, problem.allowed, problem.given)
        return problem


def make(tree: Mapping[str, Any], params: LadderParams, known: Known) -> Plan:
    """Puts every rung into the parameters of one workspace.

    Args:
        tree: the project's `params.yaml`; everything but the candidates and what they read is taken over.
        known: the keys that each kind of features and each model has.
    """
    own = dict(tree.get("encoders") or {})
    seeds = tuple(int(tree["seed"]) + number for number in range(params.seeds))
    made: Tree = {name: value for name, value in tree.items() if name not in _MADE}
    made |= {"encoders": dict(own), "features": {}, "candidates": {}, **{name: {} for name in _FORMS}}
    made |= {"cross_validation": dict(_NO_FOLDS), "evaluate": {**(tree.get("evaluate") or {}), **_UNSEEN}}
    planned = []
    for rung in rungs(params.strategies):
        patches = [params.plain, *(params.strategies[name] for name in rung.on)]
        planned.append(_planned(rung, fitting(merged(own, patches), known), own, seeds, made))
    made["candidates"] = {name: _without_curve(one, known) for name, one in made["candidates"].items()}
    return Plan(planned, made, seeds)


def unused(params: LadderParams, known: Known) -> list[Problem]:
    """Keys of patches that no recipe with that strategy can have, and encoders that none reads.

    They would be left out of all recipes, so that nothing else could tell that they are wrong.
    """
    found = []
    sets = [set(rung.on) for rung in rungs(params.strategies)]
    read = {str(_raw(params, on).features.get("encoder")) for on in sets}
    declared = {name: encoder for patch in _patches(params).values() for name, encoder in patch.encoders.items()}
    read |= {str(encoder.get("source")) for name, encoder in declared.items() if name in read}
    for name, patch in _patches(params).items():
        at = f"ladder.strategies.{name}" if name else "ladder.plain"
        found += [
            Problem(f"{at}.encoders.{encoder}", "an encoder that a rung's features read", "one that none reads")
            for encoder in patch.encoders
            if encoder not in read
        ]
        for block in ("features", "candidate"):
            decides, fields = known[block]
            recipes = [getattr(_raw(params, on), block) for on in sets if not name or name in on]
            words = {recipe.get(decides) for recipe in recipes}
            if any(word not in fields for word in words):
                continue  # the word itself is wrong, and is told elsewhere
            may = frozenset().union(*(fields[word] for word in words))
            allowed = f"a key of {' or '.join(sorted(words))}"
            found += [
                Problem(f"{at}.{block}.{key}", allowed, "a key that none of them has")
                for key in getattr(patch, block)
                if key not in may
            ]
    return found


def _patches(params: LadderParams) -> dict[str, Patch]:
    """All patches, that of the plain recipe under an empty name."""
    return {"": params.plain, **params.strategies}


def _raw(params: LadderParams, on: set[str]) -> Recipe:
    return merged({}, [patch for name, patch in _patches(params).items() if not name or name in on])


def _planned(rung: Rung, recipe: Recipe, own: Tree, seeds: Sequence[int], made: Tree) -> Planned:
    encoder, encoders = _encoder(str(recipe.features.get("encoder", "none")), recipe.encoders, own, made["encoders"])
    features = {**recipe.features, "encoder": encoder}
    feature_name = f"{features.get('kind')}-{_digest(features)}"
    made["features"][feature_name] = features
    candidate = {**recipe.candidate, "features": feature_name}
    name = f"{candidate.get('model')}-{_digest(candidate)}"
    names = tuple(f"{name}-seed{seed}" for seed in seeds)
    made["candidates"] |= {one: {**candidate, "seed": seed} for one, seed in zip(names, seeds, strict=True)}
    shown = {"encoders": {one: made["encoders"][one] for one in encoders}, "features": features, "candidate": candidate}
    return Planned(rung, shown, names, feature_name, encoders)


def _without_curve(candidate: Tree, known: Known) -> Tree:
    """The candidate without the learning curve by rows, which takes time and is not shown, unless it is asked for."""
    _, keys = known["candidate"]
    return (
        {"learning_curve": [], **candidate}
        if "learning_curve" in keys.get(str(candidate.get("model")), ())
        else candidate
    )


def _encoder(name: str, encoders: Tree, own: Tree, made: Tree, base: bool = False) -> tuple[str, tuple[str, ...]]:
    """The name of an encoder in the plan, after putting it there, and what it starts from.

    Args:
        base: whether it is itself what another one starts from, and so cannot start from a third.
    """
    if name not in encoders:  # `none`, or a name that the check of the whole will refuse
        return name, ()
    definition = encoders[name]
    source = str(definition.get("source"))
    below: tuple[str, ...] = ()
    if source in encoders and not base:
        source, below = _encoder(source, encoders, own, made, base=True)
        definition = {**definition, "source": source}
    if definition == own.get(name):
        return name, (name, *below)
    named = f"{name}-{_digest(definition)}"
    made[named] = definition
    return named, (named, *below)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:8]


def _places(planned: Planned) -> list[tuple[str, str]]:
    """What each item of a rung is called in the ladder's block, and in the plan's parameters."""
    places = [("features", f"features.{planned.features}")]
    places += [("candidate", f"candidates.{name}") for name in planned.candidates]
    return places + [(f"encoders.{name}", f"encoders.{name}") for name in planned.encoders]
