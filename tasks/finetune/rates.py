"""The highest rate of each weight of a network."""

from collections.abc import Iterator

from torch import nn

from tasks.finetune.layers import layers_above
from tasks.finetune.params import TrainingParams


def peak_rates(network: nn.Module, params: TrainingParams) -> Iterator[tuple[nn.Parameter, float]]:
    """The weights that are trained, each with its rate: where a network starts pretrained, its new head may want a rate
    of its own, and its lower layers one each."""
    factor = float(getattr(params, "head_rate_factor", 1.0))
    decay = float(getattr(params, "layer_rate_decay", 1.0))
    above = layers_above(network) if decay != 1.0 else {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            own = factor if name.startswith("head.") else decay ** above.get(name, 0)
            yield parameter, params.learning_rate * own
