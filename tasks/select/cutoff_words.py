"""What is said of a winner that answers with one of two classes from a threshold on, in sentences."""

from tasks.select import wording
from tasks.select.cutoff import Chosen, OnTest
from tasks.select.tally import Tally


def sentences(found: Chosen, level: float) -> list[str]:
    """From where on it answers with the class, what that gave on the rows of the choice, and on the test rows.

    Args:
        level: of the intervals on the test rows.
    """
    label, cutoff = found.cutoff.label, found.cutoff.cutoff
    if cutoff is None:
        return [
            f"{_wanted(found)}: the {found.rows_name} show of no threshold that it is so. So there is none, and the "
            "more probable class is the answer: ask for less (select.threshold), or give more rows."
        ]
    told = (
        f"{_wanted(found)}; so it answers {label} where the probability of that is {cutoff:.4f} or more, and "
        f"{found.cutoff.other} elsewhere. On the {found.rows_name} that this was chosen on, "
        f"{_changed(found.before, found.after)}. The model was chosen on these rows too, which may make that a little "
        "too good."
    )
    return [told, *([] if found.test is None else [_on_test(found, found.test, level)])]


def _wanted(found: Chosen) -> str:
    asked = found.asked
    if asked.metric is not None:
        return (
            f"The {wording.name(asked.metric)}{f' of {asked.label}' if asked.metric == 'f1' else ''} is to be the best"
        )
    sure = f"with {wording.percent(asked.confidence)} confidence"
    if asked.precision is not None:
        return f"{wording.percent(asked.precision)} of the rows answered with {asked.label} are to be of it, {sure}"
    return f"{wording.percent(asked.recall or 0.0)} of the rows of {asked.label} are to be found, {sure}"


def _changed(before: Tally, after: Tally) -> str:
    return (
        f"{after.found:,} of {after.found + after.missed:,} such rows are found ({before.found:,} without the "
        f"threshold), and {after.wrong:,} others are taken for them ({before.wrong:,} without)"
    )


def _on_test(found: Chosen, test: OnTest, level: float) -> str:
    aim, wanted = found.asked.aim
    told = f"On the {sum(test.after.cells):,} test rows {_changed(test.before, test.after)}."
    if aim not in test.intervals:
        return f"{told} There is no {wording.name(aim)} of them."
    low, high = test.intervals[aim]
    interval = f"{wording.percent(level)} interval {wording.measure(low)} to {wording.measure(high)}"
    reached = f"{wording.measure(test.after.measures[aim])} ({interval})"
    if wanted is None:
        without = wording.measure(test.before.measures[aim])
        return f"{told} The {wording.name(aim)} is {reached}; without the threshold it is {without}."
    word = "met" if test.met else "not met"
    return f"{told} The {aim} of {wording.percent(wanted)} that was asked for is {word}: it is {reached}."
