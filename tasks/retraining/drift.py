"""Drift: what is different in new rows from those of the time that the champion learned from.

Six tests look for it, each with a p-value, which is corrected for how many tests there are (Holm), and a size, which
must be large enough to count. The report that `report` makes has

- `rows`: of both sides, copies included, and `copies`, how many of them are copies of others on their side, which are
  not looked at;
- `drifted`, and `reasons` in sentences;
- `tests`: those that were made, in the order of `tasks.retraining.drift_params.TESTS`, each as in `Shift.as_json`;
- `left_out`: tests that could not be made, each with a sentence that says why;
- `labels`: the share of each label on both sides; `new_labels` and `vanished_labels`: the rows of those that only one
  side has;
- `words`: those that are surely more frequent, the surest first; `word_counts`: how many rows of both sides hold them;
- `domain`: the area under the ROC curve, and what the classifier read; null if that was not tested;
- `decay`: the champion's accuracy on both sides, with the interval of the change; null if that was not tested.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.compute import Compute
from tasks.embed.params import VectorParams
from tasks.retraining import (
    decay,
    domain_shift,
    label_shift,
    length_shift,
    telling_words,
    vectors,
    vocabulary_shift,
    word_counts,
)
from tasks.retraining.decay import Decay
from tasks.retraining.drift_params import TESTS, DriftParams
from tasks.retraining.shift import Shift, figure
from tasks.retraining.window import Window
from tasks.select.paired import holm
from tasks.select.wording import listed

WORDS = "words"
"""What the domain classifier is said to have read where it read no feature set."""


@dataclass(frozen=True)
class Setting:
    """What the tests need beside the rows.

    Attributes:
        root: the workspace.
        params: of the tests.
        vectors: of the feature set that the domain classifier reads; None for words.
        champion: its folder; None without one.
        computing: seed, threads, device and precision.
    """

    root: Path
    params: DriftParams
    vectors: VectorParams | None
    champion: Path | None
    computing: Compute

    def random(self, name: str) -> np.random.Generator:
        """Random numbers of one test's own, so that leaving out one changes no other."""
        return np.random.default_rng([self.computing.seed, *name.encode()])


def report(before: Window, after: Window, setting: Setting) -> dict[str, Any]:
    """Makes the report, which the module's docstring describes.

    Args:
        before: rows of the time that the champion learned from.
        after: new rows.

    Raises:
        BadInput: if the encoder or the champion is not there.
    """
    params = setting.params
    found: dict[str, Any] = {
        "rows": {"before": len(before) + before.copies, "after": len(after) + after.copies},
        "copies": {"before": before.copies, "after": after.copies},
        "drifted": False,
        "reasons": [],
        "tests": [],
        "left_out": [],
        **_labels(before.label_counts, after.label_counts),
        "words": [],
        "word_counts": [],
        "domain": None,
        "decay": None,
    }
    if min(len(before), len(after)) < params.min_rows:
        found["reasons"] = [
            f"Nothing was tested: without copies there are {len(before):,} earlier and {len(after):,} new rows, and "
            f"{params.min_rows:,} of each are needed (retrain.drift.min_rows)."
        ]
        return found
    shifts: dict[str, Shift | str] = {
        "labels": label_shift.find(
            before.label_counts,
            after.label_counts,
            threshold=params.min_share,
            draws=params.draws,
            random=setting.random("labels"),
        )
        or "Whether the labels have shifted could not be tested: the two sides have fewer than two of them in common.",
        "lengths": length_shift.find(before.texts, after.texts, threshold=params.min_length),
    }
    shifts |= _of_words(before, after, setting, found)
    shifts |= _of_champion(before, after, setting, found)
    return found | _judged(shifts, params.alpha)


def _labels(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, Any]:
    """Shares and rows of labels, sorted by label."""
    totals = [max(1, sum(side.values())) for side in (before, after)]
    shares = [
        {
            "label": label,
            "before": figure(before.get(label, 0) / totals[0]),
            "after": figure(after.get(label, 0) / totals[1]),
        }
        for label in sorted({*before, *after})
    ]
    return {
        "labels": shares,
        "new_labels": {label: after[label] for label in sorted(set(after) - set(before))},
        "vanished_labels": {label: before[label] for label in sorted(set(before) - set(after))},
    }


def _of_words(before: Window, after: Window, setting: Setting, found: dict[str, Any]) -> dict[str, Shift | str]:
    """The tests that read the texts of a part of the rows; puts what they show into the report."""
    params = setting.params
    old, new = (
        side.sample(params.max_rows, setting.random(name)) for side, name in ((before, "before"), (after, "after"))
    )
    counts = word_counts.count(old.texts, new.texts)
    shifts: dict[str, Shift | str] = {}
    if counts is None:
        shifts["vocabulary"] = shifts["words"] = "Whether the words have shifted could not be tested: there are none."
    else:
        shifts["vocabulary"] = vocabulary_shift.find(
            counts, threshold=params.min_unseen, draws=params.draws, random=setting.random("vocabulary")
        )
        telling = telling_words.find(
            counts,
            threshold=params.min_words,
            alpha=params.alpha / len(TESTS),
            draws=params.draws,
            random=setting.random("words"),
        )
        shifts["words"] = telling.shift
        told = telling.words[: params.words]
        found["words"] = [one.word for one in told]
        found["word_counts"] = [{**vars(one), "z": figure(one.z), "p_value": figure(one.p_value)} for one in told]
    if setting.vectors is not None:
        read = vectors.of_encoder(setting.root, setting.vectors, [*old.texts, *new.texts], setting.computing)
    elif counts is not None:
        read = vectors.of_words(counts)
    else:
        why = "Whether new texts can be told from earlier ones could not be tested: there are no words."
        return shifts | {"domain": why}
    shift = domain_shift.find(
        read,
        old.keys,
        new.keys,
        threshold=params.min_auc,
        draws=params.draws,
        random=setting.random("domain"),
    )
    found["domain"] = {"auc": figure(shift.effect), "features": params.features or WORDS}
    return shifts | {"domain": shift}


def _of_champion(before: Window, after: Window, setting: Setting, found: dict[str, Any]) -> dict[str, Shift | str]:
    """The test that asks the champion; puts what it shows into the report."""
    if setting.champion is None:
        return {}
    params = setting.params
    answered = decay.find(
        setting.champion,
        before,
        after,
        threshold=params.min_decay,
        min_rows=params.min_rows,
        max_rows=params.max_rows,
        level=1 - params.alpha,
        random=setting.random("decay"),
        computing=setting.computing,
    )
    if isinstance(answered, Decay):
        found["decay"] = answered.as_json()
        return {"decay": answered.shift}
    return {"decay": answered}


def _judged(shifts: Mapping[str, Shift | str], alpha: float) -> dict[str, Any]:
    """The tests with corrected p-values, and what follows from them."""
    made = [shift for name in TESTS if isinstance(shift := shifts.get(name), Shift)]
    corrected = holm(np.array([shift.p_value for shift in made])).tolist()
    tests = [shift.as_json(p_value, alpha) for shift, p_value in zip(made, corrected, strict=True)]
    reasons = [test["sentence"] for test in tests if test["drifted"]]
    none = f"No drift: of the tests of {listed([test['name'] for test in tests])} none found a shift that counts."
    return {
        "drifted": bool(reasons),
        "reasons": reasons or [none],
        "tests": tests,
        "left_out": [{"name": name, "sentence": shifts[name]} for name in TESTS if isinstance(shifts.get(name), str)],
    }
