"""One update of a network's weights from one batch of rows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from tasks import encoder as encoders
from tasks.compute import Compute
from tasks.finetune import gradients, losses, memory, mixing, processes
from tasks.finetune.aims import Aims, Taught
from tasks.finetune.order import parts
from tasks.finetune.params import TrainingParams
from tasks.order import Indices
from tasks.progress import log


@dataclass(frozen=True)
class Rows:
    """Rows of one split, ready to be read by a network.

    Attributes:
        ids: ids of the tokens or words of each row.
        labels: class numbers [rows]; those from the network's number of outputs on are of classes that it cannot name,
            which validation rows may have.
        pad_id: the id that fills short rows up.
        taught: what a teacher says of them, None without one.
    """

    ids: encoders.Ids
    labels: npt.NDArray[np.int64]
    pad_id: int
    taught: Taught | None = None

    def aims(self, part: Indices, device: str) -> Aims:
        """What some of the rows are to be predicted as."""
        taught = self.taught
        if taught is not None:
            taught = Taught(taught.probabilities[part], taught.label_weights[part], taught.temperature)
        return Aims.of(self.labels[part], taught, device)


@dataclass(frozen=True)
class Update:
    """What one update was like.

    Attributes:
        loss: mean of the batch's rows, each with its weight, in nats; without the L1 penalty.
        norm: of all gradients together, before clipping.
        clipped: whether they were clipped.
    """

    loss: float
    norm: float
    clipped: bool


class Updates:
    """Makes updates: the loss of a batch, its gradients, clipping, and the optimiser's step.

    Args:
        weights: how much a row of each class counts, float64 [classes].
        batch_parts: parts that a batch is computed in; grows where memory runs out.
    """

    def __init__(
        self,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        train: Rows,
        weights: npt.NDArray[np.float64],
        params: TrainingParams,
        compute: Compute,
        batch_parts: int,
    ) -> None:
        self.network, self.optimiser, self.train, self.weights = network, optimiser, train, weights
        self.params, self.compute, self.batch_parts = params, compute, batch_parts
        self._lengths = [len(row) for row in train.ids]
        self._trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self._head: nn.Linear = network.head  # type: ignore[assignment]
        self._passes_compared = False

    @property
    def outputs(self) -> int:
        """How many classes the network can name."""
        return self._head.out_features

    def make(self, batch: Indices, step: int) -> Update:
        """Updates the weights.

        Args:
            batch: train rows.
            step: its number in the whole training, from 0.

        Raises:
            BadInput: if a single row does not fit into memory.
        """
        loss = self._gradients(batch, step)
        losses.add_l1(self._head, self.params.l1)
        norm, clipped = gradients.clip(self._trained, self.params.clip_norm, self.params.clip_value)
        self.optimiser.step()
        # One transfer for all three: each would make a GPU wait.
        value, size, cut = torch.stack([loss, norm, clipped]).tolist()
        return Update(value, size, bool(cut))

    def _gradients(self, batch: Indices, step: int) -> torch.Tensor:
        """Sets the gradients of the batch's mean loss, which it returns, in smaller parts where memory runs out."""
        buffers = [buffer.clone() for buffer in self.network.buffers()]
        while True:
            # What is dropped depends on step and process alone: a resumed training and a repeated step draw the same.
            torch.manual_seed(step_seed(self.compute.seed, step, processes.number()))
            loss = self._summed(self._own(batch))
            if loss is not None:
                return loss
            self._divide(batch)
            with torch.no_grad():
                for buffer, before in zip(self.network.buffers(), buffers, strict=True):
                    buffer.copy_(before)

    def _own(self, batch: Indices) -> torch.Tensor | None:
        """Adds up the gradients of this process's rows; None if memory ran out."""
        self.optimiser.zero_grad(set_to_none=True)
        own = batch[processes.number() :: processes.count()]
        # Each row has its share of the whole batch, so that parts and processes add up to the batch's mean.
        weight = self.weights[self.train.labels[batch]].sum()
        total = torch.zeros((), device=self.compute.device)
        try:
            for part in parts(own, self._lengths, self.batch_parts):
                loss = self._loss(part, self.weights[self.train.labels[part]] / weight)
                loss.backward()  # type: ignore[no-untyped-call]
                total += loss.detach()
        except (RuntimeError, MemoryError) as error:
            if not memory.ran_out(error):
                raise
            return None
        return total

    def _loss(self, part: Indices, shares: npt.NDArray[np.float64]) -> torch.Tensor:
        ids, mask = encoders.pad([self.train.ids[row] for row in part], self.train.pad_id)
        device, params = self.compute.device, self.params
        ids, mask = ids.to(device), None if mask is None else mask.to(device)
        aims = self.train.aims(part, device)
        mix = mixing.draw(params.mixup, len(part), device)
        passes = self._passes(ids, mask)
        weights = torch.from_numpy(shares).to(passes[0])
        if mix is None:
            return (self._row_losses(passes, aims) * weights).sum()
        passes = [mix.logits(logits) for logits in passes]
        # A mixture is of both its rows' aims, by their shares, and counts as rows of those classes do.
        own, other = (self._row_losses(passes, aims.of_rows(rows)) * weights[rows] for rows in mix.sides)
        return mix.of(own, other).sum()

    def _row_losses(self, passes: list[torch.Tensor], aims: Aims) -> torch.Tensor:
        """The loss of each row [rows], of logits [rows, classes] of one pass or two."""
        params = self.params
        each = [aims.losses(logits, params) for logits in passes]
        if not params.consistency:
            return each[0]
        # The mean of both losses, not their sum, so that the rate means the same as with one pass.
        return 0.5 * (each[0] + each[1]) + params.consistency * losses.divergences(*passes)

    def _passes(self, ids: torch.Tensor, mask: torch.Tensor | None) -> list[torch.Tensor]:
        """The logits [rows, classes] of one pass; of two with unlike dropout where they are to be compared."""
        if not self.params.consistency:
            return [self._logits(ids, mask)]
        # Both in one batch: products of twice the rows take less than twice the time.
        passes = list(self._logits(ids.repeat(2, 1), None if mask is None else mask.repeat(2, 1)).chunk(2))
        if not self._passes_compared and torch.allclose(passes[0], passes[1], rtol=1e-3, atol=1e-5):
            log("warning: consistency has no effect: without any dropout, both passes of a row are the same")
        self._passes_compared = True
        return passes

    def _logits(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        with autocast(self.compute):
            logits: torch.Tensor = self.network(ids, mask)
        return logits.float()

    def _summed(self, loss: torch.Tensor | None) -> torch.Tensor | None:
        """Sums gradients and loss over all processes; None if memory ran out in any of them."""
        if processes.count() == 1:
            return loss
        device = self.compute.device
        # A parameter that no row reaches must stay without gradient, or else the optimiser would decay it; and one
        # process may have no row of a small batch at all. So those that have a gradient are counted.
        reached = [float(parameter.grad is not None and loss is not None) for parameter in self._trained]
        figures = [0.0, 1.0] if loss is None else [float(loss), 0.0]
        pieces = [
            torch.zeros_like(parameter).flatten() if parameter.grad is None else parameter.grad.flatten()
            for parameter in self._trained
        ]
        whole = torch.cat([*pieces, torch.tensor([*reached, *figures], device=device)])
        processes.add_up(whole)
        flags = whole[-len(reached) - 2 :].tolist()
        if flags[-1]:
            return None
        sums = torch.split(whole[: -len(reached) - 2], [parameter.numel() for parameter in self._trained])
        for parameter, total, there in zip(self._trained, sums, flags, strict=False):
            parameter.grad = total.view_as(parameter).clone() if there else None
        return whole[-2]

    def _divide(self, batch: Indices) -> None:
        rows = -(-len(batch) // processes.count())
        largest = -(-rows // self.batch_parts)
        if largest == 1:
            raise memory.too_little(f"the training of one row of up to {max(self._lengths):,} tokens")
        self.batch_parts *= 2
        self.optimiser.zero_grad(set_to_none=True)
        memory.release()
        log(
            f"out of memory: batches of {self.params.batch_rows} rows are now computed in {self.batch_parts} parts; "
            "updates stay those of whole batches"
            + (", but that mixup draws a share and pairs rows within each part" if self.params.mixup else "")
        )


def autocast(compute: Compute) -> torch.autocast:
    """Within it, products are computed in bfloat16 where that is the precision; weights stay in float32."""
    return torch.autocast(compute.device, dtype=torch.bfloat16, enabled=compute.precision == "bfloat16")


def step_seed(seed: int, step: int, process: int) -> int:
    """The seed of what is drawn in one step by one process."""
    return int(np.random.SeedSequence([seed, step, process]).generate_state(1, np.uint64)[0] >> 1)
