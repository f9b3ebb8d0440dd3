"""The optimiser of a network and the course of its rates."""

import torch
from torch import nn

from tasks.finetune.params import TransformerParams
from tasks.network import Classifier


def build(network: Classifier, params: TransformerParams) -> torch.optim.AdamW:
    """AdamW with four groups: encoder and head, each with decayed and spared weights.

    Biases and the weights of norms are spared from decay: pulling them to zero does not make a network simpler.
    Each group keeps its highest rate as `peak`; `set_rates` makes the current one of it.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        factor = params.head_rate_factor if name.startswith("head.") else 1.0
        decay = params.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((params.learning_rate * factor, decay), []).append(parameter)
    table = [
        {"params": members, "lr": rate, "peak": rate, "weight_decay": decay}
        for (rate, decay), members in groups.items()
    ]
    return torch.optim.AdamW(table, fused=True)


def set_rates(optimiser: torch.optim.Optimizer, step: int, total: int, warmup: float) -> float:
    """Sets all rates for step number `step` (from 0): a linear rise, then a linear fall to zero.

    Args:
        total: steps in the whole training.
        warmup: share of `total` in which rates rise.

    Returns:
        The factor, 0 to 1, by which each group's peak is multiplied.
    """
    rising = int(total * warmup)
    factor = (step + 1) / (rising + 1) if step < rising else (total - step) / max(1, total - rising)
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * factor
    return factor
