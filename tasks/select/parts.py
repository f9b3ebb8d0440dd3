"""The models that a selected model is made of: itself, or the members of the ensemble that it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.ensemble import MEMBERS
from tasks.files import read_json
from tasks.model import CARD


@dataclass(frozen=True)
class Part:
    """A model that reads texts: the winner itself, or a member of the ensemble that it is.

    Attributes:
        name: its place in the ensemble, empty for the winner itself.
        card: its `candidate.json`.
        rules: its own cleaning rules that act.
    """

    name: str
    card: dict[str, Any]
    rules: list[str]


def read(folder: Path) -> list[Part]:
    """The models in a folder that are no ensembles, in the order of their names."""
    found = []
    for file in sorted(folder.rglob(CARD)):
        card = read_json(file)
        if card["family"] != "ensemble":
            places = file.parent.relative_to(folder).parts
            found.append(Part("/".join(place for place in places if place != MEMBERS), card, rules_on(card["rules"])))
    return found


def rules_on(rules: dict[str, Any]) -> list[str]:
    """The cleaning rules that act, as `name` or `name: value`, in the order in which they act."""
    acting = {name: value for name, value in rules.items() if value and value not in ("keep", "none")}
    return [name if value is True else f"{name}: {_listed(value)}" for name, value in acting.items()]


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
