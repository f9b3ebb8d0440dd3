"""A hidden layer's values between its weights and the next layer: normalised, activated, dropped."""

from typing import Literal

import torch
from torch import nn

Normalisation = Literal["none", "batch", "layer"]
Activation = Literal["relu", "gelu"]


class Hidden(nn.Module):
    """Normalises, activates and drops values [rows, size].

    Rows are pooled before they come here, so that no padding is among what a batch is normalised by.

    Args:
        size: values a row.
        normalisation: over the rows of a batch (Ioffe and Szegedy 2015), over the values of a row (Ba et al. 2016),
            or none.
        dropout: share of the values that are dropped in training.
    """

    def __init__(self, size: int, normalisation: Normalisation, activation: Activation, dropout: float) -> None:
        super().__init__()
        norms = {"none": nn.Identity, "batch": _BatchNorm, "layer": nn.LayerNorm}
        self.norm: nn.Module = norms[normalisation](size)
        self.activation: nn.Module = {"relu": nn.ReLU, "gelu": nn.GELU}[activation]()
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Returns values of the same shape."""
        result: torch.Tensor = self.dropout(self.activation(self.norm(values)))
        return result


class _BatchNorm(nn.BatchNorm1d):
    """Batch normalisation that takes a batch of a single row, whose variance nobody knows, by what it has learnt."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if not self.training or len(values) > 1:
            return super().forward(values)
        return nn.functional.batch_norm(
            values, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )
