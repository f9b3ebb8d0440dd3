"""What a model says of many texts, a batch at a time."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from tasks.errors import BadInput
from tasks.model import SavedModel
from tasks.progress import Progress
from tasks.scores import Floats

Ask = Callable[[Sequence[str], str], Floats]
"""Gives the probabilities [texts, classes] of texts; the second argument is what is shown of the progress."""


def asker(model: SavedModel, batch_rows: int, folder: Path) -> Ask:
    """A function that asks a model.

    Args:
        batch_rows: texts that are predicted in one call.
        folder: of the model, for errors.
    """

    def ask(texts: Sequence[str], what: str) -> Floats:
        progress = Progress(what, len(texts))
        parts = [np.empty((0, len(model.labels)))]
        for start in range(0, len(texts), batch_rows):
            report = partial(_advance, progress, start)
            parts.append(model.predict_proba(texts[start : start + batch_rows], report))
        probabilities = np.concatenate(parts)
        check(probabilities, folder)
        return probabilities

    return ask


def check(probabilities: Floats, where: Path) -> None:
    """Checks that probabilities can be measured.

    Raises:
        BadInput: if one is negative or no number.
    """
    if not np.isfinite(probabilities).all() or (probabilities < 0).any():
        found = "some that are negative or no number"
        fix = "Its training diverged: lower the candidate's learning rate, then run again."
        raise BadInput(str(where), "probabilities", found, fix)


def _advance(progress: Progress, start: int, done: int) -> None:
    progress.update(start + done)
