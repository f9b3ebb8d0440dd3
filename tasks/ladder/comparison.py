"""What strategies give: the bootstrap of rungs, over rows and seeds at once."""

from collections.abc import Mapping, Sequence

import numpy as np

from tasks.scores import LOWER_IS_BETTER, Floats
from tasks.select.bootstrap import replicate
from tasks.select.evidence import Evidence


def replicates(
    found: Evidence, rungs: Mapping[str, Sequence[str]], metric: str, *, draws: int, seed: int
) -> dict[str, Floats]:
    """Measures each rung on `draws` samples of rows and seeds.

    In each draw the rows are sampled with replacement, and independently of them the seeds; a rung's value is the mean
    over the sampled seeds of the metric on the sampled rows. Rows and seeds are the same for all rungs in a draw, so
    that differences of rungs are paired (Owen 2007, "The pigeonhole bootstrap", sections 1 and 3).

    Args:
        rungs: from the name of a rung to its candidates, one a seed, in the order of the seeds.

    Returns:
        From the name of each rung to its values [draws].
    """
    names = list(dict.fromkeys(name for candidates in rungs.values() for name in candidates))
    outcomes = [found.named(name).outcome for name in names]
    values = replicate(found.actual, outcomes, [metric], classes=len(found.classes), draws=draws, seed=seed)[metric]
    by_name = dict(zip(names, values, strict=True))
    count = len(next(iter(rungs.values())))
    shares = seed_shares(count, draws, seed)
    return {
        rung: np.einsum("ds,sd->d", shares, np.stack([by_name[name] for name in candidates]))
        for rung, candidates in rungs.items()
    }


def seed_shares(count: int, draws: int, seed: int) -> Floats:
    """What each seed counts in each draw, [draws, count], each row summing to 1."""
    random = np.random.default_rng([seed, count])  # another stream than that of the rows
    return random.multinomial(count, np.full(count, 1 / count), size=draws) / count


def sign(metric: str) -> float:
    """What a difference is multiplied with so that better is above 0."""
    return -1.0 if metric in LOWER_IS_BETTER else 1.0
