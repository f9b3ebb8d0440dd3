"""The verdict: whether the winner takes the place of the champion, judged on rows that both were examined on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import stats

from tasks.scores import LOWER_IS_BETTER, Floats, Ints, summary
from tasks.select import always_valid, wording
from tasks.select.bootstrap import Outcome, replicate
from tasks.select.paired import holm
from tasks.select.verdict_params import VerdictParams

Word = Literal["PROMOTE", "HOLD", "REJECT"]


@dataclass(frozen=True)
class Match:
    """What champion and challenger made of the same test rows.

    Attributes:
        classes: every label that one of the two knows, sorted; other indices are into it.
        known: whether the champion [0] and the challenger [1] know a class, [2, classes].
        actual: the class of each row [rows].
        champion: probabilities of the champion [rows, classes]; 0 for a class that it does not know.
        challenger: those of the challenger.
    """

    classes: Sequence[str]
    known: np.ndarray[Any, np.dtype[np.bool_]]
    actual: Ints
    champion: Floats
    challenger: Floats

    @property
    def shared(self) -> Ints:
        """The numbers of the rows whose class both know: those that they are compared on."""
        return np.flatnonzero((self.known[0] & self.known[1])[self.actual])

    def on_shared(self) -> tuple[Ints, Floats, Floats, int]:
        """The rows to compare on: their classes, the probabilities of champion and challenger, how many classes count.

        Those that both know come first, and they alone count. An answer that is another class is wrong, as it would be
        in service, but makes no class of its own that a mean over classes would take in.
        """
        both = self.known[0] & self.known[1]
        order = np.argsort(~both, kind="stable")
        rows, place = self.shared, np.argsort(order)
        return place[self.actual[rows]], self.champion[rows][:, order], self.challenger[rows][:, order], int(both.sum())


@dataclass(frozen=True)
class Gain:
    """How much better the challenger is.

    Attributes:
        value: of the metric; negative if it is worse.
        low: that it is better by no less than this, at the declared confidence, however often one looks.
        high: that it is better by no more than this.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Loss:
    """A class whose recall is surely lower than the champion's.

    Attributes:
        label: the class.
        rows: of the class.
        champion: rows of it that the champion has right.
        challenger: rows of it that the challenger has right.
        p_value: of no loss, corrected for the number of classes that were looked at.
    """

    label: str
    rows: int
    champion: int
    challenger: int
    p_value: float


