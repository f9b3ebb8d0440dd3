"""Parameters of candidates that read a matrix, by their model."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, field_validator

from tasks.block import Block
from tasks.finetune.candidate import Candidate, Weight


class FeatureSelection(Block):
    """A choice of the features that tell classes apart best, made on the rows that the model is fitted on."""

    by: Literal["chi2", "anova"]
    """The statistic: chi-squared (of terms only), or the F value of an analysis of variance."""
    keep: int = Field(ge=1)
    """Features that are kept."""


Share = Annotated[float, Field(gt=0, lt=1)]


class _Classical(Candidate):
    select: FeatureSelection | None = None
    """A choice of features before the model; null keeps all."""
    learning_curve: list[Share] = Field(default_factory=lambda: [0.125, 0.25, 0.5])
    """Shares of the train rows, rising, each of which the model is fitted to once more, to see what more rows give; []
    for none. Together they take about as long as the fit itself. All rows are the last point in any case."""

    @field_validator("learning_curve")
    @classmethod
    def _rising(cls, shares: list[float]) -> list[float]:
        if any(one >= other for one, other in pairwise(shares)):
            raise ValueError("shares that rise")
        if shares and shares[0] > 0.5:
            raise ValueError("a share of at most 0.5, from which to all rows their number doubles")
        return shares


class NaiveBayesParams(_Classical):
    """Naive Bayes."""

    model: Literal["naive_bayes"]
    variant: Literal["multinomial", "complement"] = "multinomial"
    """`complement` learns a class from what is not in it (Rennie et al. 2003), which suits classes of unlike size."""
    alpha: float = Field(default=0.1, gt=0)
    """Additive smoothing; higher is smoother."""


class _Machine(_Classical):
    calibration: Literal["temperature"] = "temperature"
    """Scores of a support vector machine become probabilities by a temperature, which is part of its fit."""


class NbSvmParams(_Machine):
    """Linear SVM on terms that are scaled by their naive Bayes log-count ratios (Wang and Manning 2012)."""

    model: Literal["nb_svm"]
    alpha: float = Field(default=1.0, gt=0)
    """Additive smoothing of the counts; higher is smoother."""
    C: float = Field(default=1.0, gt=0)
    """Inverse strength of L2 regularisation; higher fits the train rows closer."""
    beta: float = Field(default=1.0, gt=0, le=1)
    """Share of the SVM's own weights; the rest is their mean size, as naive Bayes would have it."""


class LinearSvmParams(_Machine):
    """Linear support vector machine; its scores become probabilities by temperature scaling."""

    model: Literal["linear_svm"]
    C: float = Field(default=1.0, gt=0)
    """Inverse strength of L2 regularisation; higher fits the train rows closer."""


class RbfSvmParams(_Machine):
    """Support vector machine with a Gaussian kernel; its scores become probabilities by temperature scaling."""

    model: Literal["rbf_svm"]
    C: float = Field(default=10.0, gt=0)
    """Inverse strength of regularisation; higher fits the train rows closer."""
    gamma: Literal["scale"] | Weight = "scale"
    """Inverse width of the kernel; `scale` takes it from the number and the variance of the features."""


class LogisticRegressionParams(_Classical):
    """Multinomial logistic regression."""

    model: Literal["logistic_regression"]
    C: float = Field(default=1.0, gt=0)
    """Inverse strength of regularisation; higher fits the train rows closer."""
    l1_ratio: float = Field(default=0.0, ge=0, le=1)
    """Share of L1 in the regularisation: 0 is L2 alone, 1 is L1 alone (many weights become 0), between is elastic
    net."""
    max_iter: int = Field(default=1000, ge=1)
    """The most iterations of the solver."""


class RandomForestParams(_Classical):
    """Random forest."""

    model: Literal["random_forest"]
    trees: int = Field(default=300, ge=1)
    """More are steadier and larger."""
    max_depth: int | None = Field(default=None, ge=1)
    """Splits from root to leaf, at most; null for no limit."""
    min_leaf_rows: int = Field(default=1, ge=1)
    """Rows that a leaf must have; more is smoother."""


class GradientBoostingParams(_Classical):
    """Gradient boosting of trees over histograms."""

    model: Literal["gradient_boosting"]
    rounds: int = Field(default=100, ge=1)
    """Trees a class; more fit closer."""
    learning_rate: float = Field(default=0.1, gt=0, le=1)
    """Share of each tree that is added; lower wants more rounds."""
    max_leaves: int = Field(default=31, ge=2)
    """Leaves a tree, at most."""
    min_leaf_rows: int = Field(default=20, ge=1)
    """Rows that a leaf must have; more is smoother."""
    l2: float = Field(default=0.0, ge=0)
    """Regularisation of the leaves' values; higher is smoother."""
    learning_curve: list[Share] = Field(default_factory=list)
    """As elsewhere; none by default, as each fit may take minutes."""


class LinearDiscriminantParams(_Classical):
    """Linear discriminant analysis."""

    model: Literal["linear_discriminant"]
    shrinkage: Literal["auto"] | Annotated[float, Field(ge=0, le=1)] = "auto"
    """How far the covariance is drawn towards a multiple of the identity: 0 not at all, 1 wholly, `auto` as Ledoit
    and Wolf (2004) have it."""


class NearestNeighboursParams(_Classical):
    """k nearest neighbours."""

    model: Literal["nearest_neighbours"]
    neighbours: int = Field(default=10, ge=1)
    """Train rows that vote; at most as many as there are. More are smoother."""
    votes: Literal["uniform", "distance"] = "distance"
    """Whether near rows count more."""
    metric: Literal["cosine", "euclidean"] = "cosine"
    """What is near."""


ClassicalParams = (
    NaiveBayesParams
    | NbSvmParams
    | LinearSvmParams
    | RbfSvmParams
    | LogisticRegressionParams
    | RandomForestParams
    | GradientBoostingParams
    | LinearDiscriminantParams
    | NearestNeighboursParams
)
