"""Sets aside the rows of classes that nothing could be learnt about."""

from collections import Counter
from collections.abc import Iterable

from tasks.clean.candidate import Candidate
from tasks.clean.judge import Decision


def without_small(rows: Iterable[Candidate], decisions: dict[int, Decision], at_least: int) -> dict[int, Decision]:
    """The decisions once the rows of classes that are too small, or absent from train, are set aside.

    Args:
        rows: all rows that `decisions` names by their places.
        at_least: the fewest rows that a class must have over all splits.
    """
    kept = [(row, decisions[row.place].split) for row in rows if decisions[row.place].split is not None]
    count = Counter(row.label for row, _ in kept)
    learnable = {row.label for row, split in kept if split == "train"}
    changed = dict(decisions)
    for row, split in kept:
        if count[row.label] < at_least:
            reason = f"class too small: {row.label!r} has {count[row.label]} of {at_least} rows"
            changed[row.place] = Decision(None, "class too small", reason)
        elif row.label not in learnable:
            reason = f"class not in train: {row.label!r} has no row there"
            changed[row.place] = Decision(None, "class not in train", reason, meant=split)
    return changed
