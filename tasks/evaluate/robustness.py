"""Whether a model answers the same when a text is altered in ways that change nothing for a reader."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.evaluate.alterations import ALTERATIONS
from tasks.evaluate.answers import Ask
from tasks.rules import Rules
from tasks.scores import Ints


def measure(
    ask: Ask, texts: Sequence[str], actual: Ints, predicted: Ints, rules: Rules, rows: int, seed: int
) -> dict[str, Any]:
    """How often the answer changes, by the way in which texts are altered.

    Altered texts are cleaned by the rules of the clean stage, as they are in service; where nothing is left of the
    alteration then, or there was nothing to alter, the row counts for neither share.

    Args:
        texts: of the validation rows, cleaned.
        actual: the class of each row [rows].
        predicted: what the model said of it [rows].
        rows: the most that are looked at.
        seed: that draws them, and what is altered in them: the same for all models.

    Returns:
        `rows`, looked at, and `alterations`: for each way the `rows` whose text it changed, the share `changed` of
        them whose answer is another one then, and the `accuracy` on them `before` and `after`; None without rows.
    """
    chosen = np.sort(np.random.default_rng(seed).choice(len(texts), min(rows, len(texts)), replace=False))
    found: dict[str, Any] = {}
    for name, alter in ALTERATIONS.items():
        generator = np.random.default_rng(seed)
        altered = {int(place): rules.apply(alter(texts[place], generator)) for place in chosen}
        changed = [place for place, text in altered.items() if text != texts[place]]
        after = ask([altered[place] for place in changed], f"predicting rows altered by {name}").argmax(axis=1)
        found[name] = _figures(actual[changed], predicted[changed], after)
    return {"rows": len(chosen), "alterations": found}


def _figures(actual: Ints, before: Ints, after: Ints) -> dict[str, Any]:
    if not len(actual):
        return {"rows": 0, "changed": None, "accuracy": {"before": None, "after": None}}
    accuracy = {"before": float((before == actual).mean()), "after": float((after == actual).mean())}
    return {"rows": len(actual), "changed": float((before != after).mean()), "accuracy": accuracy}
