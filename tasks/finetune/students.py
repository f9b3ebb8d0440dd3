"""Parameters of one student: a model that learns from another one, its teacher."""

import re
from typing import Self

from pydantic import Field, field_validator, model_validator

from tasks.block import Block
from tasks.finetune.candidate import Candidate
from tasks.finetune.params import (
    AverageParams,
    GradientBoostingParams,
    LinearDiscriminantParams,
    LogisticRegressionParams,
    NaiveBayesParams,
    NearestNeighboursParams,
    RandomForestParams,
    RecurrentParams,
    TextCnnParams,
    TrainingParams,
    TransformerParams,
)
from tasks.texts import Patterns

_PREDICTIONS = {"candidates": "out_of_fold", "ensembles": "combined"}
_MODEL = rf"({'|'.join(_PREDICTIONS)})/[A-Za-z0-9][A-Za-z0-9_\-]*"


class Teacher(Block):
    """The model that a student learns from, by its files, which the graph depends on."""

    model: str
    """Where it lies under `models/`: candidates/<name> or ensembles/<name>."""
    predictions: str
    """Its predictions of the train rows under `predictions/`: of a candidate out_of_fold/<name>, of an ensemble
    combined/<name>. Where that file has no rows, as without cross-validation, the teacher itself predicts them."""

    @field_validator("model")
    @classmethod
    def _teaches(cls, model: str) -> str:
        if not re.fullmatch(_MODEL, model):
            raise ValueError("candidates/<name> or ensembles/<name>, as a student cannot teach")
        return model

    @model_validator(mode="after")
    def _agree(self) -> Self:
        wanted = f"{_PREDICTIONS[self.block]}/{self.name}"
        if self.predictions != wanted:
            raise ValueError(f"predictions: {wanted} with model: {self.model}")
        return self

    @property
    def block(self) -> str:
        """The block that declares it."""
        return self.model.partition("/")[0]

    @property
    def name(self) -> str:
        """Its name there."""
        return self.model.partition("/")[2]


class DistillationParams(Block):
    """How a network learns from its teacher (Hinton et al. 2015)."""

    temperature: float = Field(default=2.0, gt=0, le=100)
    """What the logits of both are divided by before they are compared; higher shows more of what the teacher thinks of
    the less probable classes. The temperature that a teacher was calibrated by is part of its logits."""
    label_weight: float = Field(default=0.3, ge=0, le=1)
    """Weight of the true label in a row's loss, the teacher having the rest; higher trusts the labels more."""
    unlabelled: Patterns = Field(default_factory=list)
    """Files, or globs, of texts without labels that the teacher judges too: .txt with a text a line, or .csv, .jsonl
    or .parquet with a column `text`. The cleaning rules of `clean` act on them. Texts of the train rows are left
    out, and those of validation and test rows with what nearly equals them."""


class PseudoLabelParams(Block):
    """How a classical student learns from its teacher: texts count as rows with the label that the teacher gives."""

    unlabelled: Patterns
    """As of a network; there must be some."""
    min_confidence: float = Field(default=0.0, ge=0, le=1)
    """The probability that the teacher must give its answer; texts that it is less sure of are left out."""

    @field_validator("unlabelled")
    @classmethod
    def _teaches(cls, patterns: list[str]) -> list[str]:
        if not patterns:
            raise ValueError("files of texts, as rows with labels teach it those alone")
        return patterns


class _Student(Candidate):
    teacher: Teacher
    """The model that it learns from."""

    @model_validator(mode="after")
    def _searches_nothing(self) -> Self:
        if self.search is not None:
            # What the teacher says of a row was learnt from the rows that a trial holds out.
            raise ValueError("no search of a student; search as a candidate, and write down what was found")
        return self


class _NetworkStudent(_Student, TrainingParams):
    distillation: DistillationParams = DistillationParams()
    """How it learns from it."""

    @model_validator(mode="after")
    def _learns(self) -> Self:
        if self.epochs < 1:
            raise ValueError("at least one epoch of a student, which would else learn nothing from its teacher")
        return self


class _ClassicalStudent(_Student):
    distillation: PseudoLabelParams
    """How it learns from it."""
    learning_curve: list[float] = Field(default_factory=list)
    """Always empty."""

    @field_validator("learning_curve")
    @classmethod
    def _none(cls, shares: list[float]) -> list[float]:
        if shares:
            raise ValueError("no learning curve of a student, whose teacher has learnt from all rows")
        return shares


class NaiveBayesStudent(_ClassicalStudent, NaiveBayesParams):
    """A student that is naive Bayes."""


class LogisticRegressionStudent(_ClassicalStudent, LogisticRegressionParams):
    """A student that is a logistic regression."""


class RandomForestStudent(_ClassicalStudent, RandomForestParams):
    """A student that is a random forest."""


class GradientBoostingStudent(_ClassicalStudent, GradientBoostingParams):
    """A student that is made of boosted trees."""


class LinearDiscriminantStudent(_ClassicalStudent, LinearDiscriminantParams):
    """A student that is a linear discriminant."""


class NearestNeighboursStudent(_ClassicalStudent, NearestNeighboursParams):
    """A student that lets the nearest texts vote."""


class TextCnnStudent(TextCnnParams, _NetworkStudent):
    """A student that is a TextCNN."""


class RecurrentStudent(RecurrentParams, _NetworkStudent):
    """A student that is a recurrent network."""


class AverageStudent(AverageParams, _NetworkStudent):
    """A student that is an averaging network."""


class TransformerStudent(TransformerParams, _NetworkStudent):
    """A student that is an encoder, with all its layers or fewer."""

    @model_validator(mode="after")
    def _is_trained(self) -> Self:
        if self.tune == "head":
            raise ValueError("tune: full, lora or adapter for a student, as a head alone is no smaller model")
        return self


NetworkStudentParams = TextCnnStudent | RecurrentStudent | AverageStudent | TransformerStudent
ClassicalStudentParams = (
    NaiveBayesStudent
    | LogisticRegressionStudent
    | RandomForestStudent
    | GradientBoostingStudent
    | LinearDiscriminantStudent
    | NearestNeighboursStudent
)
StudentParams = NetworkStudentParams | ClassicalStudentParams

STUDENTS: dict[str, type[StudentParams]] = {
    "naive_bayes": NaiveBayesStudent,
    "logistic_regression": LogisticRegressionStudent,
    "random_forest": RandomForestStudent,
    "gradient_boosting": GradientBoostingStudent,
    "linear_discriminant": LinearDiscriminantStudent,
    "nearest_neighbours": NearestNeighboursStudent,
    "text_cnn": TextCnnStudent,
    "rnn": RecurrentStudent,
    "lstm": RecurrentStudent,
    "gru": RecurrentStudent,
    "average": AverageStudent,
    "transformer": TransformerStudent,
}
"""What a student can be, by the word in `model`. No support vector machine: its probabilities are fitted to labels that
were held out, and those of a teacher would make it too sure of itself."""
