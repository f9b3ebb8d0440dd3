"""Which test rows neither the champion nor the challenger has learned from: those that can be compared on fairly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks import learned_rows
from tasks.learned_rows import Hashes
from tasks.scores import Ints


@dataclass(frozen=True)
class Unseen:
    """The test rows that neither has learned from.

    A row may be known to a champion where the split is another than it was: another salt, other shares, other times,
    or another official test split.

    Attributes:
        rows: their numbers [rows].
        total: of all test rows.
        champion: how many the champion has learned from; None if it does not tell.
        challenger: how many the challenger has learned from.
    """

    rows: Ints
    total: int
    champion: int | None
    challenger: int

    @property
    def left_out(self) -> int:
        """Test rows that one of the two has learned from."""
        return self.total - len(self.rows)

    def as_json(self) -> dict[str, Any]:
        """The form in `reports/selection.json`, below `champion`."""
        return {"rows": self.left_out, "champion": self.champion, "challenger": self.challenger}

    def sentences(self, version: str) -> list[str]:
        """What is to be said of it; nothing where no row had to be left out.

        Args:
            version: of the champion.
        """
        told = []
        if self.champion is None:
            told.append(
                f"The champion {version} does not tell which rows it learned from, so whether test rows are among them "
                "is unknown; if some are, the comparison favours it."
            )
        if self.left_out:
            of_champion = f"{self.champion or 0:,} that the champion learned from"
            of_challenger = f"{self.challenger:,} that the new model learned from"
            each = [
                sentence
                for sentence, count in ((of_champion, self.champion), (of_challenger, self.challenger))
                if count
            ]
            told.append(f"{self.left_out:,} of {self.total:,} test rows were left out: {' and '.join(each)}.")
        return told


def find(texts: Sequence[str], champion: Hashes | None, clean: Callable[[str], str], challenger: Hashes) -> Unseen:
    """Looks for test rows among those that the two have learned from.

    Args:
        texts: of the test rows, cleaned as they are now.
        champion: the hashes of what the champion learned from; None if it does not tell.
        clean: cleans a text as the champion's rows were. A text counts as known in either form; only where the
            rules take away what the champion's left may a known one go unnoticed.
        challenger: the hashes of what the challenger learned from.
    """
    now = learned_rows.hashes(texts)
    by_challenger = np.isin(now, challenger)
    if champion is None:
        by_champion = np.zeros(len(texts), dtype=np.bool_)
    else:
        by_champion = np.isin(now, champion) | np.isin(learned_rows.hashes(map(clean, texts)), champion)
    return Unseen(
        rows=np.flatnonzero(~(by_champion | by_challenger)),
        total=len(texts),
        champion=None if champion is None else int(by_champion.sum()),
        challenger=int(by_challenger.sum()),
    )
