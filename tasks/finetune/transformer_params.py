"""Parameters of candidates that train an encoder."""

from typing import Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from tasks.encoder import Pooling
from tasks.finetune.training_params import TrainingParams
from tasks.finetune.transfer import NONE, TRIAL, TransferParams

_IN_TRAINING = ("mixup", "consistency", "l1", "loss", "average_epochs", "unfreeze")
"""Keys that act in the training of the head alone, or of encoder and head together."""
_IN_ANY_TRAINING = ("encoder_dropout", "layer_rate_decay", "freeze_embeddings", "freeze_layers")
"""Keys that act in contrastive tuning too."""


class TransformerParams(TrainingParams, TransferParams):
    """An encoder trained together with a linear head."""

    model: Literal["transformer"]
    epochs: int = Field(default=4, ge=0)
    """The most passes over the train rows; 0 leaves the head as it starts, as may do after `contrastive`; not a random
    one."""
    pooling: Pooling = "mean"
    """How token vectors become one: their mean, the first (`cls`), or the largest values (`max`)."""
    head_rate_factor: float = Field(default=5.0, gt=0)
    """The head's rate as a multiple of the encoder's; a head that starts at random wants a larger one."""
    encoder_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of values dropped within the encoder where any of it is trained; drawing them takes a fifth of the time on
    a CPU."""
    head_start: Literal["probe", "random"] = "probe"
    """`probe`: as a logistic regression on the vectors of the encoder before its training (after `contrastive`, where
    there is that); `random`: small random weights."""

    @model_validator(mode="after")
    def _head_means_something(self) -> Self:
        # With a warm start too: classes may be new, and folds start without it.
        if self.epochs == 0 and self.head_start == "random":
            raise ValueError("head_start: probe with epochs: 0, as a random head without training knows nothing")
        return self

    @model_validator(mode="after")
    def _trains_something(self, info: ValidationInfo) -> Self:
        searched = self.search.space if self.search else {}
        if self.epochs or "epochs" in searched or info.context == TRIAL:
            return self
        names = [*_IN_TRAINING, *([] if self.contrastive is not None else _IN_ANY_TRAINING)]
        fields = type(self).model_fields
        acting = [name for name in names if name in searched or getattr(self, name) != fields[name].default]
        if acting:
            raise ValueError(f"no {acting[0]} with epochs: 0, which trains {self._untrained}")
        return self

    @property
    def _untrained(self) -> str:
        return "nothing" if self.contrastive is None else "nothing after contrastive"

    @model_validator(mode="after")
    def _drops_something(self) -> Self:
        if self.tune == "head" and self.encoder_dropout:
            raise ValueError("no encoder_dropout with tune: head, which trains nothing of the encoder")
        return self

    @model_validator(mode="after")
    def _starts_alike(self) -> Self:
        if self.bag is not None and self.bag.combine == "soup":
            random = {"head_start: random": self.head_start == "random", "reinit_layers": self.reinit_layers > 0,
                      "tune: adapter": self.tune == "adapter"}  # fmt: skip
            for key, there in random.items():
                if there:
                    raise ValueError(f"combine: mean with {key}, as a soup wants weights that start alike")
        if self.bag is not None and self.bag.by == "folds" and self.warm_start != NONE:
            # A fit of some rows starts without the earlier model, as it may have learnt from the others.
            raise ValueError("bag by seeds with warm_start, as what is shown a part of the rows starts without it")
        if self.bag is not None and self.bag.by == "seeds" and self.epochs == 0 and self.contrastive is None:
            raise ValueError("at least one epoch with a bag by seeds, as its members would else be the same")
        return self
