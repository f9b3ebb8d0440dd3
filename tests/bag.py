"""A network that trains in milliseconds, rows that it can learn, and one call that trains it."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tasks.compute import Compute
from tasks.finetune.checkpoint import Checkpoints, State
from tasks.finetune.loop import Rows, Training
from tasks.finetune.params import TrainingParams

CLASSES = ["a", "b", "c"]
WORDS = 30
COMPUTE = Compute(seed=7, threads=1, device="cpu", precision="float32")


class Bag(nn.Module):
    """The mean of word vectors, a norm over the batch, and a head; a word's class is its id modulo three."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, 8)
        self.norm = nn.BatchNorm1d(8)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(8, len(CLASSES))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        weights = torch.ones_like(ids) if mask is None else mask
        vectors = self.words(ids) * weights.unsqueeze(-1)
        logits: torch.Tensor = self.head(self.dropout(self.pooled(vectors.sum(1) / weights.sum(1, keepdim=True))))
        return logits

    def pooled(self, values: torch.Tensor) -> torch.Tensor:
        normed: torch.Tensor = self.norm(values)
        return normed


class Plain(Bag):
    """The same without the norm, so that a row's gradient does not depend on the rest of its batch."""

    def pooled(self, values: torch.Tensor) -> torch.Tensor:
        return values


def network(kind: type[Bag] = Bag, dropout: float = 0.0, seed: int = 0) -> Bag:
    """A network with weights that depend on the seed alone."""
    torch.manual_seed(seed)
    return kind(dropout)


def rows(count: int, seed: int, *, uneven: bool = False) -> Rows:
    """Rows of one to five words, most of them of the row's class."""
    generator = np.random.default_rng(seed)
    share = [0.7, 0.2, 0.1] if uneven else [1 / 3] * 3
    labels = np.concatenate([np.arange(3), generator.choice(3, count - 3, p=share)])
    ids = []
    for label in labels:
        own = generator.integers(1, WORDS // 3, size=generator.integers(2, 6)) * 3 + label
        ids.append([*own.tolist(), int(generator.integers(3, WORDS))])
    return Rows(ids, labels, 0)


def params(**values: Any) -> TrainingParams:
    """Parameters of a short training."""
    short = {"features": "none", "epochs": 3, "batch_rows": 8, "learning_rate": 0.02, "dropout": 0.0, "patience": 9}
    return TrainingParams.model_validate(short | values)


def training(folder: Path, start: nn.Module, train: Rows | None = None, **values: Any) -> Training:
    """A training that is about to start."""
    known = train or rows(40, seed=1)
    return Training(start, known, rows(15, seed=2), params(**values), COMPUTE, Checkpoints(folder, "key"), CLASSES)


def train(folder: Path, start: nn.Module, train: Rows | None = None, **values: Any) -> State:
    """Trains in memory and in `folder`; the network holds the kept weights afterwards."""
    torch.set_num_threads(1)
    return training(folder, start, train, **values).run()


STATEFUL = {
    "average_epochs": 2, "class_weight": "sampled", "accumulate": 2, "consistency": 0.5, "mixup": 0.4, "l1": 0.001,
    "checkpoint_steps": 2, "best_by": "loss",
}  # fmt: skip
"""Switches whose state, or whose random numbers, a resumed training must have again."""


if __name__ == "__main__":  # trains in a process of its own, which kills itself after so many checkpoints
    import os
    import signal

    left = int(sys.argv[2])
    save = Checkpoints.save

    def save_and_die(self: Checkpoints, *arguments: Any) -> None:
        global left  # noqa: PLW0603 - this is a program
        save(self, *arguments)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    Checkpoints.save = save_and_die
    train(Path(sys.argv[1]), network(dropout=0.3), rows(40, seed=1, uneven=True), **STATEFUL)
