"""`reports/review/`: rows that a person should look at, as tables to open, fill in and give back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks import sheet
from tasks.contestants import Contestant
from tasks.files import replacing
from tasks.scores import Floats
from tasks.select import conflicts, label_errors, opinion
from tasks.select.evidence import Evidence
from tasks.select.opinion import Opinion, Row
from tasks.select.wording import cut

FOLDER = Path("reports/review")
COLUMNS = (
    "id", "split", "source", "row", "text", "label", "suggested", "correction", "remove", "score",
    "label_probability", "suggested_probability",
)  # fmt: skip
"""Of all three files, which have more before or after them; `correction` and `remove` are for the person."""
_SHOWN = 10
_DIGITS = 6

Line = list[str | int | float]


@dataclass(frozen=True)
class Suspect:
    """A row whose label is likely wrong; `score` is how likely, from 0 to 1."""

    text: str
    label: str
    suggested: str
    score: float


@dataclass(frozen=True)
class Review:
    """What there is to look at, in short.

    Attributes:
        train: train rows that are ranked by how likely their labels are wrong.
        validation: validation rows that are.
        likely: of these rows, those that count as likely errors.
        groups: of near duplicates with different labels.
        grouped: rows in these groups.
        wrong: rows that the winner has wrong.
        names: of the models whose mean ranks the rows.
        first: the likely errors, the likeliest first; a few.
    """

    train: int
    validation: int
    likely: int
    groups: int
    grouped: int
    wrong: int
    names: list[str]
    first: list[Suspect]

    @property
    def sentences(self) -> list[str]:
        """What is in each file; a word for the log and the reports."""
        ranked = f"{self.train:,} train rows (out of fold) and " if self.train else ""
        return [
            f"{FOLDER}/label_errors.csv: {ranked}{self.validation:,} validation rows, ranked by how likely the label "
            f"is wrong; {self.likely:,} of them count as likely errors.",
            f"{FOLDER}/near_duplicates.csv: {self.grouped:,} rows in groups of near duplicates with different labels "
            f"(groups: {self.groups:,}).",
            f"{FOLDER}/confident_errors.csv: the {self.wrong:,} of these rows that the chosen model has wrong, the "
            "surest first.",
        ]


def write(
    root: Path, evidence: Evidence, winner: str, declared: Mapping[str, Contestant], most: int | None = None
) -> Review:
    """Writes `label_errors.csv`, `near_duplicates.csv` and `confident_errors.csv`, the worst rows first.

    Rows are ranked by the mean of all candidates that have out-of-fold predictions, and not by the winner alone: where
    models of unlike kinds agree against a label, it is the label, and where one is wrong, the others outvote it. (The
    paper's own ranking takes one model; it says nothing against several.) Ensembles and students repeat what
    candidates say, and have no vote. Without out-of-fold predictions, validation rows alone are ranked, by all
    candidates.

    Args:
        winner: its name.
        declared: all contestants, by name.
        most: rows a file; None for all.

    Raises:
        BadInput: if predictions are missing, or are those of other rows.
    """
    candidates = [one for one in evidence.candidates if declared[one.name].block == "candidates"]
    crossed = [one for one in candidates if one.out_of_fold is not None]
    voters = [declared[one.name] for one in crossed or candidates]
    ranked = opinion.read(root, voters, with_train=bool(crossed))
    found = label_errors.confident(ranked.probabilities, ranked.given)
    likely = (found != label_errors.NONE) & (found != ranked.given)
    suggested = np.where(likely, found, label_errors.others(ranked.probabilities, ranked.given))
    scores = label_errors.suspicion(ranked.probabilities, ranked.given)
    order = np.argsort(-scores, kind="stable")
    _write(
        root / FOLDER / "label_errors.csv",
        [*COLUMNS, "likely_error"],
        ([*_line(ranked, at, suggested[at], scores[at]), _yes(likely[at])] for at in order[:most].tolist()),
    )
    groups = _by_suspicion(conflicts.read(root), ranked, scores)
    _write(root / FOLDER / "near_duplicates.csv", ["group", *COLUMNS], _grouped(groups, ranked, scores, most))
    crossed_itself = evidence.named(winner).out_of_fold is not None
    own = opinion.read(root, [declared[winner]], with_train=crossed_itself)
    wrong = _write_confident_errors(root, own, most)
    return Review(
        train=ranked.of_train(),
        validation=len(ranked.rows) - ranked.of_train(),
        likely=int(likely.sum()),
        groups=len(groups),
        grouped=sum(map(len, groups)),
        wrong=wrong,
        names=ranked.names,
        first=[
            Suspect(cut(row.text), row.label, ranked.classes[suggested[at]], float(scores[at]))
            for at, row in ((at, ranked.rows[at]) for at in order[likely[order]][:_SHOWN].tolist())
        ],
    )


def _write_confident_errors(root: Path, own: Opinion, most: int | None) -> int:
    """Writes the rows that a model has wrong, the surest first, and returns how many there are."""
    predicted = own.probabilities.argmax(axis=1)
    confidence = own.probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != own.given)
    order = wrong[np.argsort(-confidence[wrong], kind="stable")]
    lines = (_line(own, at, predicted[at], confidence[at]) for at in order[:most].tolist())
    _write(root / FOLDER / "confident_errors.csv", COLUMNS, lines)
    return len(wrong)


def _by_suspicion(groups: Sequence[list[Row]], ranked: Opinion, scores: Floats) -> list[list[Row]]:
    """Groups with the most suspicious row first; those without a prediction of any row come last."""
    of_row = dict(zip((row.id for row in ranked.rows), scores.tolist(), strict=True))
    return sorted(groups, key=lambda group: -max(of_row.get(row.id, -1.0) for row in group))


def _grouped(groups: Sequence[list[Row]], ranked: Opinion, scores: Floats, most: int | None) -> Iterable[Line]:
    """A line a row; a group is never cut, so that the last one may go beyond `most`."""
    places = {row.id: at for at, row in enumerate(ranked.rows)}
    best = ranked.probabilities.argmax(axis=1)
    written = 0
    for number, group in enumerate(groups, start=1):
        if most is not None and written >= most:
            return
        for row in group:
            at = places.get(row.id)
            line = _bare(row) if at is None else _line(ranked, at, best[at], scores[at])
            yield [number, *line]
        written += len(group)


def _line(of: Opinion, at: int, suggested: int, score: float) -> Line:
    label, other = (float(of.probabilities[at, column]) for column in (of.given[at], suggested))
    figures = [round(value, _DIGITS) for value in (float(score), label, other)]
    return [*_cells(of.rows[at]), of.classes[suggested], "", "", *figures]


def _bare(row: Row) -> Line:
    """A row that no model has a prediction of."""
    return [*_cells(row), *[""] * (len(COLUMNS) - 6)]


def _cells(row: Row) -> Line:
    return [row.id, row.split, row.source, row.number, row.text, row.label]


def _yes(likely: bool) -> str:
    return "yes" if likely else "no"


def _write(path: Path, columns: Sequence[str], lines: Iterable[Line]) -> None:
    with replacing(path) as partial:
        sheet.write(partial, columns, lines)
