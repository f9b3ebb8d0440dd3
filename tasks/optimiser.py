"""The optimiser of a training and the course of its rates."""

import math
from collections.abc import Iterable

import torch
from torch import nn


def build(rates: Iterable[tuple[nn.Parameter, float]], weight_decay: float) -> torch.optim.AdamW:
    """AdamW with a group for each rate, of decayed and of spared weights.

    Biases and the weights of norms are spared from decay: pulling them to zero does not make a network simpler.

    Args:
        rates: the weights that are trained, each with its highest rate; its group keeps that as `peak`, and `set_rates`
            makes the current one of it.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter, rate in rates:
        decay = weight_decay if parameter.ndim > 1 else 0.0
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


def rate_factor(step: int, total: int, warmup: float, schedule: str = "linear") -> float:
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
