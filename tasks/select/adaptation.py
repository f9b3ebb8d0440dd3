"""Whether an adapted encoder pays: each candidate that reads one, against its twin that reads the plain encoder.

They are compared on validation rows, whichever rows the choice is made on: the adapted encoder has read the texts of
the train rows, so that out-of-fold predictions of these would favour it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tasks import contestants
from tasks.base_encoder import base_of
from tasks.files import read_json
from tasks.scores import LOWER_IS_BETTER
from tasks.select import curves, evidence, wording
from tasks.select.bootstrap import interval, replicate
from tasks.select.evidence import Evidence
from tasks.select.params import SelectParams

_LOSSES = {"train_loss": "training loss", "held_out_loss": "held-out loss"}
_NEW_HEADS = {"mlm": "the head that guesses words", "tsdae": "the decoder that rebuilds texts"}
Tree = Mapping[str, Any]


@dataclass(frozen=True)
class Gain:
    """What a candidate has of its adapted encoder.

    Attributes:
        candidate: that reads the adapted encoder.
        twin: declared alike, but for its encoder, which is the one that the adapted one started from.
        value: the candidate's metric on validation rows.
        twin_value: the twin's.
        gain: how much better the candidate is; negative if worse.
        low: lower end of the gain's interval.
        high: upper end.
        better_in: share of the draws in which the candidate is better.
        pays: whether the whole interval lies above 0.
    """

    encoder: str
    candidate: str
    twin: str
    metric: str
    value: float
    twin_value: float
    gain: float
    low: float
    high: float
    better_in: float
    pays: bool


@dataclass(frozen=True)
class Adapted:
    """An adapted encoder.

    Attributes:
        base: the name of the encoder that it started from, or where its files come from.
        before: the held-out loss before the adaptation, in nats.
        after: the same after it.
        head: `new` if what was trained on the encoder started at random, so that the loss before is that of chance.
        picture: the learning curve.
        gains: of the candidates that have a plain twin.
        sentences: the gains in words, or that there is none.
    """

    name: str
    base: str
    objective: str
    before: float
    after: float
    head: str
    picture: Markup | None
    gains: list[Gain]
    sentences: list[str]

    @property
    def loss_sentence(self) -> str:
        """How the held-out loss went, and how little that may say."""
        went = " to ".join(wording.significant(loss) for loss in (self.before, self.after))
        if self.head != "new":
            return f"The loss of {self.name} on held-out texts went from {went} nats."
        return (
            f"The loss of {self.name} on held-out texts went from {went} nats; as {_NEW_HEADS[self.objective]} was "
            "new, the first is that of chance, and a fall does not show that the encoder learned."
        )

    def as_json(self) -> dict[str, Any]:
        """What `reports/selection.json` holds of it."""
        loss = {"before": self.before, "after": self.after}
        gains = [{name: value for name, value in asdict(gain).items() if name != "encoder"} for gain in self.gains]
        about = {"encoder": self.name, "base": self.base, "objective": self.objective, "head": self.head}
        return about | {"held_out_loss": loss, "gains": gains}


def read(root: Path, found: Evidence, params: SelectParams, seed: int, tree: Tree) -> list[Adapted]:
    """The adapted encoders that candidates read, in the order of their declaration.

    Args:
        tree: the parameters as they were written.

    Raises:
        BadInput: if predictions of the validation rows are missing.
    """
    pairs, out_of_fold = twins(tree), found.rows == "out_of_fold"
    if pairs and found.rows != "validation":
        names = sorted({name for pair in pairs for name in pair[1:]})
        declared = contestants.declared(root)
        found = evidence.read(root, [declared[name] for name in names], "validation")
    gains = [_gain(found, params, seed, *pair) for pair in pairs]
    recipes = [*tree["candidates"].values(), *(tree.get("students") or {}).values()]
    used = {_encoder_of(tree, recipe) for recipe in recipes}
    return [
        _adapted(root, name, entry, [gain for gain in gains if gain.encoder == name], params, out_of_fold=out_of_fold)
        for name, entry in (tree.get("encoders") or {}).items()
        if name in used and entry.get("objective", "none") != "none"
    ]


def readers(tree: Tree) -> list[str]:
    """The candidates that read an adapted encoder."""
    encoders = tree.get("encoders") or {}
    plain = {"objective": "none"}
    return [
        name
        for name in tree["candidates"]
        if encoders.get(_encoder_of(tree, tree["candidates"][name]), plain).get("objective", "none") != "none"
    ]


def twins(tree: Tree) -> list[tuple[str, str, str]]:
    """Adapted encoder, candidate that reads it and plain twin, for each such pair.

    Two that start from the same earlier model (`warm_start`) are no such pair, as that model's encoder takes the place
    of both of theirs.
    """
    encoders, candidates = tree.get("encoders") or {}, tree["candidates"]
    found = []
    for name in readers(tree):
        own = _encoder_of(tree, candidates[name])
        if _starts_warm(tree, name):
            continue
        for other in candidates:
            plain = _encoder_of(tree, candidates[other])
            if (
                plain in encoders
                and encoders[plain].get("objective", "none") == "none"
                and encoders[base_of(own, encoders)]["source"] == encoders[plain]["source"]
                and _but_for_encoder(tree, name) == _but_for_encoder(tree, other)
            ):
                found.append((own, name, other))
    return found


def _encoder_of(tree: Tree, recipe: Mapping[str, Any]) -> str:
    features = (tree.get("features") or {}).get(recipe.get("features"), {})
    return str(features.get("encoder"))


def _starts_warm(tree: Tree, candidate: str) -> bool:
    return str(tree["candidates"][candidate].get("warm_start", "none")) != "none"


def _but_for_encoder(tree: Tree, candidate: str) -> dict[str, Any]:
    recipe = tree["candidates"][candidate]
    return dict(recipe) | {"features": dict(tree["features"][recipe["features"]]) | {"encoder": None}}


def _gain(found: Evidence, params: SelectParams, seed: int, encoder: str, name: str, twin: str) -> Gain:
    pair = [found.named(one) for one in (name, twin)]
    sign = -1.0 if params.metric in LOWER_IS_BETTER else 1.0
    outcomes = [one.outcome for one in pair]
    classes = len(found.classes)
    own, other = replicate(found.actual, outcomes, [params.metric], classes=classes, draws=params.draws, seed=seed)[
        params.metric
    ]
    low, high = interval(sign * (own - other), params.level)
    value, twin_value = (float(one.validation[params.metric]) for one in pair)
    return Gain(
        encoder=encoder,
        candidate=name,
        twin=twin,
        metric=params.metric,
        value=value,
        twin_value=twin_value,
        gain=sign * (value - twin_value),
        low=low,
        high=high,
        better_in=float((sign * (own - other) > 0).mean()),
        pays=low > 0,
    )


def _adapted(
    root: Path, name: str, entry: Mapping[str, Any], gains: list[Gain], params: SelectParams, *, out_of_fold: bool
) -> Adapted:
    points = read_json(root / "plots/adapt" / f"{name}.json")
    sentences = [_sentence(gain, params) for gain in gains]
    lone = (
        f"Whether {name} pays is not known: no candidate that reads it has a plain twin, declared alike but for the "
        "encoder that it started from."
    )
    favoured = (
        f"The choice is made on out-of-fold rows, as was declared: {name} has read their texts, which favours those "
        "that read it."
    )
    return Adapted(
        name=name,
        base=str(entry["source"]),
        objective=str(entry["objective"]),
        before=points[0]["held_out_loss"],
        after=points[-1]["held_out_loss"],
        head=str(points[0].get("head", "none")),
        picture=curves.draw(points, _LOSSES),
        gains=gains,
        sentences=[*(sentences or [lone]), *([favoured] if out_of_fold else [])],
    )


def _sentence(gain: Gain, params: SelectParams) -> str:
    verdict = "pays" if gain.pays else "does harm" if gain.high < 0 else "is not shown to pay"
    metric, level = wording.name(gain.metric), wording.percent(params.level)
    return (
        f"{gain.encoder} {verdict}: with it, {gain.candidate} reaches a {metric} of {wording.measure(gain.value)} on "
        f"the validation rows, and {gain.twin}, its plain twin, {wording.measure(gain.twin_value)}. That is a gain of "
        f"{wording.measure(gain.gain)} ({level} interval {wording.measure(gain.low)} to {wording.measure(gain.high)}), "
        f"and {gain.candidate} is the better one in {wording.share(gain.better_in)} of {params.draws:,} draws of the "
        "paired bootstrap."
    )
