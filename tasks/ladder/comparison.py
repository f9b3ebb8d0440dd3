"""What strategies give: the bootstrap of rungs over rows, widened by what other seeds would change."""

from collections.abc import Mapping, Sequence

import numpy as np

from tasks.scores import LOWER_IS_BETTER, Floats
from tasks.select.bootstrap import replicate
from tasks.select.evidence import Evidence


def replicates(
    found: Evidence, rungs: Mapping[str, Sequence[str]], metric: str, *, draws: int, seed: int
) -> dict[str, Floats]:
    """Measures each rung on `draws` samples of rows.

    A rung's value is the mean over its seeds of the metric on the sampled rows, which are the same for all rungs in a
    draw, so that differences of rungs are paired. What the seeds add is for `seed_noise`.

    Args:
        rungs: from the name of a rung to its candidates, one a seed, in the order of the seeds.

    Returns:
        From the name of each rung to its values [draws].
    """
    names = list(dict.fromkeys(name for candidates in rungs.values() for name in candidates))
    outcomes = [found.named(name).outcome for name in names]
    values = replicate(found.actual, outcomes, [metric], classes=len(found.classes), draws=draws, seed=seed)[metric]
    by_name = dict(zip(names, values, strict=True))
    return {rung: np.mean([by_name[name] for name in candidates], axis=0) for rung, candidates in rungs.items()}


def seed_noise(differences: Sequence[float], draws: int, seed: int) -> Floats:
    """How far the mean difference of two rungs may be off because of their few seeds, [draws].

    Draws of s / sqrt(n) times Student's t with n - 1 degrees of freedom (Student 1908, "The probable error of a mean"),
    s being the standard deviation of the differences. Seeds drawn with replacement would vary by less than that: the
    variance of n that are drawn is too small by (n - 1) / n, and its tails are those of a normal distribution at best,
    which matters with three.

    Args:
        differences: of the metric, one a seed; at least two.
    """
    count = len(differences)
    random = np.random.default_rng([seed, count])  # another stream than that of the rows
    spread = float(np.std(differences, ddof=1)) / float(np.sqrt(count))
    return spread * random.standard_t(count - 1, size=draws)


def sign(metric: str) -> float:
    """What a difference is multiplied with so that better is above 0."""
    return -1.0 if metric in LOWER_IS_BETTER else 1.0
