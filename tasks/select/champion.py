"""The champion: the model in service, and how the winner fares against it."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tasks import learned_rows, links, thresholds
from tasks.compute import Compute
from tasks.errors import BadInput
from tasks.files import read_json, replacing, sha256
from tasks.learned_rows import Hashes
from tasks.model import CARD
from tasks.rules import Rules
from tasks.scores import summary
from tasks.select import changes, unseen
from tasks.select.changes import ClassChange, Flip
from tasks.select.examination import Answers, Questions, answer
from tasks.select.match import Match, match_of
from tasks.select.params import SelectParams
from tasks.select.unseen import Unseen
from tasks.select.verdict import Verdict, judge
from tasks.select.verdict_params import VerdictParams
from tasks.thresholds import Cutoff, Thresholds

NONE = "none\n"
"""What the link holds where no model is in service."""
NOTE = "champion.json"
"""The file of a champion that says which version it is."""
FLIPS = Path("reports/negative_flips.csv")
RULES = Path("data/clean/rules.json")
_CLEANING = "cleaning.json"
_SHOWN = 5  # negative flips in the reports
_AGAIN = "Run `regraft explain` (it puts the champion back), then run again."


@dataclass(frozen=True)
class Champion:
    """The model in service.

    Attributes:
        folder: that it lies in.
        version: that it is registered as.
        name: of the candidate that it was.
    """

    folder: Path
    version: str
    name: str


@dataclass(frozen=True)
class Contest:
    """The winner against the champion.

    Attributes:
        champion: None if there is none.
        measures: of champion and challenger by name, on the rows that they were compared on; empty if on none.
        classes: what changes in each class, those that lose most recall first.
        flips: the first of the rows that the champion has right and the challenger wrong.
        unseen: which test rows neither has learned from; None if nothing was compared.
    """

    verdict: Verdict
    champion: Champion | None = None
    measures: tuple[dict[str, float], ...] = ()
    classes: tuple[ClassChange, ...] = ()
    flips: tuple[Flip, ...] = ()
    unseen: Unseen | None = None

    @property
    def lost(self) -> list[ClassChange]:
        """Classes of which fewer rows are right than before, those that lose most recall first."""
        return [one for one in self.classes if one.challenger < one.champion]

    @property
    def gained(self) -> list[ClassChange]:
        """Classes of which more rows are right than before, those that gain most recall first."""
        found = [one for one in self.classes if one.challenger > one.champion]
        return sorted(found, key=lambda one: (-one.difference, one.champion - one.challenger, one.label))

    @property
    def positive_flips(self) -> int:
        """Rows that the champion has wrong and the challenger right."""
        return sum(one.won for one in self.classes)

    def as_json(self) -> dict[str, Any] | None:
        """The form in `reports/selection.json`; None without a champion."""
        if self.champion is None:
            return None
        measures = dict(zip(("test", "challenger"), self.measures, strict=False))
        left_out = None if self.unseen is None else self.unseen.as_json()
        classes = [vars(one) for one in self.classes]
        return {
            "version": self.champion.version,
            "name": self.champion.name,
            "left_out": left_out,
            **measures,
            **self.verdict.as_json(),
            "positive_flips": self.positive_flips,
            "classes": classes,
        }


def read(root: Path) -> Champion | None:
    """The champion that DVC sees.

    Raises:
        BadInput: if the link leads nowhere, or to no model.
    """
    link = root / links.CHAMPION
    if link.is_file() and link.read_text(encoding="utf-8") == NONE:
        return None
    if not (link / CARD).is_file() or not (link / NOTE).is_file():
        raise BadInput(str(links.CHAMPION), "a link to the champion, or none", "another file, or none", _AGAIN)
    return Champion(link, read_json(link / NOTE)["version"], read_json(link / CARD)["name"])


def contest(
    root: Path,
    winner: Path,
    questions: Questions,
    answers: Answers,
    learned: Hashes,
    asked: Thresholds | Cutoff | None,
    params: SelectParams,
    demands: VerdictParams,
    computing: Compute,
) -> Contest:
    """Lets the champion answer the test rows that neither of the two has learned from, and judges.

    Args:
        winner: folder of its model.
        answers: of the winner, to all test rows.
        learned: the hashes of the rows that the winner has learned from.
        asked: its thresholds, None without.
    """
    champion = read(root)
    if champion is None:
        none = "There is no champion yet that it would have to beat."
        return Contest(Verdict("PROMOTE", "there is no champion yet", [none]))
    if _is_same(root, champion, winner):
        same = _same_reason(champion, asked)
        return Contest(Verdict("HOLD", "it is the champion itself", [same]), champion)
    # The rows were cleaned as they are now; the champion wants what it was trained on.
    clean = Rules.model_validate(read_json(champion.folder / _CLEANING)).apply
    found = unseen.find(questions.texts, learned_rows.read(champion.folder), clean, learned)
    told = found.sentences(champion.version)
    # What the new model has seen itself is a matter of its own split, and of a few rows; it asks for no more than all.
    if found.left_out and len(found.rows) < min(demands.unseen_rows, found.total - found.challenger):
        reason = (
            f"{len(found.rows):,} test rows are left that neither has learned from, fewer than the "
            f"{demands.unseen_rows:,} that a comparison needs (verdict.unseen_rows), so the champion stays."
        )
        short = "too few test rows are left that neither has learned from"
        return Contest(Verdict("HOLD", short, [*told, reason]), champion, unseen=found)
    match = _match(champion, questions, answers, found, clean, computing)
    verdict = judge(match, demands, params.metric, draws=params.draws, seed=computing.seed)
    flips = tuple(int(row) for row in found.rows[list(verdict.flips)])  # as numbers of all test rows
    verdict = replace(verdict, reasons=[*told, *verdict.reasons], flips=flips)
    if not verdict.rows:
        return Contest(verdict, champion, unseen=found)
    actual, champions, challengers, classes = match.on_shared()
    return Contest(
        verdict,
        champion,
        measures=tuple(summary(actual, some, classes) for some in (champions, challengers)),
        classes=tuple(changes.by_class(match)),
        unseen=found,
        flips=tuple(changes.flips(verdict.flips[:_SHOWN], questions, answers)),
    )


def _match(
    champion: Champion,
    questions: Questions,
    answers: Answers,
    found: Unseen,
    clean: Callable[[str], str],
    computing: Compute,
) -> Match:
    """Both models' answers to the rows that neither has learned from."""
    kept = found.rows.tolist()
    ids, texts, labels = ([some[row] for row in kept] for some in (questions.ids, questions.texts, questions.labels))
    theirs = answer(Questions(ids, texts, labels), champion.folder, computing, clean, "test rows by the champion")
    return match_of(labels, theirs, replace(answers, probabilities=answers.probabilities[found.rows]))


