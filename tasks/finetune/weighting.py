"""What a candidate's `class_weight` means, for every family of models.

- `none`: every row counts the same.
- `balanced`: each row counts by the inverse of its class's share, so that all classes count the same.
- `sampled`: rows of small classes are drawn more often, until each class has as many as the largest.
- a mapping: each row counts as its class's weight says, 1 for classes that are not named.

Networks weigh the loss of each row, or draw rows anew for each epoch. Models of scikit-learn take weights of rows,
where a row that is drawn twice weighs 2.
"""

import numpy as np
import numpy.typing as npt

from tasks.errors import BadInput
from tasks.finetune.params import ClassWeight

Weights = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


def class_weights(setting: ClassWeight, labels: Indices, classes: list[str]) -> Weights:
    """How much a row of each class counts, such that the mean over all rows is 1.

    Args:
        labels: the class number of each row.
        classes: the names of the classes.

    Returns:
        float64 [classes]: 1 for all where rows are not weighed (`none`, and `sampled`, which draws them instead), and
        for classes without a row where they are weighed by their share.

    Raises:
        BadInput: if a class is named that no train row has.
    """
    rows = np.bincount(labels, minlength=len(classes))
    if setting in ("none", "sampled"):
        return np.ones(len(classes))
    if isinstance(setting, dict):
        weights = _declared(setting, classes)
        return weights * len(labels) / (weights @ rows)
    there = rows > 0
    weights = np.ones(len(classes))
    weights[there] = len(labels) / (there.sum() * rows[there])
    return weights


def sampled_rows(labels: Indices, seed: int, epoch: int = 0) -> Indices:
    """Draws rows such that each class has as many as the largest.

    A small class gives all its rows as often as they fit in whole, and the rest is drawn from them without repetition.

    Args:
        labels: the class number of each row.
        epoch: each has a draw of its own.

    Returns:
        Numbers of rows, sorted, each row of `labels` at least once.
    """
    generator = np.random.default_rng([seed, epoch])
    rows = [np.flatnonzero(labels == number) for number in np.unique(labels)]
    most = max(len(own) for own in rows)
    drawn = []
    for own in rows:
        whole, rest = divmod(most, len(own))
        drawn += [np.repeat(own, whole), generator.choice(own, rest, replace=False)]
    return np.sort(np.concatenate(drawn))


def row_weights(setting: ClassWeight, labels: Indices, classes: list[str], seed: int) -> Weights:
    """How much each row counts in one fit of a model without epochs, float64 [rows].

    Raises:
        BadInput: if a class is named that no train row has.
    """
    if setting == "sampled":
        return np.bincount(sampled_rows(labels, seed), minlength=len(labels)).astype(np.float64)
    return class_weights(setting, labels, classes)[labels]


def _declared(setting: dict[str, float], classes: list[str]) -> Weights:
    unknown = [name for name in setting if name not in classes]
    if unknown:
        known = ", ".join(classes[:20]) + (", ..." if len(classes) > 20 else "")
        found = ", ".join(map(repr, unknown))
        raise BadInput("class_weight", f"classes of the train rows ({known})", found, "Correct the candidate's key.")
    return np.array([setting.get(name, 1.0) for name in classes], dtype=np.float64)
