"""Stage `select`: takes the best candidate, examines it and the champion on the test split, judges, and reports."""

from dataclasses import replace
from pathlib import Path

from tasks import block, compute, contestants, learned_rows
from tasks.files import read_json
from tasks.model import CARD
from tasks.progress import log
from tasks.records import Record
from tasks.select import (
    abstention,
    abstention_words,
    adaptation,
    bundle,
    champion,
    evidence,
    examination,
    ladder,
    report,
    review,
    wording,
)
from tasks.select.abstention import Abstention
from tasks.select.choice import choose
from tasks.select.examination import Answers, Questions
from tasks.select.params import SelectParams
from tasks.select.verdict_params import VerdictParams


def run(root: Path, item: str | None, record: Record) -> None:
    """Chooses on validation or out-of-fold predictions, opens the test split for winner and champion, writes model and
    reports.

    Raises:
        BadInput: if a declared contestant has not been made and measured, or the test split or the champion cannot be
            used.
        ParamsError: if no candidate is declared.
    """
    params, demands = block.read(root, "select", SelectParams), block.read(root, "verdict", VerdictParams)
    computing = compute.read(root)
    declared, tree = contestants.declared(root), block.load(root / block.PARAMS)
    found = evidence.read(root, list(declared.values()), params.rows, adaptation.readers(tree))
    record.rows_in = len(found.texts)
    learned = learned_rows.of_workspace(root)
    choice = choose(found, params, computing.seed)
    for reason in choice.reasons:
        log(reason)
    adapted = adaptation.read(root, found, params, computing.seed, tree)
    for sentence in (sentence for one in adapted for sentence in one.sentences):
        log(sentence)
    looked = review.write(root, found, choice.winner, declared, params.review_rows)
    for sentence in looked.sentences:
        log(sentence)
    winner = root / found.named(choice.winner).folder
    abstaining = None
    if params.abstain is not None:
        abstaining = abstention.fit(found, choice.winner, params.abstain, read_json(winner / CARD)["labels"])
    questions = examination.open_test(root)
    answers = examination.answer(questions, winner, computing)
    examined = examination.examine(root, questions, answers, params, computing.seed)
    record.rows_out, record.device = examined.rows, examined.device
    abstaining = _examined(abstaining, questions, answers, params)
    thresholds = None if abstaining is None else abstaining.thresholds
    contest = champion.contest(root, winner, questions, answers, learned, thresholds, params, demands, computing)
    for reason in contest.verdict.reasons:
        log(reason)
    bundle.write(root, found, choice, examined, learned, abstaining, params, computing)
    champion.write_flips(root, contest, questions, answers)
    climbed = ladder.read(root)
    report.write(root, found, choice, examined, contest, params, declared, looked, adapted, climbed, abstaining)
    low, high = examined.intervals["macro_f1"]
    log(
        f"{contest.verdict.word}: {choice.winner}, test macro F1 {wording.measure(examined.measures['macro_f1'])} "
        f"({wording.measure(low)} to {wording.measure(high)})"
    )


def _examined(
    abstaining: Abstention | None, questions: Questions, answers: Answers, params: SelectParams
) -> Abstention | None:
    """Puts the thresholds to the test rows, and logs what is known of them."""
    if abstaining is None:
        return None
    examined = replace(abstaining, test=abstention.on_test(abstaining, questions, answers, params.level))
    for sentence in abstention_words.sentences(examined, params.level):
        log(sentence)
    return examined
