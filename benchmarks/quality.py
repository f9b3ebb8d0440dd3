"""`python -m benchmarks quality [SET ...]`: what each recipe of benchmarks/recipes.py reaches on test rows."""

import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.recipes import RECIPES, SETS, Recipe
from benchmarks.workspace import Workspace, data


@dataclass(frozen=True)
class Result:
    """What a recipe reached.

    Attributes:
        scores: its metric, one a seed.
        fit_seconds: one a seed; of an ensemble, all its members together.
    """

    recipe: Recipe
    scores: list[float]
    fit_seconds: list[float]

    @property
    def mean(self) -> float:
        """The mean over seeds, which is what is promised."""
        return statistics.fmean(self.scores)

    @property
    def short(self) -> bool:
        """Whether it reached less than was promised."""
        return self.mean < self.recipe.least

    def __str__(self) -> str:
        recipe = self.recipe
        seeds = " ".join(f"{score:.4f}" for score in self.scores)
        seconds = statistics.fmean(self.fit_seconds)
        return (
            f"{recipe.data:18} {recipe.name:22} {recipe.metric:9} {self.mean:7.4f} {recipe.least:7.3f} {seconds:7.0f}"
            f"  {seeds}{'  SHORT' if self.short else ''}"
        )


def main(arguments: list[str]) -> None:
    """Runs the recipes of the sets named, or of all.

    Raises:
        SystemExit: if there is no such set, or a recipe falls short.
    """
    unknown = sorted(set(arguments) - set(SETS))
    if unknown:
        sys.exit(f"no set {', '.join(unknown)}; there are {', '.join(SETS)}")
    print(f"{'set':18} {'recipe':22} {'metric':9} {'mean':>7} {'least':>7} {'fit, s':>7}  each seed", flush=True)
    results = []
    for recipe in RECIPES:
        if not arguments or recipe.data in arguments:
            results.append(run(recipe))
            print(results[-1], flush=True)
    short = [f"{result.recipe.data} {result.recipe.name}" for result in results if result.short]
    if short:
        sys.exit(f"less than promised: {', '.join(short)}")


def run(recipe: Recipe) -> Result:
    """Trains what the recipe declares once a seed, lets its contestant answer the test rows, and prints what it has.

    The pipeline itself would open them for the candidate that wins alone; here the contestant was declared before.
    """
    from benchmarks.answers import on_test

    scores, seconds = [], []
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "workspace", changes(recipe, data(SETS[recipe.data].folder)))
        for seed in recipe.seeds:
            workspace.regraft("run", "combine" if recipe.ensemble else "finetune", *settings(recipe, seed))
            scores.append(on_test(workspace.folder, recipe.contestant).score(recipe.metric))
            fits = [workspace.json(f"costs/fit/{name}.json")["fit_seconds"] for name in recipe.candidates]
            seconds.append(float(sum(fits)))
            print(f"{recipe.data} {recipe.name} seed {seed}: {scores[-1]:.4f} in {seconds[-1]:.0f} s", flush=True)
    return Result(recipe, scores, seconds)


def settings(recipe: Recipe, seed: int) -> list[str]:
    """What `regraft run` is told for one seed: candidates with a seed of their own have other ones in each run."""
    own = {f"candidates.{name}.seed": value.get("seed") for name, value in recipe.candidates.items()}
    values = {"seed": seed} | {key: 100 * seed + number for key, number in own.items() if number is not None}
    return [word for key, value in values.items() for word in ("--set", f"{key}={value}")]


def changes(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """What of `params.yaml` a recipe changes, by dotted key.

    Args:
        folder: holds the files of its data set.
    """
    source = SETS[recipe.data]
    return {
        "ingest.sources": [str(folder / source.train)],
        "ingest.test_sources": [str(folder / source.test)],
        "ingest.columns": {"text": "text", "label": source.label, "time": None, "id": None},
        # No early stopping here depends on the validation rows, so nearly all of the published train rows are learned
        # from, near duplicates included. The published test rows are what they are.
        "clean.split.validation": 0.02,
        "clean.duplicates.near": False,
        "cross_validation.folds": 0,
        "features": recipe.features,
        "candidates": recipe.candidates,
    } | ({"ensembles": {recipe.name: recipe.ensemble}} if recipe.ensemble else {})