@dataclass(frozen=True)
class Verdict:
    """What is to be done, and why.

    Attributes:
        word: PROMOTE: the winner takes the champion's place. HOLD: nothing speaks against it, but that it is better is
            not shown. REJECT: something speaks against it.
        main: the reason that decided, as a clause without numbers for the end of a sentence.
        reasons: in full sentences, with their numbers.
        rows: that were compared; 0 without a champion.
        gain: None if there was nothing to compare.
        losses: classes that lose recall.
        flips: numbers of the test rows that the champion has right and the challenger wrong.
    """

    word: Word
    main: str
    reasons: list[str]
    rows: int = 0
    gain: Gain | None = None
    losses: tuple[Loss, ...] = ()
    flips: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The form in `reports/selection.json`, below `champion`."""
        gain = None if self.gain is None else vars(self.gain)
        losses = [vars(loss) for loss in self.losses]
        return {"rows": self.rows, "gain": gain, "lost_recall": losses, "negative_flips": len(self.flips)}


def judge(match: Match, params: VerdictParams, metric: str, *, draws: int, seed: int) -> Verdict:
    """Compares the two on the rows whose class both know.

    PROMOTE needs all of: a gain that is surely no less than the useful one (or, where the challenger knows classes that
    the champion does not know, with enough rows: that nothing speaks against it); no class with enough rows that surely
    loses recall; no more negative flips than allowed.

    Args:
        metric: a measure of `tasks.scores.agreement`, or `log_loss`.
        draws: of the bootstrap that says how far the gain may be chance.
    """
    shared = match.shared
    if not len(shared):
        told = "No test row has a label that both models know, so that they cannot be compared."
        return Verdict("HOLD", "the two cannot be compared", [told])
    gain = _gain(match, params, metric, draws, seed)
    losses = _losses(match, shared, params)
    right = [some.argmax(axis=1) == match.actual for some in (match.champion, match.challenger)]
    flips = shared[(right[0] & ~right[1])[shared]]
    enough = gain.low > 0 and gain.low >= params.useful_gain
    too_many = len(flips) > params.negative_flips * len(shared)
    worse = gain.high < 0
    new = _new(match, params)
    against = worse or bool(losses) or too_many
    word: Word = "REJECT" if against else "PROMOTE" if enough or new else "HOLD"
    reasons = [
        *_labels(match, shared),
        _gain_reason(gain, len(shared), enough, worse, params, metric),
        *([] if enough or worse or not new or against else [_new_reason(match, new)]),
        _losses_reason(losses, match, shared, params),
        _flips_reason(len(flips), len(shared), too_many, params),
    ]
    main = _main(worse=worse, losses=len(losses), too_many=too_many, enough=enough, new=bool(new))
    return Verdict(word, main, reasons, len(shared), gain, tuple(losses), tuple(int(row) for row in flips))


def _main(*, worse: bool, losses: int, too_many: bool, enough: bool, new: bool) -> str:
    if worse:
        return "it is surely worse than the champion"
    if losses:
        return f"{'a class loses' if losses == 1 else f'{losses} classes lose'} recall"
    if too_many:
        return "too many rows that the champion has right are wrong"
    if enough:
        return "it is surely better than the champion by the useful gain"
    return "it knows classes that the champion does not" if new else "that it is better is not shown"


def _gain(match: Match, params: VerdictParams, metric: str, draws: int, seed: int) -> Gain:
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    actual, champion, challenger, classes = match.on_shared()
    outcomes = [Outcome.of(actual, some) for some in (challenger, champion)]
    replicated = replicate(actual, outcomes, [metric], classes=classes, draws=draws, seed=seed)[metric]
    values = [summary(actual, some, classes)[metric] for some in (challenger, champion)]
    value = sign * (values[0] - values[1])
    width = always_valid.factor(len(actual), params.confidence) * float(np.std(replicated[0] - replicated[1], ddof=1))
    return Gain(value, value - width, value + width)


def _losses(match: Match, shared: Ints, params: VerdictParams) -> list[Loss]:
    """The classes that lose recall, by exact one-sided McNemar tests of their rows, corrected by Holm.

    McNemar (1947), "Note on the sampling error of the difference between correlated proportions or percentages", in its
    exact form: of the rows that one of the two alone has right, the champion's are binomial with a chance of one half.
    """
    actual = match.actual[shared]
    champion, challenger = (some[shared].argmax(axis=1) == actual for some in (match.champion, match.challenger))
    found = []
    for number in np.unique(actual).tolist():
        own = actual == number
        if own.sum() >= params.class_rows:
            lost, won = int((champion & ~challenger & own).sum()), int((challenger & ~champion & own).sum())
            found.append((number, own, float(stats.binom.sf(lost - 1, lost + won, 0.5))))
    corrected = holm(np.array([p_value for _, _, p_value in found]))
    losses = []
    for (number, own, _), p_value in zip(found, corrected.tolist(), strict=True):
        if p_value <= 1 - params.confidence:
            right, now = int((champion & own).sum()), int((challenger & own).sum())
            losses.append(Loss(match.classes[number], int(own.sum()), right, now, p_value))
    return losses


def _new(match: Match, params: VerdictParams) -> list[int]:
    """Classes that the challenger alone knows, if there are enough test rows of them."""
    new = np.flatnonzero(match.known[1] & ~match.known[0])
    return [int(number) for number in new if np.sum(match.actual == number) >= params.class_rows]


def _labels(match: Match, shared: Ints) -> list[str]:
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


def _gain_reason(gain: Gain, rows: int, enough: bool, worse: bool, params: VerdictParams, metric: str) -> str:
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


def _new_reason(match: Match, new: list[int]) -> str:
    own = np.isin(match.actual, new)
    right = int((match.challenger.argmax(axis=1) == match.actual)[own].sum())
    names = wording.listed([match.classes[number] for number in new])
    return (
        f"But it knows {names}, which the champion can never answer, and has {right:,} of {int(own.sum()):,} such test "
        "rows right; on the others nothing speaks against it, so it takes the champion's place."
    )


def _losses_reason(losses: list[Loss], match: Match, shared: Ints, params: VerdictParams) -> str:
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


def _flips_reason(flips: int, rows: int, too_many: bool, params: VerdictParams) -> str:
    allowed = f"at most {wording.percent(params.negative_flips)} are allowed"
    found = f"{flips:,} rows that the champion has right it has wrong ({wording.percent(flips / rows)}"
    return f"{found}: too many, {allowed})." if too_many else f"{found}; {allowed})."
