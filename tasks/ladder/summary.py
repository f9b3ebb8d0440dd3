"""A ladder in sentences."""

from collections.abc import Sequence

from tasks.scores import LOWER_IS_BETTER
from tasks.select import wording
from tasks.select.ladder import Rung

_PHRASES = {
    "pays": ("{} pays", "{} pay"),
    "alone": ("{} pays only while nothing later replaces it", "{} pay only while nothing later replaces them"),
    "together": ("{} pays only with the others", "{} pay only with the others"),
    "harms": ("{} does harm", "{} do harm"),
    "mixed": ("{} does harm in one place and good in the other", "{} do harm in one place and good in the other"),
}
"""What is said of one strategy, and of more."""


def headline(rungs: Sequence[Rung], metric: str) -> str:
    """What it all comes to: what each strategy is worth by both of its rungs, and how far the climb leads."""
    climb = [rung for rung in rungs if rung.kind == "climb"]
    verdicts = {str(rung.strategy): _verdict(rungs, rung.strategy) for rung in climb if rung.strategy is not None}
    told = []
    for verdict, (one, more) in _PHRASES.items():
        names = [name for name, own in verdicts.items() if own == verdict]
        if names:
            told.append((one if len(names) == 1 else more).format(wording.listed(names)))
    top = next((rung for rung in reversed(climb) if rung.value is not None), None)
    bottom = climb[0]
    text = f"On these rows, {'; '.join(told) or 'no strategy is seen to pay'}"
    if top is not None and top is not bottom and top.value is not None and bottom.value is not None:
        end = "with all strategies" if top is climb[-1] else f'at rung "{top.name}"'
        name = wording.name(metric)
        text += f": {name} {wording.measure(bottom.value)} plain, {wording.measure(top.value)} {end}"
    return f"{text}."


def _verdict(rungs: Sequence[Rung], strategy: str | None) -> str | None:
    """A key of `_PHRASES`, from the words on both rungs of a strategy; None where nothing was seen.

    A rung that could not be compared has no say.
    """
    words = {rung.kind: rung.gain.word for rung in rungs if rung.strategy == strategy and rung.gain is not None}
    found = set(words.values())
    if "harmful" in found:
        return "mixed" if "keep" in found else "harms"
    if "keep" not in found:
        return None
    if len(words) == 1 or found == {"keep"}:
        return "pays"
    return "alone" if words["climb"] == "keep" else "together"


def best(rungs: Sequence[Rung], metric: str) -> str | None:
    """The recipe with the best mean, and what is on in it; None where all failed."""
    made = [rung for rung in rungs if rung.value is not None]
    if not made:
        return None
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    top = max(made, key=lambda rung: sign * float(rung.value or 0.0))  # the first, if more are equal
    on = wording.listed(_on(rungs, top) or ["no strategy"])
    mean = wording.measure(float(top.value or 0.0))
    return f'Of all these recipes, "{top.name}" has the best mean, {wording.name(metric)} {mean}, with {on}.'


def _on(rungs: Sequence[Rung], rung: Rung) -> list[str]:
    names = [str(one.strategy) for one in rungs if one.kind == "climb" and one.strategy is not None]
    if rung.kind == "ablation":
        return [name for name in names if name not in (rung.strategy, *rung.follows)]
    return [] if rung.strategy is None else names[: names.index(rung.strategy) + 1]


def sentences(rungs: Sequence[Rung], metric: str) -> list[str]:
    """What else to know: what the full recipe could do without, what was off with others, what failed; what is best."""
    told = []
    ablation = [rung for rung in rungs if rung.kind == "ablation"]
    for word, phrase in (
        ("keep", "The full recipe is clearly worse without {}."),
        ("no difference seen", "The full recipe without {} is not seen to be worse."),
        ("costs more than it gives", "In the full recipe, {} may be left out: more is paid for it than it gives."),
        ("harmful", "The full recipe is clearly better without {}."),
    ):
        names = [str(rung.strategy) for rung in ablation if rung.gain is not None and rung.gain.word == word]
        if names:
            told.append(phrase.format(wording.listed(names) if word != "no difference seen" else _either(names)))
    for rung in ablation:
        if rung.follows:
            verb = "needs" if len(rung.follows) == 1 else "need"
            told.append(
                f"Without {rung.strategy}, {wording.listed(rung.follows)} {'is' if len(rung.follows) == 1 else 'are'} "
                f"off too, as {'it' if len(rung.follows) == 1 else 'they'} {verb} it."
            )
    told += [f'Rung "{rung.name}" failed: {rung.failed}' for rung in rungs if rung.failed is not None]
    closing = best(rungs, metric)
    return told if closing is None else [*told, closing]


def _either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]} (one at a time)"
