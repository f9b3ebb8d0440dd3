"""The choice of the features that tell the classes apart best."""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.feature_selection import SelectKBest, chi2, f_classif

from tasks.errors import BadInput
from tasks.finetune.params import FeatureSelection
from tasks.progress import log


def fit(params: FeatureSelection, X: Any, labels: npt.NDArray[np.str_]) -> SelectKBest:
    """Ranks the features on these rows. A feature that never changes ranks last.

    Args:
        X: [rows, features]; for chi-squared sparse, without negative values.

    Raises:
        BadInput: if chi-squared is to rank dense features.
    """
    if params.by == "chi2" and not sp.issparse(X):
        raise BadInput(
            "select.by", "anova for dense features", "chi2, which takes counts of terms alone", "Write anova."
        )
    there = X.shape[1]
    if params.keep > there:
        log(f"select.keep: all {there:,} features are kept, as there are no {params.keep:,}")
    selector = SelectKBest(chi2 if params.by == "chi2" else f_classif, k=min(params.keep, there))
    with warnings.catch_warnings():
        # What scikit-learn has to say of features, or of all rows of a class, that do not vary.
        warnings.filterwarnings("ignore", "Features .* are constant", UserWarning)
        warnings.filterwarnings("ignore", "(invalid value|divide by zero)", RuntimeWarning)
        return selector.fit(X, labels)
