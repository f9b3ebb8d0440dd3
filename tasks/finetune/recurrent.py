"""Recurrent networks over words."""

from typing import Literal

import torch
from torch import nn

from tasks import encoder as encoders
from tasks.finetune.hidden import Activation, Hidden, Normalisation
from tasks.finetune.words import WordEmbedding

Cell = Literal["rnn", "lstm", "gru"]
_CELLS: dict[Cell, type[nn.RNN] | type[nn.LSTM] | type[nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
_GATES: dict[Cell, int] = {"rnn": 1, "lstm": 4, "gru": 3}


class Recurrent(nn.Module):
    """Reads the words one by one, forwards and backwards as declared, and pools what it knows at each.

    Args:
        classes: how many logits there are.
        hidden: values carried from word to word, in each direction; also values of the layer before the head.
        layers: recurrent layers, one above the other.
        pooling: `mean` or `max` over the words, or `attention`: their mean weighted by how well each fits a learnt
            query (Yang et al. 2016, "Hierarchical Attention Networks", section 2.2).
        dropout: share of the values between layers and before the head that are dropped in training.
    """

    def __init__(
        self,
        words: WordEmbedding,
        classes: int,
        *,
        cell: Cell,
        hidden: int,
        layers: int,
        bidirectional: bool,
        pooling: Literal["mean", "max", "attention"],
        normalisation: Normalisation,
        activation: Activation,
        dropout: float,
    ) -> None:
        super().__init__()
        self.words, self.pooling = words, pooling
        size = hidden * (2 if bidirectional else 1)
        inputs = [words.dimensions] + [size] * (layers - 1)
        self.layers = nn.ModuleList(_Layer(cell, width, hidden, bidirectional) for width in inputs)
        self.between = nn.Dropout(dropout)
        self.attention = _Attention(size) if pooling == "attention" else None
        self.dense = nn.Linear(size, hidden)
        self.hidden = Hidden(hidden, normalisation, activation, dropout)
        self.head = nn.Linear(hidden, classes)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Returns logits [rows, classes] of word ids [rows, words]; `mask` is None where nothing is padded."""
        values, present = self.words(ids, mask)
        for number, layer in enumerate(self.layers):
            values = layer(values if number == 0 else self.between(values), present)
        logits: torch.Tensor = self.head(self.hidden(self.dense(self._pool(values, present))))
        return logits

    def _pool(self, values: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        if self.attention is not None:
            pooled: torch.Tensor = self.attention(values, present)
            return pooled
        return encoders.pool(values, present, "mean" if self.pooling == "mean" else "max")


class _Layer(nn.Module):
    """One recurrent layer, from [rows, words, values] to [rows, words, hidden values of each direction].

    Padding stands behind a row's words, so that reading forwards never meets it before them. To read backwards, each
    row is reversed within its own length, read by a second network, and reversed again: the same as PyTorch's
    packed sequences give, but of operations that ONNX has too.
    """

    def __init__(self, cell: Cell, inputs: int, hidden: int, bidirectional: bool) -> None:
        super().__init__()
        self.forwards = _cell(cell, inputs, hidden)
        self.backwards = _cell(cell, inputs, hidden) if bidirectional else None

    def forward(self, values: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        ahead: torch.Tensor = self.forwards(values)[0]
        if self.backwards is None:
            return ahead
        places = torch.arange(present.shape[1], device=present.device).unsqueeze(0)
        mirrored = present.sum(dim=1, keepdim=True) - 1 - places
        order = torch.where(mirrored >= 0, mirrored, places).unsqueeze(-1)
        reversed_values = values.gather(1, order.expand(-1, -1, values.shape[2]))
        back: torch.Tensor = self.backwards(reversed_values)[0]
        return torch.cat([ahead, back.gather(1, order.expand(-1, -1, back.shape[2]))], dim=2)


class _Attention(nn.Module):
    """Mean of [rows, words, values] weighted by how well each word fits a learnt query."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.project = nn.Linear(size, size)
        self.query = nn.Linear(size, 1, bias=False)

    def forward(self, values: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        fits = self.query(torch.tanh(self.project(values))).float().squeeze(-1)
        weights = fits.masked_fill(~present, torch.finfo(fits.dtype).min).softmax(dim=1)
        mean: torch.Tensor = (values * weights.unsqueeze(-1)).sum(dim=1)
        return mean


def _cell(cell: Cell, inputs: int, hidden: int) -> nn.RNNBase:
    """A recurrent network of one layer and one direction, with weights that keep what passes through them in size.

    For each gate: input weights as Glorot and Bengio (2010) draw them, recurrent weights orthogonal (Saxe et al. 2014,
    section 3); biases zero, but 1 for the LSTM's forget gate, so that it remembers at first (Jozefowicz et al. 2015,
    "An Empirical Exploration of Recurrent Network Architectures", section 2.2).
    """
    network = _CELLS[cell](inputs, hidden, batch_first=True)
    weights = dict(network.named_parameters())
    with torch.no_grad():
        for gate in range(_GATES[cell]):
            rows = slice(gate * hidden, (gate + 1) * hidden)
            nn.init.xavier_uniform_(weights["weight_ih_l0"][rows])
            nn.init.orthogonal_(weights["weight_hh_l0"][rows])
        weights["bias_ih_l0"].zero_()
        weights["bias_hh_l0"].zero_()
        if cell == "lstm":
            weights["bias_ih_l0"][hidden : 2 * hidden] = 1.0  # PyTorch's order: input, forget, cell, output
    return network
