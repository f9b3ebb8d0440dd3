"""Two shares of rows that are right, compared: an exact test and an interval for few rows."""


def fisher(right: int, rows: int, other_right: int, other_rows: int) -> float:
    """The p-value for the first share being no less than the second: Fisher's exact test, one-sided.

    Fisher (1935), "The logic of inductive inference": given how many are right in all, the number of them on one side
    is hypergeometric.
    """
    from scipy import stats

    table = [[right, rows - right], [other_right, other_rows - other_right]]
    return float(stats.fisher_exact(table, alternative="less").pvalue)


def newcombe(right: int, rows: int, other_right: int, other_rows: int, level: float) -> tuple[float, float]:
    """The interval of the first share minus the second, from the two intervals of Wilson.

    Newcombe (1998), "Interval estimation for the difference between independent proportions: comparison of eleven
    methods", method 10: within -1 and 1, and honest for few rows and for shares near 0 and 1.

    Args:
        right: of the first rows.
        rows: the first ones.
        other_right: of the second rows.
        other_rows: the second ones.
        level: of confidence, such as 0.95.
    """
    from scipy import stats

    share, other = right / rows, other_right / other_rows
    one = stats.binomtest(right, rows).proportion_ci(level, "wilson")
    two = stats.binomtest(other_right, other_rows).proportion_ci(level, "wilson")
    below = ((share - one.low) ** 2 + (two.high - other) ** 2) ** 0.5
    above = ((one.high - share) ** 2 + (other - two.low) ** 2) ** 0.5
    return float(share - other - below), float(share - other + above)
