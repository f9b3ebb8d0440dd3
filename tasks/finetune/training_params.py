"""Parameters of a network's training, whichever network it is."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from tasks.block import Block
from tasks.finetune.candidate import Candidate
from tasks.finetune.transfer import TRIAL

_LEAST_ALPHA, _MOST_ALPHA = 0.01, 100.0
"""Of a Beta distribution: below the one hardly any draw lies between 0 and 1 in float32; above the other nearly all are
one half."""


class BagParams(Block):
    """Several trainings of one recipe that become one model."""

    members: int = Field(default=3, ge=2, le=100)
    """Trainings; more are steadier and take more time."""
    by: Literal["seeds", "folds"] = "seeds"
    """What they differ in: `seeds` trains each on all rows with another seed, `folds` each on all but one of as many
    folds of the rows."""
    combine: Literal["mean", "soup"] = "mean"
    """`mean` keeps all networks, whose probabilities are averaged (Breiman 1996), so that the model is as many times as
    large and slow; `soup` averages their weights to one network (Wortsman et al. 2022), for encoders whose training
    starts from the same weights."""


class TrainingParams(Candidate):
    """How a network is trained, whichever it is."""

    bag: Annotated[BagParams | None, BeforeValidator(lambda value: None if value == "none" else value)] = None
    """Several trainings that become one model; `none` for a single one."""
    epochs: int = Field(default=4, ge=1)
    """The most passes over the train rows."""
    batch_rows: int = Field(default=32, ge=1)
    """Rows between two updates of the weights."""
    accumulate: int = Field(default=1, ge=1)
    """Parts that each batch is computed in, one after the other; more take less memory and more time. With `mixup`,
    rows are mixed within a part."""
    learning_rate: float = Field(default=1e-4, gt=0, le=1)
    """The highest rate (of the encoder, where there is one), reached after the warm-up."""
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    """How the rates go on after the warm-up: to zero in a line or as a cosine, or not at all."""
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of all steps in which the rates rise from zero."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Decoupled decay of weights (Loshchilov and Hutter 2019); biases and norms are spared."""
    l1: float = Field(default=0.0, ge=0)
    """Weight of the sum of the head's absolute weights in the loss; higher makes more of them vanish."""
    clip_norm: float | None = Field(default=1.0, gt=0)
    """Largest norm of all gradients together; null for no limit."""
    clip_value: float | None = Field(default=None, gt=0)
    """Largest size of each gradient; null for no limit."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of the pooled vector's values dropped in training."""
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    """`focal` counts rows less that are surely right already (Lin et al. 2017)."""
    focal_gamma: float = Field(default=2.0, ge=0)
    """With `loss: focal`: how much less; 0 is cross-entropy."""
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    """Share of the target that is spread over all classes (Szegedy et al. 2016, section 7)."""
    consistency: float = Field(default=0.0, ge=0)
    """Weight of the divergence between two passes with unlike dropout (R-Drop, Liang et al. 2021); 0 makes one pass."""
    mixup: float = Field(default=0.0, ge=0, le=_MOST_ALPHA)
    """Trains on mixtures of two rows of a batch (of one part of it, with `accumulate`): of their vectors before the
    head and of their classes (Zhang et al. 2018; Verma et al. 2019), with any loss. Each batch, or part, draws its
    share from a Beta distribution with this alpha: higher mixes more evenly, 0 not at all; from 0.01 on, as below that
    a row is its own mixture."""
    average_epochs: int = Field(default=1, ge=1)
    """Epochs, the last ones, whose weights are averaged before they are scored and kept; 1 averages none."""
    best_by: Literal["accuracy", "macro_f1", "loss", "last"] = "macro_f1"
    """The validation score that says which epoch's weights are kept; `last` keeps the last epoch's, as is better where
    validation rows are too few to tell epochs apart."""
    patience: int = Field(default=2, ge=1)
    """Epochs without a better score after which training stops; without effect with `best_by: last`."""
    checkpoint_steps: int = Field(default=500, ge=1)
    """Steps between checkpoints within an epoch; each epoch's end has one in any case."""

    @field_validator("mixup")
    @classmethod
    def _mixes(cls, mixup: float) -> float:
        if 0 < mixup < _LEAST_ALPHA:
            raise ValueError(f"0 or at least {_LEAST_ALPHA}, below which nothing is mixed")
        return mixup

    @model_validator(mode="after")
    def _gamma_has_its_loss(self, info: ValidationInfo) -> Self:
        space = self.search.space if self.search else {}
        there = "focal_gamma" in space or self.focal_gamma != TrainingParams.model_fields["focal_gamma"].default
        if there and "loss" not in space and self.loss != "focal" and info.context != TRIAL:
            raise ValueError("loss: focal where there is focal_gamma, which has no effect without it")
        return self

    @model_validator(mode="after")
    def _parts_have_rows(self) -> Self:
        if self.accumulate > self.batch_rows:
            raise ValueError(f"accumulate of at most batch_rows, {self.batch_rows}, as each part has a row")
        return self
