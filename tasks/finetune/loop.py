"""The one training loop of the project: every network is trained here."""

import math
import time
from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import softmax
from torch import nn

from tasks import optimiser as optimisers
from tasks.compute import Compute
from tasks.errors import BadInput
from tasks.finetune import averaging, gradients, memory, processes, weighting
from tasks.finetune.checkpoint import Checkpoints, State
from tasks.finetune.params import TrainingParams
from tasks.finetune.rates import peak_rates
from tasks.finetune.scores import Point, validation_scores
from tasks.finetune.thaw import Thaw
from tasks.finetune.update import Rows, Updates, autocast
from tasks.order import Indices, epoch_batches
from tasks.progress import Progress, log

__all__ = ["Rows", "Training"]

_VALIDATION_TOKENS = 4096


class Training:
    """One training of a network.

    Args:
        network: called as `network(ids, mask) -> logits`, with its last linear layer in `head`; starts from its present
            weights and holds the kept ones afterwards.
        checkpoints: where to resume from, and to save to.
        classes: the name of each class number; the network's outputs are the first of them.

    Raises:
        BadInput: if a class weight is for a class that no train row has.
    """

    def __init__(
        self,
        network: nn.Module,
        train: Rows,
        validation: Rows,
        params: TrainingParams,
        compute: Compute,
        checkpoints: Checkpoints,
        classes: Sequence[str],
    ) -> None:
        self.network, self.train, self.validation = network.to(compute.device), train, validation
        self.params, self.compute, self.checkpoints, self.classes = params, compute, checkpoints, list(classes)
        self.optimiser = optimisers.build(peak_rates(network, params), params.weight_decay)
        weights = weighting.class_weights(params.class_weight, train.labels, self.classes)
        self.updates = Updates(network, self.optimiser, train, weights, params, compute, params.accumulate)
        self.epoch_rows = len(train.ids) if params.class_weight != "sampled" else len(self._drawn(0))
        self.steps_per_epoch = -(-self.epoch_rows // params.batch_rows)
        self.total_steps = self.steps_per_epoch * params.epochs
        self.thaw = Thaw(network, params, self.steps_per_epoch)

    def run(self, seconds_before: float = 0.0) -> State:
        """Trains until the epochs are done or `patience` runs out, and keeps the best weights.

        Args:
            seconds_before: time that was already spent on this training.

        Raises:
            BadInput: if the loss stops being a number, or a single row does not fit into memory.
        """
        state = self._start()
        state.seconds += seconds_before
        while state.epoch < self.params.epochs and state.stale < self.params.patience:
            started = time.perf_counter()
            self._epoch(state, started)
            self._end_epoch(state)
            state.seconds += time.perf_counter() - started
            self.checkpoints.save(state, self.network, self.optimiser)
        if not state.best:
            self._keep_start(state)
        self.network.load_state_dict(state.best)
        self._judge(state)
        self.checkpoints.finish(state)
        processes.wait()  # until it is written: another process may be about to look for it
        return state

    def _keep_start(self, state: State) -> None:
        """Keeps and scores the weights as they are, where no epoch is wanted."""
        loss = self._scores(self.train)["validation_loss"]
        scores = self._validate()
        state.curve.append(Point(epoch=0, step=0, train_loss=loss, learning_rate=0.0, **scores).as_dict())
        state.best = averaging.copied(self.network.state_dict())

    def _start(self) -> State:
        state = self.checkpoints.restore(self.network, self.optimiser) or State()
        if state.step:
            log(f"resuming at step {state.step:,} of {self.total_steps:,}")
        self.updates.batch_parts = int(state.notes.get("batch_parts", self.params.accumulate))
        processes.copy_from_main(self.network)
        processes.wait()  # until all have read the checkpoint, which the main process replaces
        return state

    def _epoch(self, state: State, started: float) -> None:
        batches = self._batches(state.epoch)
        progress = Progress(f"epoch {state.epoch + 1} of {self.params.epochs}", len(batches), "batches")
        window = gradients.window_steps(len(batches), self.params.epochs)
        spent = state.seconds
        self.network.train()
        for batch in batches[state.batch :]:
            loss = self._step(batch, state)
            if state.batch % window == 0 or state.batch == len(batches):
                passed = state.epoch + state.batch / len(batches)
                state.gradients.append(gradients.point(state.window, self.network, passed, state.step))
                state.window = gradients.Window()
            progress.update(state.batch, loss=loss)
            if state.step % self.params.checkpoint_steps == 0 and state.batch < len(batches):
                state.seconds = spent + time.perf_counter() - started
                self.checkpoints.save(state, self.network, self.optimiser)
                state.seconds = spent

    def _step(self, batch: Indices, state: State) -> float:
        optimisers.set_rates(self.optimiser, self._rate_factor(state.step))
        self.thaw.apply(state.step)
        update = self.updates.make(batch, state.step)
        state.batch += 1
        state.step += 1
        if self.updates.batch_parts != self.params.accumulate:
            state.notes["batch_parts"] = self.updates.batch_parts
        if not (math.isfinite(update.loss) and math.isfinite(update.norm)):
            found = f"a loss of {update.loss} and gradients of norm {update.norm} at step {state.step}"
            fix = "Lower the candidate's learning_rate, or set clip_norm."
            raise BadInput("training", "a finite loss and finite gradients", found, fix)
        state.loss_sum += update.loss * len(batch)
        state.window.add(update.norm, update.clipped)
        return update.loss

    def _rate_factor(self, step: int) -> float:
        return optimisers.rate_factor(step, self.total_steps, self.params.warmup, self.params.schedule)

    def _end_epoch(self, state: State) -> None:
        own = self._average(state)
        scores = self._validate()
        better = self._keep(state, scores)
        if own is not None:
            self.network.load_state_dict(own)
        point = Point(
            epoch=state.epoch + 1,
            step=state.step,
            train_loss=state.loss_sum / self.epoch_rows,
            learning_rate=self.params.learning_rate * self._rate_factor(state.step - 1),
            **scores,
        )
        state.curve.append(point.as_dict())
        state.epoch, state.batch, state.loss_sum = state.epoch + 1, 0, 0.0
        log(
            f"epoch {point.epoch}: train loss {point.train_loss:.3f}, validation loss {point.validation_loss:.3f}, "
            f"accuracy {point.validation_accuracy:.3f}, macro F1 {point.validation_macro_f1:.3f}"
            + (" (best so far)" if better and self.params.best_by != "last" else "")
        )
        log(f"epoch {point.epoch}: " + gradients.summary(state.gradients, state.epoch))

    def _average(self, state: State) -> averaging.Weights | None:
        """Puts the mean of the last epochs' weights into the network; returns its own, None without averaging."""
        if self.params.average_epochs == 1:
            return None
        own = averaging.copied(self.network.state_dict())
        state.recent = [*state.recent, own][-self.params.average_epochs :]
        self.network.load_state_dict(averaging.mean(state.recent))
        return own

    def _keep(self, state: State, scores: dict[str, float]) -> bool:
        """Keeps the network's weights if they are better than those before."""
        best_by = self.params.best_by
        if best_by == "last":
            score = float(state.epoch)  # each epoch counts as better than the one before
        else:
            score = -scores["validation_loss"] if best_by == "loss" else scores[f"validation_{best_by}"]
        better = state.best_score is None or score > state.best_score
        if better:
            state.best_score, state.stale = score, 0
            state.best = averaging.copied(self.network.state_dict())
        elif self.thaw.is_over(state.step - 1):  # else more is to be trained, which may well make it better
            state.stale += 1
        return better

    def _validate(self) -> dict[str, float]:
        return self._scores(self.validation)

    def _scores(self, rows: Rows) -> dict[str, float]:
        self.network.eval()
        outputs = self.updates.outputs

        def forward(ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
            with autocast(self.compute):
                logits: torch.Tensor = self.network(ids, mask)
            return logits

        logits = processes.from_main(
            lambda: memory.run_batched(forward, rows.ids, rows.pad_id, _VALIDATION_TOKENS, self.compute.device),
            (len(rows.ids), outputs),
            self.compute.device,
        )
        return validation_scores(rows.labels, np.asarray(softmax(logits.astype(np.float64), axis=1)))

    def _judge(self, state: State) -> None:
        state.notes["gradient_warnings"] = gradients.warnings(state.gradients, state.curve)
        unfinished = self.thaw.end(state.step)
        if unfinished is not None:
            state.notes["unfreezing_warning"] = unfinished
        for sentence in [*state.notes["gradient_warnings"], *([unfinished] if unfinished else [])]:
            log(f"warning: {sentence}")

    def _batches(self, epoch: int) -> list[Indices]:
        rows = self._drawn(epoch) if self.params.class_weight == "sampled" else None
        lengths = [len(row) for row in self.train.ids]
        return epoch_batches(lengths, self.params.batch_rows, self.compute.seed, epoch, rows)

    def _drawn(self, epoch: int) -> Indices:
        return weighting.sampled_rows(self.train.labels, self.compute.seed, epoch)