def write_flips(root: Path, found: Contest, questions: Questions, answers: Answers) -> None:
    """Writes the rows that the champion has right and the winner wrong; only a heading where there are none."""
    flipped = changes.flips(found.verdict.flips, questions, answers)
    with replacing(root / FLIPS) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", "text", "label", "predicted"))
        for row, flip in zip(found.verdict.flips, flipped, strict=True):
            writer.writerow((questions.ids[row], flip.text, flip.label, flip.predicted))


def _is_same(root: Path, champion: Champion, winner: Path) -> bool:
    """Whether all that makes the winner's predictions is the champion's to the byte."""
    files = [file.relative_to(winner) for file in sorted(winner.rglob("*")) if file.is_file()]
    pairs = [(winner / file, champion.folder / file) for file in files]
    pairs.append((root / RULES, champion.folder / _CLEANING))
    return all(theirs.is_file() and sha256(own) == sha256(theirs) for own, theirs in pairs)


def _same_reason(champion: Champion, asked: Thresholds | Cutoff | None) -> str:
    """Why a winner that answers as the champion does is not promoted by itself."""
    itself = f"It is the champion {champion.version} itself"
    former = thresholds.read(champion.folder)
    if former == asked:
        return f"{itself}, so that nothing would change."
    what = (
        "from which on it answers with a class" if Cutoff in map(type, (former, asked)) else "below which it abstains"
    )
    change = "takes them away" if asked is None else "puts the new ones into service"
    return f"{itself}, but for the thresholds {what}. `regraft promote --force --reason ...` {change}."
