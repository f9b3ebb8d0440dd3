"""What the report shows of each candidate's training: pictures, and what went not as it should."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tasks.files import read_json
from tasks.select import curves
from tasks.select.recipe import Recipe
from tasks.select.wording import share


@dataclass(frozen=True)
class Training:
    """The course of one candidate's training.

    Attributes:
        pictures: the learning curves; none for a model that is not trained in epochs.
        gradients: the picture of its gradient norms, None for a model without gradients.
        clipped: a sentence on how many steps were clipped, empty where none can have been.
        warnings: a sentence each.
    """

    name: str
    pictures: list[Markup]
    gradients: Markup | None
    clipped: str
    warnings: list[str]


def read(root: Path, recipes: Sequence[Recipe]) -> list[Training]:
    """The candidates that were trained in epochs or have warnings, in the order given."""
    found = [_one(root, recipe) for recipe in recipes]
    return [one for one in found if one.pictures or one.gradients is not None or one.warnings]


def _one(root: Path, recipe: Recipe) -> Training:
    points, norms = (read_json(root / "plots" / kind / f"{recipe.name}.json") for kind in ("learning", "gradients"))
    drawn = [curves.draw(points, series) for series in (curves.LOSSES, curves.QUALITIES)]
    return Training(
        name=recipe.name,
        pictures=[picture for picture in drawn if picture is not None],
        gradients=curves.draw_gradients(norms, recipe.clip_norm),
        clipped=_clipped(norms, recipe),
        warnings=recipe.warnings,
    )


def _clipped(norms: Sequence[dict[str, Any]], recipe: Recipe) -> str:
    if not norms or (recipe.clip_norm is None and recipe.clip_value is None):
        return ""
    clipped = sum(point["clipped"] * point["steps"] for point in norms) / sum(point["steps"] for point in norms)
    return f"Norms are those before clipping, which acted in {share(clipped)} of the steps."
