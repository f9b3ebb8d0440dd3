"""What is said of a winner that abstains, in sentences."""

from tasks.select import wording
from tasks.select.abstention import Abstention

_NAMED = 6  # classes that are told by name


def sentences(found: Abstention, level: float) -> list[str]:
    """Where it abstains, what that gave on the rows of the choice, and what it gives on the test rows.

    Args:
        level: of the interval on the test rows.
    """
    asked = found.thresholds
    wanted = (
        f"{wording.percent(asked.precision)} of its answers are to be right, with {wording.percent(asked.confidence)} "
        f"confidence{' in each class by itself' if asked.by == 'class' else ''}"
    )
    if not asked.reached:
        return [
            f"{wanted}: the {found.rows_name} show of no threshold that it is so. {_instead(found)}",
            _without(found),
        ]
    values = sorted(value for value in asked.classes.values() if value is not None)
    span = f"{values[0]:.4f}" if values[0] == values[-1] else f"{values[0]:.4f} to {values[-1]:.4f}, by class"
    told = [
        f"{wanted}; so it abstains where its confidence is below {span}. On the {found.rows_name} that this was fitted "
        f"to it answers {wording.percent(found.share.coverage)}, and {_of(found.share.precision)} of these answers are "
        "right. It was also chosen on these rows, which may make that a little too good."
    ]
    if found.few:
        told.append(f"Too few rows were taken for {_names(found.few)}: the threshold of all answers holds there.")
    if found.unreached:
        told.append(f"In {_names(found.unreached)} no threshold is shown to reach it: there it always abstains.")
    return [*told, *_on_test(found, level)]


def _on_test(found: Abstention, level: float) -> list[str]:
    if found.test is None:
        return []
    share, wanted = found.test.share, wording.percent(found.thresholds.precision)
    if found.test.low is None or found.test.high is None:
        return [f"It abstains from all {share.rows:,} test rows."]
    interval = (
        f"{wording.percent(level)} interval {wording.measure(found.test.low)} to {wording.measure(found.test.high)}"
    )
    word = "met" if found.test.met else "not met"
    return [
        f"On the test rows the target of {wanted} is {word}: it answers {share.answered:,} of {share.rows:,} "
        f"({wording.percent(share.coverage)}), and {_of(share.precision)} of these answers are right ({interval})."
    ]


def _instead(found: Abstention) -> str:
    if found.reachable is None:
        return "No lower precision can be shown either; more rows are needed."
    precision, coverage = found.reachable
    return f"They show {wording.percent(precision)}, where {wording.percent(coverage)} of the rows are answered."


def _without(found: Abstention) -> str:
    return (
        "So it has no threshold and abstains from nothing: ask for a lower precision or confidence (select.abstain), "
        f"or give more rows. Of all {found.rows_name} {_of(found.share.precision)} are answered rightly."
    )


def _of(share: float | None) -> str:
    return "none" if share is None else wording.percent(share)


def _names(labels: tuple[str, ...]) -> str:
    shown = list(labels[:_NAMED])
    return wording.listed([*shown, *([f"{len(labels) - _NAMED} more classes"] if len(labels) > _NAMED else [])])
