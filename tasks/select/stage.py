"""Stage `select`: takes the best candidate, examines it on the test split, and reports."""

from pathlib import Path
from typing import Any

from tasks import block, compute
from tasks.errors import ParamsError, Problem
from tasks.progress import log
from tasks.records import Record
from tasks.select import adaptation, bundle, evidence, ladder, report, wording
from tasks.select.choice import choose
from tasks.select.examination import examine
from tasks.select.params import SelectParams


def run(root: Path, item: str | None, record: Record) -> None:
    """Chooses on validation or out-of-fold predictions, opens the test split for the winner, writes model and reports.

    Raises:
        BadInput: if a declared candidate has not been trained and measured, or the test split cannot be used.
        ParamsError: if no candidate is declared.
    """
    params = block.read(root, "select", SelectParams)
    computing = compute.read(root)
    candidates = declared(root)
    found = evidence.read(root, list(candidates), params.rows)
    record.rows_in = len(found.texts)
    choice = choose(found, params, computing.seed)
    for reason in choice.reasons:
        log(reason)
    adapted = adaptation.read(root, found, params, computing.seed, block.load(root / block.PARAMS))
    for sentence in (sentence for one in adapted for sentence in one.sentences):
        log(sentence)
    examination = examine(root, choice.winner, params, computing)
    record.rows_out, record.device = examination.rows, examination.device
    bundle.write(root, found, choice, examination, params)
    report.write(root, found, choice, examination, params, candidates, adapted, ladder.read(root))
    low, high = examination.intervals["macro_f1"]
    log(
        f"{report.VERDICT}: {choice.winner}, test macro F1 {wording.measure(examination.measures['macro_f1'])} "
        f"({wording.measure(low)} to {wording.measure(high)})"
    )


def declared(root: Path) -> dict[str, dict[str, Any]]:
    """The declared candidates and their parameters, in their order; what removed ones left behind is not looked at.

    Raises:
        ParamsError: if there is none.
    """
    found = block.load(root / block.PARAMS).get("candidates")
    if not isinstance(found, dict) or not found:
        raise ParamsError(block.PARAMS, [Problem("candidates", "at least one candidate", repr(found))])
    return {str(name): params for name, params in found.items()}
