"""Parameters of transfer: how much of what an encoder knows is kept, and what of it is trained."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from tasks.block import Block

NONE = "none"
_PATH = "path:"
Name = Annotated[str, Field(min_length=1)]

TRIAL = "trial"
"""The context of a check of a trial's values, of which some may be for other values of a switch than the trial has."""

_ONLY_WITH = {
    "lora_rank": ("tune", "lora"),
    "lora_alpha": ("tune", "lora"),
    "lora_dropout": ("tune", "lora"),
    "lora_targets": ("tune", "lora"),
    "adapter_size": ("tune", "adapter"),
    "unfreeze_epochs": ("unfreeze", "gradual"),
}
"""From a key to the switch, and its value, that it has an effect with."""


class ContrastiveParams(Block):
    """Contrastive tuning of the encoder before its head (Tunstall et al. 2022)."""

    epochs: int = Field(default=5, ge=1)
    """Passes over the train rows, each of which puts every row beside another of its class; few rows want more."""
    batch_rows: int = Field(default=32, ge=2)
    """Rows of a batch, at most, all pairs of which count; more show each row more others at once."""
    learning_rate: float = Field(default=2e-5, gt=0, le=1)
    """The highest rate, after the warm-up; warm-up, schedule, decay and clipping are the candidate's."""


class TransferParams(Block):
    """What of an encoder is trained, from where, and how fast."""

    tune: Literal["full", "lora", "adapter", "head"]
    """`full` trains all weights of the encoder; `lora` products of two thin matrices beside its linear maps (Hu et al.
    2021), `adapter` narrow hidden layers beside its feed-forward layers (Houlsby et al. 2019; side by side as He et al.
    2022 have it), which both leave the encoder's own weights alone and are merged into them at the end; `head` leaves
    the encoder as it is, so that its vectors are computed once."""
    lora_rank: int = Field(default=8, ge=1, le=1024)
    """With `tune: lora`: columns of each thin matrix; more can change more, and take more time and disk."""
    lora_alpha: float = Field(default=16.0, gt=0)
    """With `tune: lora`: the product counts `lora_alpha / lora_rank` times; higher acts as a higher rate does."""
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    """With `tune: lora`: share of the values before the thin matrices dropped in training."""
    lora_targets: Literal["all"] | Annotated[list[Name], Field(min_length=1)] = "all"
    """With `tune: lora`: `all` linear maps within the layers, or those whose name ends so, such as [query, value]."""
    adapter_size: int = Field(default=64, ge=1, le=4096)
    """With `tune: adapter`: hidden values of each adapter; more can learn more, and slow the model down."""
    layers: int | None = Field(default=None, ge=1)
    """Layers of the encoder that are kept; null for all. Fewer make a smaller and faster model that knows less, as a
    student may be."""
    layer_choice: Literal["lowest", "spaced"] = "lowest"
    """With `layers`: which are kept, the lowest, or some at even distances from the lowest to the top (as Sanh et al.
    2019, "DistilBERT", section 3, take every other one)."""
    freeze_embeddings: bool = False
    """Whether what stands below the layers stays as it is; saves time where the vocabulary is large."""
    freeze_layers: int = Field(default=0, ge=0)
    """The lowest layers that stay as they are, with the embeddings below them; more is faster and forgets less. Where
    nothing is dropped within the encoder, they are run once a text, and what they give is kept if it takes at most
    2 GiB."""
    reinit_layers: int = Field(default=0, ge=0)
    """The top layers that start anew at random (Zhang et al. 2021, section 4), as the last layers may know only what
    the encoder was pretrained for; more forgets more. None of them can be among `freeze_layers`."""
    layer_rate_decay: float = Field(default=1.0, gt=0, le=1)
    """Rate of each layer as a share of the rate of the one above it (Howard and Ruder 2018, section 3.2, with 1 / 2.6);
    1 for none, lower spares the lower layers."""
    unfreeze: Literal["none", "gradual"] = "none"
    """`gradual` trains the head alone at first, then one more layer at a time from the top (Howard and Ruder 2018,
    section 3.3); `patience` counts from when all are trained."""
    unfreeze_epochs: float = Field(default=1.0, gt=0)
    """With `unfreeze: gradual`: epochs, or a part of one, from one layer to the next; lower is sooner."""
    contrastive: ContrastiveParams | None = None
    """Tuning of the encoder before its head, by pairs of texts of the same class and of others; for few rows a class.
    The head then starts as `head_start` says, on the tuned encoder. null for none."""
    warm_start: str = NONE
    """`none`, or `path:<folder>` of an earlier fine-tuned model, whose encoder and rows of the head training starts
    from. After `contrastive` tuning or with `reinit_layers`, which those rows were not made for, the head starts as
    `head_start` says. Folds and trials start without it, as the earlier model may have learnt from rows that they hold
    out."""

    @field_validator("warm_start")
    @classmethod
    def _somewhere(cls, value: str) -> str:
        if value != NONE and not (value.startswith(_PATH) and value.removeprefix(_PATH).strip()):
            raise ValueError("none, or path:<folder>")
        return value

    @model_validator(mode="after")
    def _has_something_to_act_on(self) -> Self:
        if self.tune == "head":
            whole = ("freeze_embeddings", "freeze_layers", "layer_rate_decay", "unfreeze", "contrastive")
            acting = [name for name in whole if getattr(self, name) != type(self).model_fields[name].default]
            if acting:
                raise ValueError(f"no {acting[0]} with tune: head, which trains nothing of the encoder")
        if self.tune in ("lora", "adapter") and self.freeze_embeddings:
            raise ValueError(f"no freeze_embeddings with tune: {self.tune}, which leaves them as they are")
        if self.tune != "full" and self.reinit_layers:
            raise ValueError("reinit_layers with tune: full alone, as layers that start anew must be trained")
        return self

    @model_validator(mode="after")
    def _has_its_switch(self, info: ValidationInfo) -> Self:
        if info.context == TRIAL:
            return self
        search = getattr(self, "search", None)
        space = search.space if search else {}
        for name, (switch, word) in _ONLY_WITH.items():
            tried = space.get(switch, [])
            possible = [getattr(self, switch), *(tried if isinstance(tried, list) else [])]
            there = name in space or getattr(self, name) != type(self).model_fields[name].default
            if there and word not in possible:
                raise ValueError(f"{switch}: {word} where there is {name}, which has no effect without it")
        if self.layer_choice != "lowest" and self.layers is None and "layers" not in space:
            raise ValueError("layers where there is layer_choice, which has no effect without it")
        return self

    @property
    def warm_folder(self) -> Path | None:
        """The folder of the earlier model as declared, None without a warm start."""
        return None if self.warm_start == NONE else Path(self.warm_start.removeprefix(_PATH)).expanduser()
