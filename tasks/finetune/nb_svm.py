"""NB-SVM: a linear SVM on terms that are scaled by their naive Bayes log-count ratios.

Wang and Manning (2012), "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification", sections 2.1 to 2.3;
one class against the rest where there are more than two. The paper counts only whether a term is there, which is the
feature set's `weighting: binary`; other weights that are not negative are taken as they are.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.svm import LinearSVC

Floats = npt.NDArray[np.float64]


class NbSvm(LinearSVC):  # type: ignore[misc]
    """A linear classifier whose weights hold the ratios, so that its scores are linear in the plain terms.

    Args:
        alpha: additive smoothing of the counts.
        beta: share of the SVM's own weights; the rest is their mean size.
        C: inverse strength of L2 regularisation.
        random_state: seed of the solver.
    """

    def __init__(self, alpha: float = 1.0, beta: float = 0.25, C: float = 1.0, random_state: int = 0) -> None:
        super().__init__(C=C, random_state=random_state)
        self.alpha, self.beta = alpha, beta

    def fit(self, X: Any, y: npt.NDArray[Any], sample_weight: Floats | None = None) -> Self:
        """Fits one SVM a class, or one in all for two classes.

        Args:
            X: sparse [rows, terms], none of them negative.
            y: the class of each row, of two classes at least.
            sample_weight: how much each row counts, in the counts of terms too; None for 1.
        """
        weights = np.ones(len(y)) if sample_weight is None else sample_weight
        self.classes_, self.n_features_in_ = np.unique(y), X.shape[1]
        against_rest = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        parts = [self._fit_one(sp.csr_matrix(X), y == name, weights) for name in against_rest]
        self.coef_ = np.stack([coef for coef, _, _ in parts])
        self.intercept_ = np.array([intercept for _, intercept, _ in parts])
        self.n_iter_ = max(iterations for _, _, iterations in parts)
        return self

    def _fit_one(self, X: Any, inside: npt.NDArray[np.bool_], weights: Floats) -> tuple[Floats, float, int]:
        ratio = log_count_ratio(X, inside, weights, self.alpha)
        svm = LinearSVC(C=self.C, random_state=self.random_state)
        svm.fit(X @ sp.diags(ratio), inside, sample_weight=weights)
        own = svm.coef_[0]
        mixed = (1 - self.beta) * np.abs(own).mean() + self.beta * own
        return ratio * mixed, float(svm.intercept_[0]), int(svm.n_iter_)


def log_count_ratio(X: Any, inside: npt.NDArray[np.bool_], weights: Floats, alpha: float) -> Floats:
    """How much more often each term stands in rows of a class than in the others, as a logarithm, [terms].

    Args:
        X: sparse [rows, terms], none of them negative.
        inside: which rows are of the class.
        weights: how much each row counts.
        alpha: added to the count of each term on both sides.
    """
    sides = [alpha + np.asarray(X.T @ (weights * side)).ravel() for side in (inside, ~inside)]
    shares = [np.log(side) - np.log(side.sum()) for side in sides]
    ratio: Floats = shares[0] - shares[1]
    return ratio
