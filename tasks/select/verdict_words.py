"""What is said of a verdict, in sentences with their numbers."""

import numpy as np

from tasks.scores import Ints
from tasks.select import wording
from tasks.select.match import Gain, Loss, Match
from tasks.select.verdict_params import VerdictParams


def main(*, worse: bool, losses: int, too_many: bool, enough: bool, new: bool) -> str:
    """The reason that decided, as a clause for the end of a sentence."""
    if worse:
        return "it is surely worse than the champion"
    if losses:
        return f"{'a class loses' if losses == 1 else f'{losses} classes lose'} recall"
    if too_many:
        return "too many rows that the champion has right are wrong"
    if enough:
        return "it is surely better than the champion by the useful gain"
    return "it knows classes that the champion does not" if new else "that it is better is not shown"


def labels(match: Match, shared: Ints) -> list[str]:
    """What is to be said where the two do not know the same labels."""
    sentences = []
    for one, other, number in (("the new model", "the champion", 1), ("the champion", "the new model", 0)):
        alone = np.flatnonzero(match.known[number] & ~match.known[1 - number])
        if len(alone):
            names = wording.listed([match.classes[some] for some in alone.tolist()])
            rows = int(np.isin(match.actual, alone).sum())
            sentences.append(f"Only {one} knows {names} ({rows:,} test rows), {other} does not.")
    if sentences:
        sentences.append(f"They are compared on the {len(shared):,} test rows of labels that both know.")
    return sentences


def gain_reason(gain: Gain, rows: int, enough: bool, worse: bool, params: VerdictParams, metric: str) -> str:
    """What the gain is, and whether that is enough."""
    name, useful = wording.name(metric), wording.measure(params.useful_gain)
    sure = f"with {wording.percent(params.confidence)} confidence"
    if worse:
        return (
            f"On {rows:,} test rows its {name} is {wording.measure(-gain.value)} worse than the champion's, {sure} by "
            f"at least {wording.measure(-gain.high)}."
        )
    side = "better" if gain.value >= 0 else "worse"
    start = f"On {rows:,} test rows its {name} is {wording.measure(abs(gain.value))} {side} than the champion's"
    if enough:
        return f"{start}, {sure} by no less than {wording.measure(gain.low)}, where {useful} was asked for."
    return (
        f"{start}; that it is better by {useful}, as was asked for, is not shown ({sure} the gain is no less than "
        f"{wording.signed(gain.low)})."
    )


def new_reason(match: Match, new: list[int]) -> str:
    """That classes which the challenger alone knows decide."""
    own = np.isin(match.actual, new)
    right = int((match.challenger.argmax(axis=1) == match.actual)[own].sum())
    names = wording.listed([match.classes[number] for number in new])
    return (
        f"But it knows {names}, which the champion can never answer, and has {right:,} of {int(own.sum()):,} such test "
        "rows right; on the others nothing speaks against it, so it takes the champion's place."
    )


def losses_reason(losses: list[Loss], match: Match, shared: Ints, params: VerdictParams) -> str:
    """Which classes lose recall, or that none does."""
    counts = np.bincount(match.actual[shared])
    looked_at = int((counts >= params.class_rows).sum())
    if not looked_at:
        return f"No class has {params.class_rows} test rows, so none could be looked at for a loss of recall."
    if not losses:
        return f"None of the {looked_at} classes with {params.class_rows} test rows or more surely loses recall."
    each = [
        f"{loss.label} ({loss.champion} of {loss.rows} rows right before, {loss.challenger} now, p = "
        f"{wording.measure(loss.p_value)})"
        for loss in losses
    ]
    return f"Recall is lost for {wording.listed(each)}."


def flips_reason(flips: int, rows: int, too_many: bool, params: VerdictParams) -> str:
    """How many rows turn from right to wrong."""
    allowed = f"at most {wording.percent(params.negative_flips)} are allowed"
    many = f"{flips:,} row{'' if flips == 1 else 's'}"
    found = f"{many} that the champion has right it has wrong ({wording.percent(flips / rows)}"
    return f"{found}: too many, {allowed})." if too_many else f"{found}; {allowed})."
