"""Temperatures within models of scikit-learn: what their softmax is taken of is divided once and for all.

So a calibrated model is of the same sort as before, and whatever library loads it answers calibrated.
"""

from typing import Any

CALIBRATED = "its scores are divided by a temperature when it is fitted"
"""Why support vector machines stay as they are."""

VOTES = "its probabilities are shares of votes, not the softmax of anything that could be divided"
"""Why forests and nearest neighbours stay as they are."""


def coefficients(model: Any, temperature: float) -> None:
    """Divides the coefficients of a linear model."""
    model.coef_ = model.coef_ / temperature
    model.intercept_ = model.intercept_ / temperature


def log_probabilities(model: Any, temperature: float) -> None:
    """Divides the logarithms that naive Bayes adds up; the counts that it learnt stay."""
    model.feature_log_prob_ = model.feature_log_prob_ / temperature
    model.class_log_prior_ = model.class_log_prior_ / temperature


def leaves(model: Any, temperature: float) -> None:
    """Divides the values in the leaves of boosted trees, and where these start from."""
    model._baseline_prediction = model._baseline_prediction / temperature
    for trees in model._predictors:  # of one round, a tree a class
        for tree in trees:
            tree.nodes["value"] /= temperature
