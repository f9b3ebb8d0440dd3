"""Parameters of one student: a network that learns from another model, its teacher."""

import re
from typing import Self

from pydantic import Field, field_validator, model_validator

from tasks.block import Block
from tasks.finetune.params import AverageParams, RecurrentParams, TextCnnParams, TrainingParams, TransformerParams
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
    """How a student learns from its teacher (Hinton et al. 2015)."""

    temperature: float = Field(default=2.0, gt=0, le=100)
    """What the logits of both are divided by before they are compared; higher shows more of what the teacher thinks of
    the less probable classes. The temperature that a teacher was calibrated by is part of its logits."""
    label_weight: float = Field(default=0.3, ge=0, le=1)
    """Weight of the true label in a row's loss, the teacher having the rest; higher trusts the labels more."""
    unlabelled: Patterns = Field(default_factory=list)
    """Files, or globs, of texts without labels that the teacher judges too: .txt with a text a line, or .csv, .jsonl
    or .parquet with a column `text`. The cleaning rules of `clean` act on them. Texts of the train, validation and
    test rows are left out."""


class _Student(TrainingParams):
    teacher: Teacher
    """The model that it learns from."""
    distillation: DistillationParams = DistillationParams()
    """How it learns from it."""

    @model_validator(mode="after")
    def _learns(self) -> Self:
        if self.search is not None:
            # What the teacher says of a row was learnt from the rows that a trial holds out.
            raise ValueError("no search of a student; search as a candidate, and write down what was found")
        if self.epochs < 1:
            raise ValueError("at least one epoch of a student, which would else learn nothing from its teacher")
        return self


class TextCnnStudent(TextCnnParams, _Student):
    """A student that is a TextCNN."""


class RecurrentStudent(RecurrentParams, _Student):
    """A student that is a recurrent network."""


class AverageStudent(AverageParams, _Student):
    """A student that is an averaging network."""


class TransformerStudent(TransformerParams, _Student):
    """A student that is an encoder, with all its layers or fewer."""

    @model_validator(mode="after")
    def _is_trained(self) -> Self:
        if self.tune == "head":
            raise ValueError("tune: full, lora or adapter for a student, as a head alone is no smaller model")
        return self


StudentParams = TextCnnStudent | RecurrentStudent | AverageStudent | TransformerStudent

STUDENTS: dict[str, type[StudentParams]] = {
    "text_cnn": TextCnnStudent,
    "rnn": RecurrentStudent,
    "lstm": RecurrentStudent,
    "gru": RecurrentStudent,
    "average": AverageStudent,
    "transformer": TransformerStudent,
}
"""What a student can be, by the word in `model`."""
