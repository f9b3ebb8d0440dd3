"""An encoder with a head, of which only what is declared is trained."""

from torch import nn

from tasks import encoder as encoders
from tasks.errors import BadInput
from tasks.finetune import bottleneck, layers, lora
from tasks.finetune.adapter import Adapter
from tasks.finetune.params import TransformerParams
from tasks.finetune.transfer import NONE
from tasks.network import Classifier


class Tuned(Classifier):
    """A classifier whose encoder is trained whole, in part, by an adapter, or not at all.

    Args:
        encoder: with the weights that training starts from; it is changed.

    Attributes:
        untouched: whether the encoder stays to the byte as it was pretrained.
        shortened: whether it has fewer layers than it was pretrained with.
        adapter: what was trained beside the encoder's own weights, None before it is merged and where there is none.

    Raises:
        BadInput: if the encoder has not the layers or the linear maps that are named, or none is left to train.
    """

    def __init__(self, encoder: nn.Module, classes: int, params: TransformerParams) -> None:
        super().__init__(encoder, classes, params.pooling, params.dropout)
        self.shortened = params.layers is not None
        self.untouched = params.tune == "head" and params.warm_start == NONE and not self.shortened
        self.adapter: Adapter | None = None
        self._tune = params.tune
        self._choose(params)

    def merge(self) -> None:
        """Makes an adapter, where there is one, part of the encoder's own weights; once is enough."""
        if self.adapter is None and self._tune in ("lora", "adapter"):
            self.adapter = (lora if self._tune == "lora" else bottleneck).merge(self.encoder)

    def _choose(self, params: TransformerParams) -> None:
        """Chooses the weights that are trained."""
        if params.tune == "head":
            self.encoder.requires_grad_(False)
            return
        if params.freeze_layers:
            layers.check_count(self.encoder, "freeze_layers", params.freeze_layers)
            _check_rest(params, len(encoders.stack(self.encoder)))
        if params.tune == "lora":
            lora.attach(
                self.encoder,
                rank=params.lora_rank,
                alpha=params.lora_alpha,
                dropout=params.lora_dropout,
                targets=params.lora_targets,
                lowest=params.freeze_layers,
            )
        if params.tune == "adapter":
            bottleneck.attach(self.encoder, params.adapter_size)
        layers.freeze(self, embeddings=params.freeze_embeddings, layers=params.freeze_layers)


def _check_rest(params: TransformerParams, count: int) -> None:
    """Makes sure that frozen layers leave what something else acts on.

    Args:
        count: layers of the encoder.

    Raises:
        BadInput: if they do not.
    """
    frozen, anew = params.freeze_layers, params.reinit_layers
    if frozen + anew > count:
        expected = f"together at most {count}, the layers of the encoder, as layers that start anew must be trained"
        raise BadInput("freeze_layers and reinit_layers", expected, f"{frozen} and {anew}", "Lower one of them.")
    acting = f"tune: {params.tune}" if params.tune != "full" else "contrastive" if params.contrastive else ""
    if acting and frozen == count:
        expected = f"less than {count}, the layers of the encoder, as {acting} needs some to train"
        raise BadInput("freeze_layers", expected, str(frozen), "Lower it, or write `tune: head`.")
