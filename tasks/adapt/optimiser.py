"""The optimiser of an adaptation and the course of its rate."""

import torch

from tasks.adapt.objective import Objective
from tasks.adapt.params import AdaptedParams


def build(objective: Objective, params: AdaptedParams) -> torch.optim.AdamW:
    """AdamW with a group for each rate and decay; each keeps its highest rate as `peak`.

    Biases and the weights of norms are spared from decay: pulling them to zero does not make a network simpler.
    """
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in objective.network.named_parameters():
        rate = params.learning_rate * (objective.head_rate_factor if name in objective.fresh else 1.0)
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


def rate_factor(step: int, total: int, warmup: float) -> float:
    """The factor, 0 to 1, at step number `step` (from 0): it rises in a line in the warm-up, then falls in one."""
    rising = int(total * warmup)
    if step < rising:
        return (step + 1) / (rising + 1)
    return 1.0 - (step - rising) / max(1, total - rising)
