"""Stage `select`: takes the best candidate, examines it and the champion on the test split, judges, and reports."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from tasks import block, compute, contestants, learned_rows
from tasks.contestants import Contestant
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
    cutoff,
    cutoff_words,
    evidence,
    examination,
    ladder,
    report,
    review,
    row_curve,
    wording,
)
from tasks.select.abstention import Abstention
from tasks.select.champion import Contest
from tasks.select.choice import Choice, choose
from tasks.select.cutoff import Chosen
from tasks.select.examination import Answers, Examination, Questions
from tasks.select.findings import Findings
from tasks.select.params import SelectParams
from tasks.select.verdict_params import VerdictParams


def run(root: Path, item: str | None, record: Record) -> None:
    """Chooses on validation or out-of-fold predictions, opens the test split for winner and champion, writes model and
    reports.

    Raises:
        BadInput: if a declared contestant has not been made and measured, the test split or the champion cannot be
            used, or a threshold is asked for where there are not two classes.
        ParamsError: if no candidate is declared.
    """
    params, demands = block.read(root, "select", SelectParams), block.read(root, "verdict", VerdictParams)
    computing = compute.read(root)
    declared, tree = contestants.declared(root), block.load(root / block.PARAMS)
    unlike = [*adaptation.readers(tree), *evidence.warm_started(tree)]
    found = evidence.read(root, list(declared.values()), params.rows, unlike)
    record.rows_in = len(found.texts)
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
    earlier = learned_rows.of_earlier(winner)
    learned = np.union1d(learned_rows.of_workspace(root), earlier)
    labels = read_json(winner / CARD)["labels"] if params.abstain is not None or params.threshold is not None else []
    abstaining = None if params.abstain is None else abstention.fit(found, choice.winner, params.abstain, labels)
    chosen = None if params.threshold is None else cutoff.fit(found, choice.winner, params.threshold, labels)
    row_curves = row_curve.read(root, _ordered(choice, declared), params, computing.seed)
    for told in row_curves[:1]:
        log(told.sentence(params.metric, params.level))
    questions = examination.open_test(root)
    answers = examination.answer(questions, winner, computing)
    examined = examination.examine(root, questions, answers, params, computing.seed)
    record.rows_out, record.device = examined.rows, examined.device
    abstaining = _abstaining(abstaining, questions, answers, params)
    chosen = _chosen(chosen, questions, answers, params, computing.seed)
    asked = chosen.cutoff if chosen is not None else abstaining.thresholds if abstaining is not None else None
    contest = champion.contest(root, winner, questions, answers, learned, asked, params, demands, computing)
    known = int(np.isin(learned_rows.hashes(questions.texts), earlier).sum())
    contest = _warned(contest, choice.winner, known, examined, unknown=learned_rows.is_earlier_unknown(winner))
    for reason in contest.verdict.reasons:
        log(reason)
    findings = Findings(
        params=params,
        declared=declared,
        evidence=found,
        choice=choice,
        examination=examined,
        contest=contest,
        review=looked,
        adapted=adapted,
        row_curves=row_curves,
        ladder=ladder.read(root),
        abstention=abstaining,
        cutoff=chosen,
    )
    bundle.write(root, findings, learned, computing)
    champion.write_flips(root, contest, questions, answers)
    report.write(root, findings)
    low, high = examined.intervals["macro_f1"]
    log(
        f"{contest.verdict.word}: {choice.winner}, test macro F1 {wording.measure(examined.measures['macro_f1'])} "
        f"({wording.measure(low)} to {wording.measure(high)})"
    )


def _warned(contest: Contest, winner: str, known: int, examined: Examination, *, unknown: bool) -> Contest:
    """With a sentence on test rows that an earlier model, which the winner started from, has learned from, or may."""
    told = []
    if known:
        told.append(
            f"The earlier model that {winner} started from has learned from {known:,} of the {examined.rows:,} test "
            "rows, so that its figures on them are too good; keep clean.split as it was when the earlier model was "
            "made."
        )
    if unknown:
        told.append(
            f"The earlier model that {winner} started from does not tell all that it has learned from, so that test "
            "rows may be among it and figures on them too good; start from a copy of models/selected or of a champion, "
            f"which has {learned_rows.FILE}."
        )
    return replace(contest, verdict=replace(contest.verdict, reasons=[*told, *contest.verdict.reasons]))


def _ordered(choice: Choice, declared: Mapping[str, Contestant]) -> list[Contestant]:
    """The contestants that competed: the winner, then the others, best first."""
    names = [choice.winner, *(some.name for some in choice.standings)]
    return [declared[name] for name in dict.fromkeys(names)]


def _abstaining(
    found: Abstention | None, questions: Questions, answers: Answers, params: SelectParams
) -> Abstention | None:
    """Puts the thresholds to the test rows, and logs what is known of them."""
    if found is None:
        return None
    examined = replace(found, test=abstention.on_test(found, questions, answers, params.level))
    for sentence in abstention_words.sentences(examined, params.level):
        log(sentence)
    return examined


def _chosen(
    found: Chosen | None, questions: Questions, answers: Answers, params: SelectParams, seed: int
) -> Chosen | None:
    """Puts the threshold to the test rows, and logs what is known of it."""
    if found is None:
        return None
    test = cutoff.on_test(found, questions, answers, level=params.level, draws=params.draws, seed=seed)
    examined = replace(found, test=test)
    for sentence in cutoff_words.sentences(examined, params.level):
        log(sentence)
    return examined
