"""The training loop."""

import math
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import softmax
from torch.nn import functional

from tasks import encoder as encoders
from tasks.compute import Compute
from tasks.errors import BadInput
from tasks.finetune import optimiser as optimisers
from tasks.finetune.checkpoint import Checkpoints, State
from tasks.finetune.order import epoch_batches
from tasks.finetune.params import TransformerParams
from tasks.finetune.scores import Point, validation_scores
from tasks.network import Classifier
from tasks.progress import Progress, log

_VALIDATION_TOKENS = 4096


@dataclass(frozen=True)
class Rows:
    """Rows of one split, ready to be read by a network.

    Attributes:
        ids: token ids of each row.
        labels: class numbers [rows].
        pad_id: the id that fills short rows up.
    """

    ids: encoders.Ids
    labels: npt.NDArray[np.int64]
    pad_id: int


class Training:
    """One training of a network.

    Args:
        network: starts from its present weights; holds the best epoch's weights afterwards.
        checkpoints: where to resume from, and to save to.
    """

    def __init__(
        self,
        network: Classifier,
        train: Rows,
        validation: Rows,
        params: TransformerParams,
        compute: Compute,
        checkpoints: Checkpoints,
    ) -> None:
        self.network, self.train, self.validation = network.to(compute.device), train, validation
        self.params, self.compute, self.checkpoints = params, compute, checkpoints
        self.optimiser = optimisers.build(network, params)
        self.steps_per_epoch = -(-len(train.ids) // params.batch_rows)
        self.total_steps = self.steps_per_epoch * params.epochs

    def run(self, seconds_before: float = 0.0) -> State:
        """Trains until the epochs are done or `patience` runs out, and keeps the best weights.

        Args:
            seconds_before: time that was already spent on this training.
        """
        torch.manual_seed(self.compute.seed)
        state = self.checkpoints.restore(self.network, self.optimiser) or State()
        state.seconds += seconds_before
        if state.step:
            log(f"resuming at step {state.step:,} of {self.total_steps:,}")
        while state.epoch < self.params.epochs and state.stale < self.params.patience:
            started = time.perf_counter()
            self._epoch(state, started)
            self._end_epoch(state)
            state.seconds += time.perf_counter() - started
            self.checkpoints.save(state, self.network, self.optimiser)
        self.network.load_state_dict(state.best)
        return state

    def _epoch(self, state: State, started: float) -> None:
        lengths = [len(row) for row in self.train.ids]
        batches = epoch_batches(lengths, self.params.batch_rows, self.compute.seed, state.epoch)
        progress = Progress(f"epoch {state.epoch + 1} of {self.params.epochs}", len(batches), "batches")
        spent = state.seconds
        self.network.train()
        for batch in batches[state.batch :]:
            loss = self._step(batch, state.step)
            state.batch += 1
            state.step += 1
            state.loss_sum += loss * len(batch)
            progress.update(state.batch, loss=loss)
            if state.step % self.params.checkpoint_steps == 0 and state.batch < len(batches):
                state.seconds = spent + time.perf_counter() - started
                self.checkpoints.save(state, self.network, self.optimiser)
                state.seconds = spent

    def _step(self, batch: npt.NDArray[np.int64], step: int) -> float:
        optimisers.set_rates(self.optimiser, step, self.total_steps, self.params.warmup)
        ids, mask = self._padded(self.train, batch)
        target = torch.from_numpy(self.train.labels[batch]).to(self.compute.device)
        with self._autocast():
            logits = self.network(ids, mask)
        loss = functional.cross_entropy(logits.float(), target, label_smoothing=self.params.label_smoothing)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.params.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.params.clip_norm)
        self.optimiser.step()
        value = float(loss.item())
        if not math.isfinite(value):
            fix = "Lower the candidate's learning_rate, or set clip_norm."
            raise BadInput("training", "a finite loss", f"{value} at step {step + 1}", fix)
        return value

    def _end_epoch(self, state: State) -> None:
        scores = self._validate()
        point = Point(
            epoch=state.epoch + 1,
            step=state.step,
            train_loss=state.loss_sum / len(self.train.ids),
            learning_rate=min(group["lr"] for group in self.optimiser.param_groups),
            **scores,
        )
        best_by = self.params.best_by
        score = -scores["validation_loss"] if best_by == "loss" else scores[f"validation_{best_by}"]
        better = state.best_score is None or score > state.best_score
        if better:
            state.best_score, state.stale = score, 0
            state.best = {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}
        else:
            state.stale += 1
        state.curve.append(point.as_dict())
        state.epoch, state.batch, state.loss_sum = state.epoch + 1, 0, 0.0
        log(
            f"epoch {point.epoch}: train loss {point.train_loss:.3f}, validation loss {point.validation_loss:.3f}, "
            f"accuracy {point.validation_accuracy:.3f}, macro F1 {point.validation_macro_f1:.3f}"
            + (" (best so far)" if better else "")
        )

    def _validate(self) -> dict[str, float]:
        self.network.eval()

        def forward(ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
            with self._autocast():
                logits: torch.Tensor = self.network(ids, mask)
            return logits

        rows = self.validation
        logits = encoders.run_batched(forward, rows.ids, rows.pad_id, _VALIDATION_TOKENS, self.compute.device)
        return validation_scores(rows.labels, np.asarray(softmax(logits.astype(np.float64), axis=1)))

    def _padded(self, rows: Rows, batch: npt.NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor | None]:
        ids, mask = encoders.pad([rows.ids[index] for index in batch], rows.pad_id)
        device = self.compute.device
        return ids.to(device), None if mask is None else mask.to(device)

    def _autocast(self) -> torch.autocast:
        # Weights stay in float32; only the products are computed in bfloat16.
        return torch.autocast(self.compute.device, dtype=torch.bfloat16, enabled=self.compute.precision == "bfloat16")
