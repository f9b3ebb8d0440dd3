"""The training of an adaptation, from its start or its last snapshot to its end."""

import math
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from tasks import optimiser as optimisers
from tasks.adapt.objective import HELD_OUT, TRAIN, Objective
from tasks.adapt.params import AdaptedParams
from tasks.errors import BadInput
from tasks.order import epoch_batches
from tasks.progress import Progress, log
from tasks.snapshots import Snapshots, nested, prefixed, under


@dataclass
class State:
    """Where an adaptation stands.

    Attributes:
        step: updates done.
        loss_sum: of the train losses of the epoch under way.
        count: of what that sum is over.
        curve: an entry before the first epoch and one after each.
        seconds: spent training, over all interrupted runs.
    """

    step: int = 0
    loss_sum: float = 0.0
    count: int = 0
    curve: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


class Adaptation:
    """One training of an objective's network, which afterwards holds the adapted weights.

    Args:
        snapshots: where to go on from, and to save to.
    """

    def __init__(self, objective: Objective, params: AdaptedParams, snapshots: Snapshots) -> None:
        self.objective, self.params, self.snapshots = objective, params, snapshots
        self.network, self.seed = objective.network, objective.compute.seed
        self.optimiser = optimisers.build(objective.peak_rates(params.learning_rate), params.weight_decay)
        self.parameters = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self.lengths = objective.lengths("train")
        self.steps_per_epoch = -(-len(self.lengths) // params.batch_rows)
        self.total_steps = self.steps_per_epoch * params.epochs

    def run(self) -> State:
        """Trains until the epochs are done.

        Raises:
            BadInput: if the loss or the gradients stop being numbers.
        """
        state = self._restore()
        started = time.perf_counter() - state.seconds
        if not state.curve:
            state.curve.append(self._point(0, None, self._held_out()))
            what = ", of a new head, which says nothing of the encoder" if self.objective.head == "new" else ""
            log(f"held-out loss before: {state.curve[0]['held_out_loss']:.4f}{what}")
        while state.step < self.total_steps:
            self._epoch(state, started)
        state.seconds = time.perf_counter() - started
        # Whatever is killed from here on finds the end of the training, without the optimiser.
        self._save(state, self.total_steps + 1, with_optimiser=False)
        self.snapshots.forget_others()
        return state

    def _epoch(self, state: State, started: float) -> None:
        epoch, done = divmod(state.step, self.steps_per_epoch)
        batches = epoch_batches(self.lengths, self.params.batch_rows, self.seed, epoch)
        progress = Progress(f"adapting, epoch {epoch + 1} of {self.params.epochs}", len(batches), "batches")
        self.network.train()
        for number, batch in enumerate(batches[done:], done + 1):
            loss = self._step(batch, state)
            progress.update(number, loss=loss)
            if state.step % self.params.checkpoint_steps == 0 and number < len(batches):
                state.seconds = time.perf_counter() - started
                self._save(state, state.step)
        point = self._point(epoch + 1, state.loss_sum / state.count, self._held_out())
        state.curve.append(point)
        state.loss_sum, state.count, state.seconds = 0.0, 0, time.perf_counter() - started
        log(f"epoch {epoch + 1}: train loss {point['train_loss']:.4f}, held-out loss {point['held_out_loss']:.4f}")
        if state.step < self.total_steps:
            self._save(state, state.step)

    def _step(self, batch: Any, state: State) -> float:
        factor = optimisers.rate_factor(state.step, self.total_steps, self.params.warmup)
        optimisers.set_rates(self.optimiser, factor)
        self.optimiser.zero_grad(set_to_none=True)
        made = self.objective.loss("train", batch, [self.seed, TRAIN, state.step])
        loss = made.total / max(1, made.count)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.params.clip_norm)
        value, size = torch.stack([loss.detach(), norm]).tolist()
        state.step += 1
        if not (math.isfinite(value) and math.isfinite(size)):
            found = f"a loss of {value} and gradients of norm {size} at step {state.step}"
            raise BadInput(
                "adapting", "a finite loss and finite gradients", found, "Lower the encoder's learning_rate."
            )
        self.optimiser.step()
        state.loss_sum += value * made.count
        state.count += made.count
        return float(value)

    def _held_out(self) -> float:
        """The mean loss of the held-out texts, in nats, with the same random numbers each time."""
        self.network.train(self.objective.noisy)
        batches = epoch_batches(self.objective.lengths("held_out"), self.params.batch_rows, self.seed, 0)
        with torch.no_grad():
            losses = [
                self.objective.loss("held_out", batch, [self.seed, HELD_OUT, number])
                for number, batch in enumerate(batches)
            ]
        return sum(float(one.total) for one in losses) / max(1, sum(one.count for one in losses))

    @staticmethod
    def _point(epoch: int, train_loss: float | None, held_out_loss: float) -> dict[str, Any]:
        return {"epoch": epoch, "train_loss": train_loss, "held_out_loss": held_out_loss}

    def _save(self, state: State, number: int, *, with_optimiser: bool = True) -> None:
        tensors = prefixed("network.", self._tensors())
        if with_optimiser:
            for index, values in self.optimiser.state_dict()["state"].items():
                tensors |= prefixed(f"optimiser.{index}.", values)
        self.snapshots.write(number, tensors, asdict(state))

    def _restore(self) -> State:
        """Puts network and optimiser back where the last snapshot has them; random numbers depend on steps alone."""
        last = self.snapshots.read()
        if last is None:
            return State()
        values, tensors = last
        state = State(**values)
        with torch.no_grad():
            own, saved = self._tensors(), under(tensors, "network.")
            for name, tensor in own.items():
                tensor.copy_(saved[name])
        frame = self.optimiser.state_dict()
        frame["state"] = nested(under(tensors, "optimiser."))
        self.optimiser.load_state_dict(frame)
        log(f"going on at step {state.step:,} of {self.total_steps:,}")
        return state

    def _tensors(self) -> dict[str, torch.Tensor]:
        # Not the state dict: there, weights that are tied appear under each of their names.
        network = self.network
        return {name: tensor.detach() for name, tensor in [*network.named_parameters(), *network.named_buffers()]}
