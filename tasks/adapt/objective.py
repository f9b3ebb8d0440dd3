"""What an encoder is trained for when it is adapted."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from tasks.compute import Compute
from tasks.order import Indices

HELD_OUT, TRAIN = 0, 1
"""The first number of a key of random numbers: what they are drawn for."""


@dataclass(frozen=True)
class Loss:
    """The loss of some rows.

    Attributes:
        total: sum over all that is counted, in nats; a scalar with its gradient.
        count: how many things are counted: rows, or tokens that are guessed.
    """

    total: torch.Tensor
    count: int


class Objective(ABC):
    """A task whose rows are texts without labels.

    Attributes:
        network: all that is trained.
        fresh: names of those parameters of `network` that start at random.
        head_rate_factor: the rate of those as a multiple of the others'.
        noisy: whether the held-out loss too is measured with dropout.
        head: whether there is one, of which weights start at random or not; until a new one is trained, a loss tells of
            it and not of the encoder.
    """

    network: nn.Module
    fresh: frozenset[str] = frozenset()
    head_rate_factor: float = 1.0
    noisy: bool = False
    head: Literal["none", "new", "brought"] = "none"

    def __init__(self, compute: Compute) -> None:
        self.compute = compute

    @abstractmethod
    def loss(self, part: str, batch: Indices, key: Sequence[int]) -> Loss:
        """The loss of some texts.

        Args:
            part: `train` or `held_out`.
            batch: indices of texts of that part.
            key: what random numbers depend on, and nothing else.
        """

    @abstractmethod
    def lengths(self, part: str) -> list[int]:
        """Tokens of each text of a part."""

    @abstractmethod
    def trained(self) -> dict[str, torch.Tensor]:
        """The weights that the encoder has now, by their names in the network that `tasks.encoder` loads."""

    def peak_rates(self, learning_rate: float) -> Iterator[tuple[nn.Parameter, float]]:
        """The weights that are trained, each with its highest rate."""
        for name, parameter in self.network.named_parameters():
            if parameter.requires_grad:
                yield parameter, learning_rate * (self.head_rate_factor if name in self.fresh else 1.0)

    def autocast(self) -> torch.autocast:
        """Within it, products are computed in bfloat16 where that is the precision; weights stay in float32."""
        compute = self.compute
        return torch.autocast(compute.device, dtype=torch.bfloat16, enabled=compute.precision == "bfloat16")


def seed_dropout(key: Sequence[int]) -> None:
    """Makes what is dropped next depend on a key alone: a resumed training drops the same."""
    torch.manual_seed(int(np.random.SeedSequence(list(key)).generate_state(1, np.uint64)[0] >> 1))


def set_dropout(network: Any, share: float) -> None:
    """Sets the share of values that each dropout of a network drops."""
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = share
