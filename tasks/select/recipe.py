"""How a candidate was made: its model and feature set, its parameters, and the search for better ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.contestants import Contestant
from tasks.ensemble import COMBINATION
from tasks.files import read_json
from tasks.model import CARD
from tasks.select import searched
from tasks.select.searched import Search, Setting, shown

_WEIGHTS = {"none": "", "balanced": "balanced class weights", "sampled": "balanced sampling"}
_NOT_OF_ENSEMBLE = {"members", "method"}  # shown apart
_NOT_SETTINGS = {"features", "model", "search", "class_weight"}  # shown apart


@dataclass(frozen=True)
class Recipe:
    """How one candidate was made.

    Attributes:
        class_weight: what was done about classes of unlike size, empty for nothing.
        settings: parameters that were declared, or found by the search, in their order.
        warnings: what went not as it should in training, a sentence each.
        folds: of its cross-validation, None without.
        clip_norm: the largest norm of all gradients together, None without such a limit.
        clip_value: the largest size of each gradient, None without such a limit.
        members: of an ensemble, the names of its candidates, which then stand in place of the features too.
        is_trained: whether it has a training of its own, as neither an ensemble nor a quantized model has.
    """

    name: str
    model: str
    features: str
    class_weight: str
    settings: list[Setting]
    search: Search | None
    warnings: list[str]
    folds: int | None
    clip_norm: float | None
    clip_value: float | None
    members: tuple[str, ...] = ()
    is_trained: bool = True


def read(root: Path, contestant: Contestant) -> Recipe:
    """Reads how a contestant was made."""
    if contestant.members:
        return _of_ensemble(root, contestant)
    if contestant.is_quantized:
        return _of_quantized(root, contestant)
    name, declared = contestant.name, contestant.params
    card = read_json(root / contestant.folder / CARD)
    params, notes = card["params"], card.get("notes") or {}
    described = card.get("search") or {}
    values: dict[str, Any] = described.get("values") or {}
    names = [key for key in dict.fromkeys([*declared, *values]) if key not in _NOT_SETTINGS]
    weight = params.get("class_weight", "none")
    trials = read_json(root / "plots/search" / f"{name}.json")
    return Recipe(
        name=name,
        model=card["model"],
        features=card["features"]["name"],
        class_weight=_WEIGHTS[weight] if isinstance(weight, str) else f"class weights {shown(weight)}",
        settings=[Setting(key, shown(params[key]), key in values) for key in names if key in params],
        search=searched.read(described, trials) if trials else None,
        warnings=_warnings(notes),
        folds=notes.get("folds"),
        clip_norm=params.get("clip_norm"),
        clip_value=params.get("clip_value"),
    )


def _of_ensemble(root: Path, contestant: Contestant) -> Recipe:
    folder = root / contestant.folder
    how = read_json(folder / COMBINATION)
    members = tuple(how["members"])
    settings = [
        Setting(key, shown(value), False) for key, value in contestant.params.items() if key not in _NOT_OF_ENSEMBLE
    ]
    weighted = zip(members, how.get("weights", ()), strict=False)  # only the method weighted has weights
    settings += [Setting(f"weight of {member}", shown(weight), True) for member, weight in weighted]
    return Recipe(
        name=contestant.name,
        model=f"ensemble ({how['method']})",
        features=", ".join(members),
        class_weight="",
        settings=settings,
        search=None,
        warnings=[],
        folds=read_json(folder / CARD)["notes"].get("folds"),
        clip_norm=None,
        clip_value=None,
        members=members,
        is_trained=False,
    )


def _of_quantized(root: Path, contestant: Contestant) -> Recipe:
    card = read_json(root / contestant.folder / CARD)
    how: dict[str, str] = card["notes"]["quantized"]
    return Recipe(
        name=contestant.name,
        model=f"{card['model']} (ONNX, {how['weights']})",
        features=card["features"]["name"],
        class_weight="",
        settings=[Setting("made of", how["model"], False)],
        search=None,
        warnings=[],
        folds=None,
        clip_norm=None,
        clip_value=None,
        is_trained=False,
    )


def _warnings(notes: Mapping[str, Any]) -> list[str]:
    found = [str(sentence) for sentence in notes.get("gradient_warnings") or []]
    if notes.get("unfreezing_warning"):
        found.append(str(notes["unfreezing_warning"]))
    parts = notes.get("batch_parts")
    if parts:
        found.append(f"Memory ran out: batches were computed in {parts} parts, with as many rows an update as before.")
    return found
