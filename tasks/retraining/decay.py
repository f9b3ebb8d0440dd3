"""Whether the champion answers new rows worse than it did those of its own time."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks import learned_rows, model
from tasks.compute import Compute
from tasks.errors import BadInput
from tasks.files import read_json
from tasks.learned_rows import Hashes
from tasks.progress import Progress
from tasks.retraining.proportions import fisher, newcombe
from tasks.retraining.shift import Shift, figure, percent
from tasks.retraining.window import Window
from tasks.rules import Rules
from tasks.scores import Ints

CLEANING = "cleaning.json"
_BATCH_ROWS = 1024  # rows a call, so that memory does not grow with them


@dataclass(frozen=True)
class Asked:
    """The rows of one side that the champion is asked.

    Attributes:
        rows: that it has not learned from, and whose label it knows.
        learned: how many it has learned from.
        unknown: of the others, how many have a label that it does not know.
        right: how many of the rows it has right; filled in when it has answered.
    """

    rows: Window
    learned: int
    unknown: int
    right: int = 0

    @property
    def accuracy(self) -> float:
        """The share of the rows that it has right."""
        return self.right / len(self.rows)


@dataclass(frozen=True)
class Decay:
    """What became of the champion's accuracy.

    It is accuracy whatever `select.metric` is: a mean over rows, which has a test and an interval that hold for few of
    them, and which a class that only one side has does not change.

    Attributes:
        before: earlier rows.
        after: new rows.
        low: lower end of the interval of the change, new minus earlier.
        high: its upper end.
        level: its confidence.
        shift: as a test of drift.
    """

    before: Asked
    after: Asked
    low: float
    high: float
    level: float
    shift: Shift

    def as_json(self) -> dict[str, Any]:
        """The form in the report (see `tasks.retraining.drift`)."""
        sides = {"before": self.before, "after": self.after}
        return {
            "metric": "accuracy",
            **{name: figure(side.accuracy) for name, side in sides.items()},
            "low": figure(self.low),
            "high": figure(self.high),
            "level": self.level,
            "rows": {name: len(side.rows) for name, side in sides.items()},
            "learned": {name: side.learned for name, side in sides.items()},
            "unknown_labels": {name: side.unknown for name, side in sides.items()},
        }


def find(
    folder: Path,
    before: Window,
    after: Window,
    *,
    threshold: float,
    min_rows: int,
    max_rows: int,
    level: float,
    random: np.random.Generator,
    computing: Compute,
) -> Decay | str:
    """Asks the champion the rows of both sides that it has not learned from, and compares.

    Of the earlier rows those are left that were held out from it for its test. The test is Fisher's exact one,
    one-sided; the interval is Newcombe's.

    Args:
        folder: of the champion.
        before: rows of the time that it learned from.
        after: new rows.
        threshold: the least fall of the accuracy that counts.
        min_rows: that each side must have.
        max_rows: of each side that it is asked, at most.
        level: confidence of the interval.

    Returns:
        What was found, or a sentence that says why nothing could be.

    Raises:
        BadInput: if the folder holds no champion.
    """
    if not (folder / model.CARD).is_file() or not (folder / CLEANING).is_file():
        found = f"a folder without {model.CARD} or {CLEANING}" if folder.is_dir() else "no such folder"
        raise BadInput(str(folder), "a champion", found, "Give the folder models/champion.")
    learned = learned_rows.read(folder)
    if learned is None:
        return "Whether the champion answers worse could not be tested, as it does not tell which rows it learned from."
    clean = Rules.model_validate(read_json(folder / CLEANING)).apply
    labels = {str(label) for label in read_json(folder / model.CARD)["labels"]}
    sides = [_asked(side, learned, clean, labels) for side in (before, after)]
    counts = [len(side.rows) for side in sides]
    if min(counts) < min_rows:
        return (
            f"Whether the champion answers worse could not be tested: of rows that it has not learned from there are "
            f"{counts[0]:,} earlier and {counts[1]:,} new ones, and {min_rows:,} of each are needed "
            f"(retrain.drift.min_rows){_without(sides[1])}."
        )
    sides = [Asked(side.rows.sample(max_rows, random), side.learned, side.unknown) for side in sides]
    champion = model.load(folder, computing.threads, computing.device)
    old, new = (
        Asked(side.rows, side.learned, side.unknown, _right(champion, side.rows, clean, who))
        for side, who in zip(sides, ("earlier", "new"), strict=True)
    )
    return _compared(old, new, threshold, level)


def _asked(side: Window, learned: Hashes, clean: Callable[[str], str], labels: set[str]) -> Asked:
    """The rows to ask; one counts as known if it is in the form that it is cleaned to now, or was then."""
    now, then = (learned_rows.hashes(texts) for texts in (side.texts, map(clean, side.raw)))
    seen = np.isin(now, learned) | np.isin(then, learned)
    labelled = np.array([label is not None for label in side.labels], dtype=np.bool_)
    known = np.array([label in labels for label in side.labels], dtype=np.bool_)
    rows = side.only(np.flatnonzero(~seen & known))
    return Asked(rows, int((seen & labelled).sum()), int((~seen & labelled & ~known).sum()))


def _right(champion: model.SavedModel, rows: Window, clean: Callable[[str], str], who: str) -> int:
    """How many rows the champion has right."""
    progress = Progress(f"the champion's answers to {who} rows", len(rows))
    index = {label: number for number, label in enumerate(champion.labels)}
    actual: Ints = np.array([index[str(label)] for label in rows.labels], dtype=np.int64)
    right = 0
    for start in range(0, len(rows), _BATCH_ROWS):
        part = slice(start, start + _BATCH_ROWS)
        answers = champion.predict_proba([clean(text) for text in rows.raw[part]]).argmax(axis=1)
        right += int((answers == actual[part]).sum())
        progress.update(min(part.stop, len(rows)))
    return right


def _compared(old: Asked, new: Asked, threshold: float, level: float) -> Decay:
    low, high = newcombe(new.right, len(new.rows), old.right, len(old.rows), level)
    fall = old.accuracy - new.accuracy
    told = (
        f"it has {percent(new.accuracy)} of {len(new.rows):,} new rows right, where it had {percent(old.accuracy)} of "
        f"{len(old.rows):,} earlier ones that it had not learned from (a change of {_points(-fall)} points, "
        f"{100 * level:g} % interval {_points(low)} to {_points(high)}, a fall of {100 * threshold:g} counts)"
        f"{_without(new)}"
    )
    p_value = fisher(new.right, len(new.rows), old.right, len(old.rows))
    return Decay(old, new, low, high, level, Shift("decay", fall, fall, p_value, threshold, told))


def _points(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:+.1f}"


def _without(side: Asked) -> str:
    """What is to be said of new rows that it could not have right."""
    if not side.unknown:
        return ""
    return f"; {side.unknown:,} new rows of labels that it does not know are not among them"
