"""A recipe: what one rung is made of, put together from patches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.ladder.params import Patch

Tree = dict[str, Any]
Known = Mapping[str, tuple[str, Mapping[str, frozenset[str]]]]
"""For `features` and `candidate`: the key that decides (`kind`, `model`), and the keys that each of its words has."""


@dataclass(frozen=True)
class Recipe:
    """One way of making a model, without its seed.

    Attributes:
        encoders: those that it can read, by name.
        features: its feature set.
        candidate: its candidate, without `features` and `seed`.
    """

    encoders: Tree
    features: Tree
    candidate: Tree


def merged(encoders: Mapping[str, Any], patches: Sequence[Patch]) -> Recipe:
    """Puts patches over one another, the later ones above.

    Args:
        encoders: those of the project, below all patches.
    """
    tree: Tree = {"encoders": dict(encoders), "features": {}, "candidate": {}}
    for patch in patches:
        tree = _over(tree, {"encoders": patch.encoders, "features": patch.features, "candidate": patch.candidate})
    return Recipe(**tree)


def fitting(recipe: Recipe, known: Known) -> Recipe:
    """The recipe without the keys that its kind of features, or its model, does not have.

    So a strategy can be switched on and off below others that change the model: naive Bayes has no label smoothing.
    Where the kind or the model itself is unknown, all keys stay, for the check of the whole to name it.
    """
    parts = {block: _kept(getattr(recipe, block), block, known) for block in ("features", "candidate")}
    return Recipe(recipe.encoders, **parts)


def _kept(part: Tree, block: str, known: Known) -> Tree:
    decides, fields = known[block]
    word = part.get(decides)
    if not isinstance(word, str) or word not in fields:
        return part
    return {key: value for key, value in part.items() if key in fields[word]}


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> Tree:
    tree = dict(below)
    for key, value in above.items():
        old = tree.get(key)
        tree[key] = _over(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return tree
