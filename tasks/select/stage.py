"""Stage `select`: takes the best candidate, examines it on the test split, and reports."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks import block, compute
from tasks.errors import ParamsError, Problem
from tasks.progress import log
from tasks.records import Record
from tasks.select import adaptation, bundle, evidence, report, wording
from tasks.select.choice import choose
from tasks.select.examination import examine
from tasks.select.params import SelectParams


def run(root: Path, item: str | None, record: Record) -> None:
    """Chooses on validation or out-of-fold predictions, opens the test split for the winner, writes model and reports.

    Raises:
        BadInput: if a declared candidate or ensemble has not been made and measured, or the test split cannot be used.
        ParamsError: if no candidate is declared.
    """
    params = block.read(root, "select", SelectParams)
    computing = compute.read(root)
    known, tree = declared(root), block.load(root / block.PARAMS)
    found = evidence.read(root, list(known.candidates), params.rows, known.members, adaptation.readers(tree))
    record.rows_in = len(found.texts)
    choice = choose(found, params, computing.seed)
    for reason in choice.reasons:
        log(reason)
    adapted = adaptation.read(root, found, params, computing.seed, tree)
    for sentence in (sentence for one in adapted for sentence in one.sentences):
        log(sentence)
    examination = examine(root, found.named(choice.winner).folder, params, computing)
    record.rows_out, record.device = examination.rows, examination.device
    bundle.write(root, found, choice, examination, params)
    report.write(root, found, choice, examination, params, known.candidates | known.ensembles, adapted)
    low, high = examination.intervals["macro_f1"]
    log(
        f"{report.VERDICT}: {choice.winner}, test macro F1 {wording.measure(examination.measures['macro_f1'])} "
        f"({wording.measure(low)} to {wording.measure(high)})"
    )


@dataclass(frozen=True)
class Declared:
    """The parameters of all candidates and ensembles, by name, in their order."""

    candidates: dict[str, dict[str, Any]]
    ensembles: dict[str, dict[str, Any]]

    @property
    def members(self) -> dict[str, list[str]]:
        """The members of each ensemble, by its name."""
        return {name: list(params["members"]) for name, params in self.ensembles.items()}


def declared(root: Path) -> Declared:
    """What is declared; what removed candidates and ensembles left behind is not looked at.

    Raises:
        ParamsError: if there is no candidate.
    """
    tree = block.load(root / block.PARAMS)
    found = tree.get("candidates")
    if not isinstance(found, dict) or not found:
        raise ParamsError(block.PARAMS, [Problem("candidates", "at least one candidate", repr(found))])
    return Declared(_named(found), _named(tree.get("ensembles") or {}))


def _named(blocks: dict[Any, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {str(name): params for name, params in blocks.items()}
