"""Contrastive tuning of an encoder before its head: texts of one class come together, others move apart.

The first of the two steps of SetFit (Tunstall et al. 2022, "Efficient Few-Shot Learning Without Prompts", section 3):
the cosine of two texts' vectors is to be 1 where they have the same class, and 0 where not. SetFit draws pairs and runs
the encoder over both texts of each. Here a batch is made of couples of one class, and all pairs within it count, so
that as many runs of the encoder serve many more pairs.
"""

import math
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from tasks import encoder as encoders
from tasks import memory
from tasks import optimiser as optimisers
from tasks.compute import Compute
from tasks.errors import BadInput
from tasks.finetune import averaging, gradients
from tasks.finetune.checkpoint import Checkpoints, State
from tasks.finetune.params import TransformerParams
from tasks.finetune.rates import peak_rates
from tasks.finetune.transfer import ContrastiveParams
from tasks.finetune.update import Rows, autocast, step_seed
from tasks.network import Classifier
from tasks.order import Indices
from tasks.progress import Progress, log

_FIX = "Lower it, or max_tokens of the feature set, or use a device with more memory."
_DRAWS = 1  # tells these random numbers from those of the training that follows with the same seed


@dataclass
class Contrast:
    """One contrastive tuning.

    Attributes:
        classifier: whose encoder is tuned, as far as it is trained at all; its head is not used.
        train: the rows that it is shown.
        params: of the candidate; `contrastive` is set.
        checkpoints: where to resume from, and to save to.
    """

    classifier: Classifier
    train: Rows
    params: TransformerParams
    compute: Compute
    checkpoints: Checkpoints

    def run(self) -> float:
        """Tunes the encoder in place, going on from a checkpoint where there is one.

        Returns:
            The seconds that interrupted runs had spent on it before.

        Raises:
            BadInput: if the loss stops being a number, or a batch does not fit into memory.
        """
        settings = self._settings
        self.classifier.to(self.compute.device)
        changed = {"learning_rate": settings.learning_rate}
        rates = peak_rates(self.classifier, self.params.model_copy(update=changed))
        optimiser = optimisers.build(rates, self.params.weight_decay)
        state = self.checkpoints.restore(self.classifier, optimiser) or State()
        before = state.seconds
        while state.epoch < settings.epochs:
            started = time.perf_counter()
            with memory.enough_for(f"{settings.batch_rows:,} rows at once", "contrastive.batch_rows", _FIX):
                self._epoch(state, optimiser)
            state.seconds += time.perf_counter() - started
            self.checkpoints.save(state, self.classifier, optimiser)
        if not state.best:
            state.best = averaging.copied(self.classifier.state_dict())
            self.checkpoints.finish(state)
        self.classifier.load_state_dict(state.best)
        return before

    def _epoch(self, state: State, optimiser: torch.optim.Optimizer) -> None:
        settings, rows = self._settings, len(self.train.ids)
        batches = couples(self.train.labels, settings.batch_rows // 2, self.compute.seed, state.epoch)
        total = len(batches) * settings.epochs
        progress = Progress(f"contrastive epoch {state.epoch + 1} of {settings.epochs}", len(batches), "batches")
        trained = [weight for weight in self.classifier.encoder.parameters() if weight.requires_grad]
        self.classifier.train()
        for number, batch in enumerate(batches, start=1):
            factor = optimisers.rate_factor(state.step, total, self.params.warmup, self.params.schedule)
            optimisers.set_rates(optimiser, factor)
            optimiser.zero_grad(set_to_none=True)
            torch.manual_seed(step_seed(self.compute.seed, state.step, _DRAWS << 32))
            loss = self._loss(batch)
            loss.backward()  # type: ignore[no-untyped-call]
            gradients.clip(trained, self.params.clip_norm, self.params.clip_value)
            optimiser.step()
            value = loss.item()
            if not math.isfinite(value):
                fix = "Lower `learning_rate` in the candidate's `contrastive`."
                raise BadInput("contrastive tuning", "a finite loss", str(value), fix)
            state.step += 1
            state.loss_sum += value
            progress.update(number, loss=value)
        state.epoch += 1
        log(f"contrastive epoch {state.epoch}: loss {state.loss_sum / len(batches):.4f} on {rows:,} rows")
        state.loss_sum = 0.0

    def _loss(self, batch: Indices) -> torch.Tensor:
        ids, mask = encoders.pad([self.train.ids[row] for row in batch], self.train.pad_id)
        device, classifier = self.compute.device, self.classifier
        ids, mask = ids.to(device), None if mask is None else mask.to(device)
        with autocast(self.compute):
            hidden = classifier.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        vectors = encoders.pool(hidden.float(), mask, classifier.pooling)
        return pair_loss(vectors, torch.from_numpy(self.train.labels[batch]).to(device))

    @property
    def _settings(self) -> ContrastiveParams:
        if self.params.contrastive is None:
            raise ValueError("a candidate without contrastive tuning")
        return self.params.contrastive


def couples(labels: npt.NDArray[np.int64], size: int, seed: int, epoch: int) -> list[Indices]:
    """Batches of one epoch, in which each row stands once beside another of its class.

    A function of its arguments alone. A row that is alone in its class stands beside none.

    Args:
        labels: class numbers [rows].
        size: couples a batch, at most; the last batch has at least two rows, unless there is but one.

    Returns:
        Row numbers, each batch without repetition.
    """
    generator = np.random.default_rng([seed, epoch, _DRAWS])
    partners = np.arange(len(labels))
    for label in np.unique(labels):
        own = generator.permutation(np.flatnonzero(labels == label))
        partners[own] = np.roll(own, 1)  # a random one for each, and each for one
    order = generator.permutation(len(labels))
    starts = range(0, len(order), size)
    return [np.unique(np.concatenate([part, partners[part]])) for part in (order[at : at + size] for at in starts)]


def pair_loss(vectors: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """How far the cosines of all pairs are from 1 (same class) or 0 (another): the mean of their squares, lower better.

    Pairs of the same class and others count one half each, as they do in SetFit, where as many of each are drawn.

    Args:
        vectors: float32 [rows, dimensions].
        labels: class numbers [rows].

    Returns:
        A number from 0 to 4; 0 where there is no pair.
    """
    unit = functional.normalize(vectors, dim=1)
    first, second = torch.triu_indices(len(labels), len(labels), offset=1, device=vectors.device)
    same = labels[first] == labels[second]
    errors = ((unit @ unit.T)[first, second] - same.to(unit)) ** 2
    halves = [errors[chosen].mean() for chosen in (same, ~same) if bool(chosen.any())]
    return torch.stack(halves).mean() if halves else 0.0 * vectors.sum()
