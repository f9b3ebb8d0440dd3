"""A confidence bound that holds however often it is looked at while rows come in."""

import math

FULL_ROWS = 1000
"""The number of rows at which the bound is tightest. It is fixed, because it must be the same at each look."""


def factor(rows: int, confidence: float) -> float:
    """How many standard errors a one-sided bound lies below (or above) an estimate.

    Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), "Time-uniform central limit theory and asymptotic confidence
    sequences", Annals of Statistics 52: the one-sided form of their theorem 2.2, with rho as in their appendix on
    tuning. A bound of `factor` standard errors misses at any of all looks, as rows are added to those that were looked
    at before, with a probability of 1 - confidence at most, when rows are many; one that is made for a single look
    (1.64 at 0.95) is wrong more often the more often one looks. At 0.95 it is 3.0 for 200 rows, 2.8 for 1,000, 3.0 for
    10,000.

    Args:
        rows: that the estimate is made of, at least 1.
        confidence: from 0.5 on, below 1.
    """
    risk = 1 - confidence
    wanted = -2 * math.log(risk)
    spread = rows * (wanted + math.log(wanted + 1)) / FULL_ROWS
    return math.sqrt(2 * (spread + 1) / spread * math.log1p(math.sqrt(spread + 1) / (2 * risk)))
