"""Whether the labels come in other shares than before."""

from collections.abc import Mapping

import numpy as np

from tasks.retraining.shift import Shift, percent
from tasks.scores import Floats, Ints
from tasks.select import wording

_EXPECTED = 5  # rows in each cell from which on the approximation holds (Cochran 1952, "The chi-squared test of
# goodness of fit")
_NAMED = 3  # labels


def find(
    before: Mapping[str, int], after: Mapping[str, int], *, threshold: float, draws: int, random: np.random.Generator
) -> Shift | None:
    """Compares the shares of the labels that both sides have.

    Pearson's chi-squared test of homogeneity; where a cell has fewer than five expected rows its permutation form, with
    both margins fixed (Agresti 2013, "Categorical Data Analysis", section 3.5). The effect is the total variation
    distance between the shares, 0 to 1.

    Args:
        before: the rows of each label.
        after: the same of the new rows.
        threshold: the least effect that counts.
        draws: of the permutation form.

    Returns:
        None if they have fewer than two labels in common.
    """
    from scipy import stats

    shared = sorted(set(before) & set(after))
    if len(shared) < 2:
        return None
    table = np.array([[some[label] for label in shared] for some in (before, after)])
    statistic, p_value, _, expected = stats.chi2_contingency(table, correction=False)
    if expected.min() < _EXPECTED:
        p_value = _permuted(table, expected, float(statistic), draws, random)
    old, new = table / table.sum(axis=1, keepdims=True)
    distance = float(np.abs(new - old).sum() / 2)
    told = f"they are {percent(distance)} apart ({100 * threshold:g} % or more count){_most(shared, old, new)}"
    return Shift("labels", float(statistic), distance, float(p_value), threshold, told)


def _permuted(table: Ints, expected: Floats, statistic: float, draws: int, random: np.random.Generator) -> float:
    """The share of random tables with the same margins that are no nearer to the expected one.

    One is added to both counts (Davison and Hinkley 1997, "Bootstrap Methods and their Application", section 4.2).
    """
    drawn = random.multivariate_hypergeometric(table.sum(axis=0), int(table[1].sum()), size=draws, method="marginals")
    # What a label has too much of on one side, it has too little of on the other.
    found = ((drawn - expected[1]) ** 2 * (1 / expected[0] + 1 / expected[1])).sum(axis=1)
    return (1 + int((found >= statistic - 1e-9).sum())) / (draws + 1)


def _most(labels: list[str], old: Floats, new: Floats) -> str:
    changed = np.round(np.abs(new - old), 4)
    order = [at for at in np.argsort(-changed, kind="stable")[:_NAMED] if changed[at]]
    names = [f"{labels[at]} ({percent(old[at])} before, {percent(new[at])} now)" for at in order]
    return f", most for {wording.listed(names)}" if names else ""
