"""The optimiser of a network and the course of its rates."""

import math

import torch
from torch import nn

from tasks.finetune.layers import layers_above
from tasks.finetune.params import TrainingParams


def build(network: nn.Module, params: TrainingParams) -> torch.optim.AdamW:
    """AdamW with a group for each rate, which head and layers may have of their own, of decayed and of spared weights.

    Biases and the weights of norms are spared from decay: pulling them to zero does not make a network simpler.
    Each group keeps its highest rate as `peak`; `set_rates` makes the current one of it.
    """
    # Where a network starts pretrained, its new head may want a rate of its own, and its lower layers one each.
    factor = float(getattr(params, "head_rate_factor", 1.0))
    decay_of_rates = float(getattr(params, "layer_rate_decay", 1.0))
    above = layers_above(network) if decay_of_rates != 1.0 else {}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = params.learning_rate * (factor if name.startswith("head.") else decay_of_rates ** above.get(name, 0))
        decay = params.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    table = [
        {"params": members, "lr": rate, "peak": rate, "weight_decay": decay}
        for (rate, decay), members in groups.items()
    ]
    return torch.optim.AdamW(table, fused=True)


def set_rates(optimiser: torch.optim.Optimizer, factor: float) -> None:
    """Sets all rates to so much of their peak."""
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * factor


def rate_factor(step: int, total: int, warmup: float, schedule: str) -> float:
    """The factor, 0 to 1, by which each peak is multiplied at step number `step` (from 0).

    Args:
        warmup: share of `total` in which rates rise.
        schedule: `linear` falls to zero in a line, `cosine` as half a cosine wave (Loshchilov and Hutter 2017, equation
            5, without restarts), `constant` stays at 1.
    """
    rising = int(total * warmup)
    if step < rising:
        return (step + 1) / (rising + 1)
    passed = (step - rising) / max(1, total - rising)
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * passed))
    return 1.0 if schedule == "constant" else 1.0 - passed
