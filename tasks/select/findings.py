"""All that the stage has found out when it writes the reports and the model card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.contestants import Contestant
from tasks.select.abstention import Abstention
from tasks.select.adaptation import Adapted
from tasks.select.champion import Contest
from tasks.select.choice import Choice
from tasks.select.cutoff import Chosen
from tasks.select.evidence import Evidence
from tasks.select.examination import Examination
from tasks.select.ladder import Ladder
from tasks.select.params import SelectParams
from tasks.select.review import Review
from tasks.select.row_curve import RowCurve


@dataclass(frozen=True)
class Findings:
    """What is known at the end.

    Attributes:
        params: by which it was found.
        declared: all contestants, by name.
        contest: the winner against the champion.
        review: rows that a person should look at.
        adapted: what is known of the adapted encoders.
        row_curves: learning curves by rows, the best candidate's first.
        ladder: what each strategy gives, None where no ladder has been made.
        abstention: when the winner abstains, None for never.
        cutoff: from which threshold on it answers with one of two classes, None without.
    """

    params: SelectParams
    declared: Mapping[str, Contestant]
    evidence: Evidence
    choice: Choice
    examination: Examination
    contest: Contest
    review: Review
    adapted: Sequence[Adapted] = ()
    row_curves: Sequence[RowCurve] = ()
    ladder: Ladder | None = None
    abstention: Abstention | None = None
    cutoff: Chosen | None = None
