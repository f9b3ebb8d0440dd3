"""What a ladder comes to in sentences: one word a strategy from both of its rungs, and the best recipe."""

from typing import Any

import pytest

from tasks.ladder import summary
from tasks.select.ladder import Gain, Rung, Word

NO: Word = "no difference seen"


def rung(
    kind: Any, strategy: str | None, value: float | None, word: Word | None, follows: tuple[str, ...] = ()
) -> Rung:
    gain = None
    if word is not None:
        gain = Gain(value=0, low=0, high=0, better_seeds=0, extra_seconds=0, extra_latency_ms=0, word=word)
    name = "plain" if strategy is None else f"{'+' if kind == 'climb' else 'all but'} {strategy}"
    return Rung(
        name=name, kind=kind, strategy=strategy, follows=list(follows), unchanged=False, failed=None, value=value,
        values=[], fit_seconds=None, prepare_seconds=None, latency_ms=None, gain=gain, candidates=[], recipe={},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("climb", "ablation", "told"),
    [
        ("keep", "keep", "a pays:"),
        ("keep", None, "a pays:"),
        ("keep", NO, "a pays only while nothing later replaces it:"),
        (NO, "keep", "a pays only with the others:"),
        (NO, "harmful", "a does harm:"),
        ("keep", "harmful", "a does harm in one place and good in the other:"),
        (NO, NO, "no strategy is seen to pay:"),
    ],
)
def test_the_headline_hears_both_rungs(climb: Word, ablation: Word | None, told: str) -> None:
    rungs = [rung("climb", None, 0.5, None), rung("climb", "a", 0.6, climb), rung("ablation", "a", 0.5, ablation)]
    assert summary.headline(rungs, "macro_f1").startswith(f"On these rows, {told} ")


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("macro_f1", '"all but a" has the best mean, macro F1 0.9000, with c.'),
        ("log_loss", '"plain" has the best mean, log loss 0.5000, with no strategy.'),
    ],
)
def test_the_last_sentence_names_the_best_recipe_and_what_is_on_in_it(metric: str, expected: str) -> None:
    rungs = [rung("climb", None, 0.5, None)]
    rungs += [rung("climb", name, 0.7, NO) for name in ("a", "b", "c")]
    rungs += [rung("ablation", "a", 0.9, "harmful", ("b",)), rung("ablation", "c", None, None)]
    assert summary.sentences(rungs, metric)[-1] == f"Of all these recipes, {expected}"
