"""Stage `select`: takes the best candidate, examines it on the test split, and reports."""

from pathlib import Path

from tasks import block, compute
from tasks.errors import ParamsError, Problem
from tasks.progress import log
from tasks.records import Record
from tasks.select import bundle, evidence, report, wording
from tasks.select.choice import choose
from tasks.select.examination import examine
from tasks.select.params import SelectParams


def run(root: Path, item: str | None, record: Record) -> None:
    """Chooses on the validation rows, opens the test split for the winner, and writes model and reports.

    Raises:
        BadInput: if a declared candidate has not been trained and measured, or the test split cannot be used.
        ParamsError: if no candidate is declared.
    """
    params = block.read(root, "select", SelectParams)
    computing = compute.read(root)
    found = evidence.read(root, candidate_names(root))
    record.rows_in = len(found.texts)
    choice = choose(found, params, computing.seed)
    for reason in choice.reasons:
        log(reason)
    examination = examine(root, choice.winner, params, computing)
    record.rows_out, record.device = examination.rows, examination.device
    bundle.write(root, found, choice, examination, params)
    report.write(root, found, choice, examination, params)
    low, high = examination.intervals["macro_f1"]
    log(
        f"{report.VERDICT}: {choice.winner}, test macro F1 {wording.measure(examination.measures['macro_f1'])} "
        f"({wording.measure(low)} to {wording.measure(high)})"
    )


def candidate_names(root: Path) -> list[str]:
    """The declared candidates, in their order; what removed ones left behind is not looked at.

    Raises:
        ParamsError: if there is none.
    """
    declared = block.load(root / block.PARAMS).get("candidates")
    if not isinstance(declared, dict) or not declared:
        raise ParamsError(block.PARAMS, [Problem("candidates", "at least one candidate", repr(declared))])
    return [str(name) for name in declared]
