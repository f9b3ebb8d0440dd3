"""How the answers of several models become one: votes, means, weighted means, or a regression on top."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tasks.temperature import softened

Method = Literal["vote", "mean", "weighted", "stack"]
Probabilities = npt.NDArray[np.float64]

_TIE = 1e-6  # share of the mean among votes: decides ties, and no other vote
_FLOOR = 1e-6  # a model that is surer than that says little more, and a probability of 0 has no logarithm


@dataclass(frozen=True)
class Combination:
    """How the probabilities of several models are combined.

    - `vote`: each model votes for its most probable class; a class's probability is its share of the votes. A millionth
      of the mean probability is mixed in, so that among classes with the same votes the more probable is the answer.
    - `mean`: of the probabilities.
    - `weighted`: the same, with a weight for each model.
    - `stack`: a logistic regression on the logarithms of all models' probabilities (Wolpert 1992, "Stacked
      Generalization"; with probabilities as its input as in Ting and Witten 1999).

    Attributes:
        weights: with `weighted`, one a model; none is negative, and they sum to 1.
        regression: with `stack`, fitted to what `stacked` gives; its `classes_` are labels.
        temperature: what the logarithms of the combined probabilities are divided by; 1 leaves them as they are.
    """

    method: Method
    weights: tuple[float, ...] = ()
    regression: Any = None
    temperature: float = 1.0

    def __call__(self, parts: Sequence[Probabilities], labels: Sequence[str]) -> Probabilities:
        """Combines the models' probabilities.

        Args:
            parts: [rows, classes] of each model, all in the order of `labels`.

        Returns:
            Probabilities [rows, classes], each row summing to 1.
        """
        mixed = self._mixed(parts, labels)
        return mixed if self.temperature == 1.0 else softened(mixed[None], self.temperature)

    def _mixed(self, parts: Sequence[Probabilities], labels: Sequence[str]) -> Probabilities:
        if self.method == "vote":
            return _votes(parts)
        if self.method == "stack":
            return align(self.regression.predict_proba(stacked(parts)), list(self.regression.classes_), labels)
        if self.method == "weighted":
            return np.asarray(np.tensordot(np.array(self.weights), np.stack(parts), axes=1))
        return np.asarray(np.mean(parts, axis=0))


def align(probabilities: Probabilities, own: Sequence[str], labels: Sequence[str]) -> Probabilities:
    """Puts columns into the order of `labels`; a class that the model does not know has probability 0.

    Args:
        probabilities: [rows, own classes].
        own: the label of each of its columns, all among `labels`.
    """
    columns = {label: number for number, label in enumerate(labels)}
    aligned = np.zeros((len(probabilities), len(labels)))
    aligned[:, [columns[str(label)] for label in own]] = probabilities
    return aligned


def stacked(parts: Sequence[Probabilities]) -> Probabilities:
    """What the regression of `stack` reads [rows, models * classes]: the logarithms of each model's probabilities.

    A probability below a millionth counts as a millionth.
    """
    return np.log(np.maximum(np.concatenate(parts, axis=1), _FLOOR))


def _votes(parts: Sequence[Probabilities]) -> Probabilities:
    rows = np.arange(len(parts[0]))
    shares = np.zeros_like(parts[0])
    for part in parts:
        shares[rows, part.argmax(axis=1)] += 1 / len(parts)
    return np.asarray((1 - _TIE) * shares + _TIE * np.mean(parts, axis=0))
