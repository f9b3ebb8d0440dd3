"""The mean of several states of one network (Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima")."""

from collections.abc import Sequence

import torch

Weights = dict[str, torch.Tensor]


def copied(weights: Weights) -> Weights:
    """A copy that training does not change."""
    return {name: tensor.detach().clone() for name, tensor in weights.items()}


def mean(states: Sequence[Weights]) -> Weights:
    """The mean of each weight; whole numbers, such as positions or counts of batches, are the last state's.

    What batch normalisation has seen (`running_mean`, `running_var`) is averaged too, which is near what another pass
    over the rows would find, as the states are those of the last epochs, near each other.

    Args:
        states: of one network, from the oldest to the newest; at least one.
    """
    averaged = copied(states[-1])
    for name, tensor in averaged.items():
        if tensor.is_floating_point():
            for state in states[:-1]:
                tensor.add_(state[name].to(tensor.device))  # those of a checkpoint are on the CPU
            tensor.div_(len(states))
    return averaged
