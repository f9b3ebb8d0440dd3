"""A ladder in sentences."""

from collections.abc import Sequence

from tasks.select import wording
from tasks.select.ladder import Rung


def headline(rungs: Sequence[Rung], metric: str) -> str:
    """What it all comes to: which strategies pay when they are switched on, and how far they lead."""
    climb = [rung for rung in rungs if rung.kind == "climb"]
    kept = [str(rung.strategy) for rung in climb if rung.gain is not None and rung.gain.word == "keep"]
    top = next((rung for rung in reversed(climb) if rung.value is not None), None)
    bottom = climb[0]
    who = f"{wording.listed(kept)} {'pays' if len(kept) == 1 else 'pay'}" if kept else "no strategy is seen to pay"
    text = f"On these rows, {who}"
    if top is not None and top is not bottom and top.value is not None and bottom.value is not None:
        end = "with all strategies" if top is climb[-1] else f'at rung "{top.name}"'
        name = wording.name(metric)
        text += f": {name} {wording.measure(bottom.value)} plain, {wording.measure(top.value)} {end}"
    return f"{text}."


def sentences(rungs: Sequence[Rung]) -> list[str]:
    """What else to know: what the full recipe could do without, what harms, what was off with others, what failed."""
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
    return told


def _either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]} (one at a time)"
