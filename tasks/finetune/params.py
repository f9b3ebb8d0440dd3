"""Parameters of one candidate, by its model, and of the cross-validation of all; each sort has a file of its own."""

from typing import Literal

from pydantic import Field, field_validator

from tasks.block import Block
from tasks.finetune.candidate import ClassWeight, Range, Search
from tasks.finetune.classical_params import (
    ClassicalParams,
    FeatureSelection,
    GradientBoostingParams,
    LinearDiscriminantParams,
    LinearSvmParams,
    LogisticRegressionParams,
    NaiveBayesParams,
    NbSvmParams,
    NearestNeighboursParams,
    RandomForestParams,
    RbfSvmParams,
)
from tasks.finetune.small_params import AverageParams, RecurrentParams, SmallNetworkParams, TextCnnParams
from tasks.finetune.training_params import BagParams, TrainingParams
from tasks.finetune.transformer_params import TransformerParams

__all__ = [
    "MODELS",
    "READS",
    "AverageParams",
    "BagParams",
    "CandidateParams",
    "ClassWeight",
    "ClassicalParams",
    "CrossValidationParams",
    "FeatureSelection",
    "GradientBoostingParams",
    "LinearDiscriminantParams",
    "LinearSvmParams",
    "LogisticRegressionParams",
    "NaiveBayesParams",
    "NbSvmParams",
    "NearestNeighboursParams",
    "RandomForestParams",
    "Range",
    "RbfSvmParams",
    "RecurrentParams",
    "Search",
    "SmallNetworkParams",
    "TextCnnParams",
    "TrainingParams",
    "TransformerParams",
]

CandidateParams = ClassicalParams | SmallNetworkParams | TransformerParams

MODELS: dict[str, type[CandidateParams]] = {
    "naive_bayes": NaiveBayesParams,
    "nb_svm": NbSvmParams,
    "linear_svm": LinearSvmParams,
    "rbf_svm": RbfSvmParams,
    "logistic_regression": LogisticRegressionParams,
    "random_forest": RandomForestParams,
    "gradient_boosting": GradientBoostingParams,
    "linear_discriminant": LinearDiscriminantParams,
    "nearest_neighbours": NearestNeighboursParams,
    "text_cnn": TextCnnParams,
    "rnn": RecurrentParams,
    "lstm": RecurrentParams,
    "gru": RecurrentParams,
    "average": AverageParams,
    "transformer": TransformerParams,
}
"""The models, by the word in `model`."""

READS: dict[str, tuple[str, ...]] = {
    "naive_bayes": ("sparse",),
    "nb_svm": ("sparse",),
    "linear_svm": ("sparse", "dense"),
    "rbf_svm": ("sparse", "dense"),
    "logistic_regression": ("sparse", "dense"),
    "random_forest": ("sparse", "dense"),
    "gradient_boosting": ("dense",),
    "linear_discriminant": ("dense",),
    "nearest_neighbours": ("sparse", "dense"),
    "text_cnn": ("words",),
    "rnn": ("words",),
    "lstm": ("words",),
    "gru": ("words",),
    "average": ("words",),
    "transformer": ("tokens",),
}
"""The forms of feature sets that each model reads."""


class CrossValidationParams(Block):
    """Out-of-fold predictions of the train rows, by models that were not shown them."""

    folds: Literal["auto"] | int = Field(default="auto")
    """Folds; each trains one more model a candidate. 0 for none; `auto` takes 5 where there are few train rows."""
    small_rows: int = Field(default=1000, ge=0)
    """With `folds: auto`: up to so many train rows are few."""

    @field_validator("folds")
    @classmethod
    def _possible(cls, folds: Literal["auto"] | int) -> Literal["auto"] | int:
        if isinstance(folds, int) and folds != 0 and not 2 <= folds <= 100:
            raise ValueError("auto, 0 for none, or 2 to 100")
        return folds

    def number(self, train_rows: int, largest_class: int) -> int:
        """How many folds there are; 0 for none.

        Args:
            largest_class: rows of the largest class; from one row nobody can learn what another of its class is like.
        """
        if self.folds == "auto":
            return 5 if train_rows <= self.small_rows and largest_class > 1 else 0
        return self.folds
