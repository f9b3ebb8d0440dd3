"""The report in one sentence: what is to be done, with which model, how good it is, and why."""

from tasks.select import wording
from tasks.select.champion import Contest
from tasks.select.examination import Examination


def write(winner: str, examination: Examination, contest: Contest, metric: str) -> str:
    """The sentence above the reports, without a full stop.

    Args:
        winner: its name.
        metric: that the choice was made by.
    """
    low, high = examination.intervals[metric]
    stays = "" if contest.champion is None or contest.verdict.word == "PROMOTE" else _stays(contest.champion.version)
    return (
        f"{contest.verdict.word.capitalize()} {winner}{stays}: {wording.name(metric)} "
        f"{wording.measure(examination.measures[metric])} ({wording.measure(low)} to {wording.measure(high)}) on "
        f"{examination.rows:,} test {'row' if examination.rows == 1 else 'rows'}; {contest.verdict.main}"
    )


def _stays(version: str) -> str:
    return f", champion {version} stays"
