"""Stage `select`: takes the best candidate, examines it on the test split, and reports."""

from pathlib import Path

from tasks import block, compute, contestants
from tasks.progress import log
from tasks.records import Record
from tasks.select import adaptation, bundle, evidence, ladder, report, wording
from tasks.select.choice import choose
from tasks.select.examination import examine
from tasks.select.params import SelectParams


def run(root: Path, item: str | None, record: Record) -> None:
    """Chooses on validation or out-of-fold predictions, opens the test split for the winner, writes model and reports.

    Raises:
        BadInput: if a declared contestant has not been made and measured, or the test split cannot be used.
        ParamsError: if no candidate is declared.
    """
    params = block.read(root, "select", SelectParams)
    computing = compute.read(root)
    declared, tree = contestants.declared(root), block.load(root / block.PARAMS)
    found = evidence.read(root, list(declared.values()), params.rows, adaptation.readers(tree))
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
    report.write(root, found, choice, examination, params, declared, adapted, ladder.read(root))
    low, high = examination.intervals["macro_f1"]
    log(
        f"{report.VERDICT}: {choice.winner}, test macro F1 {wording.measure(examination.measures['macro_f1'])} "
        f"({wording.measure(low)} to {wording.measure(high)})"
    )
