"""The verdict: whether the winner takes the place of the champion, judged on rows that both were examined on."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import stats

from tasks.scores import LOWER_IS_BETTER, Ints, summary
from tasks.select import always_valid, verdict_words
from tasks.select.bootstrap import Outcome, replicate
from tasks.select.match import Gain, Loss, Match
from tasks.select.paired import holm
from tasks.select.verdict_params import VerdictParams

Word = Literal["PROMOTE", "HOLD", "REJECT"]


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
        *verdict_words.labels(match, shared),
        verdict_words.gain_reason(gain, len(shared), enough, worse, params, metric),
        *([] if enough or worse or not new or against else [verdict_words.new_reason(match, new)]),
        verdict_words.losses_reason(losses, match, shared, params),
        verdict_words.flips_reason(len(flips), len(shared), too_many, params),
    ]
    main = verdict_words.main(worse=worse, losses=len(losses), too_many=too_many, enough=enough, new=bool(new))
    return Verdict(word, main, reasons, len(shared), gain, tuple(losses), tuple(int(row) for row in flips))


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
