"""`reports/ladder.json`: what each strategy gives, as `regraft ladder` found it; a part of the report page."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from tasks import block, links, rows
from tasks.block import Block
from tasks.errors import BadInput, ParamsError
from tasks.files import read_json

FILE = Path("reports/ladder.json")
STALE = "A ladder of earlier rows is in reports/ladder.html; run `regraft ladder`."
"""What the report says in place of a ladder that was not made of the present rows and metric."""
NONE = "none\n"
"""What the link holds where no ladder has been made."""

Word = Literal["keep", "no difference seen", "costs more than it gives", "harmful"]


class Gain(Block):
    """What a strategy gives: the recipe with it, against the recipe without it."""

    value: float
    """By how much the metric is better with it; negative if worse."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""
    better_seeds: int
    """Seeds of which the model with it is the better one."""
    extra_seconds: float
    """Time to train it, and to make its encoder and features, beyond that of the recipe without it."""
    extra_latency_ms: float
    """Median time to classify one row, beyond that of the recipe without it."""
    word: Word
    """What to make of it."""


class Rung(Block):
    """One recipe."""

    name: str
    """How people read it."""
    kind: Literal["climb", "ablation"]
    """`climb`: its strategy was added to the rung before; `ablation`: it was taken out of the full recipe."""
    strategy: str | None
    """That is switched on or off here; null for the plain recipe."""
    follows: list[str]
    """Strategies that are off too, as they need the one that is off."""
    unchanged: bool
    """Whether the strategy changes nothing in this recipe, so that there was nothing to compare."""
    failed: str | None
    """Why it could not be made; null if it was."""
    value: float | None
    """The metric, mean over the seeds; null if it failed."""
    values: list[float]
    """The metric by seed."""
    fit_seconds: float | None
    """Time to train a model, mean over the seeds."""
    prepare_seconds: float | None
    """Time to make its encoder and features, which the seeds share; null where that is not known."""
    latency_ms: float | None
    """Median time to classify one row, mean over the seeds."""
    gain: Gain | None
    """What its strategy gives; null for the plain recipe, and where one of the two recipes failed."""
    candidates: list[str]
    """Its items in the ladder's own workspace, one a seed."""
    recipe: dict[str, Any]
    """Its parameters."""


class Ladder(Block):
    """All rungs."""

    metric: str
    """What is compared."""
    level: float
    """Confidence level of the intervals."""
    draws: int
    """Samples of the bootstrap."""
    rows: int
    """Validation rows that the recipes are compared on."""
    data: str
    """SHA-256 of the ids, texts and labels of the train and validation rows."""
    seeds: list[int]
    """Of the models of each recipe."""
    headline: str
    """What it all comes to, in one sentence."""
    sentences: list[str]
    """What else to know of it."""
    rule: list[str]
    """How the words come about."""
    rungs: list[Rung]
    """The climb from plain to full, then the full recipe without each strategy."""

    @property
    def climb(self) -> list[Rung]:
        """The rungs from plain to full."""
        return [rung for rung in self.rungs if rung.kind == "climb"]

    @property
    def ablation(self) -> list[Rung]:
        """The full recipe without each strategy."""
        return [rung for rung in self.rungs if rung.kind == "ablation"]


def data(root: Path) -> str:
    """The SHA-256 of the ids, texts and labels of a workspace's train and validation rows, in hexadecimal.

    So a ladder is known to be of these rows, as they are cleaned now: ids may be the user's own, and stay where texts
    change.
    """
    digest = hashlib.sha256()
    for split in ("train", "validation"):
        table = rows.read(root / f"data/clean/{split}.parquet", ["id", "text", "label"])
        for column in ("id", "text", "label"):
            digest.update(json.dumps(rows.strings(table, column)).encode("ascii"))
    return digest.hexdigest()


def is_current(ladder: Ladder, root: Path, metric: str) -> bool:
    """Whether a ladder was made of the workspace's present rows, by the metric that its candidates are chosen by."""
    return ladder.metric == metric and ladder.data == data(root)


def read(root: Path) -> Ladder | None:
    """The ladder that was made last, None if none was.

    Raises:
        BadInput: if the link to it is missing, or its file is not one of this version.
    """
    path = root / links.LADDER
    if not path.is_file():
        raise BadInput(str(links.LADDER), "a link to the ladder, or a file that says none", "nothing", links.REFRESH)
    if path.read_text(encoding="utf-8") == NONE:
        return None
    fix = "Run `regraft ladder` again, or remove the file."
    try:
        return block.parse(Ladder, read_json(path), file=str(FILE))
    except ParamsError as error:
        raise BadInput(str(FILE), "a ladder in the present form", str(error.problems[0]), fix) from error
    except ValueError as error:
        raise BadInput(str(FILE), "JSON", str(error), fix) from error
