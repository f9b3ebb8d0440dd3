"""Frozen layers that are run once: their outputs are kept, and taken from there in every epoch."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from tasks import encoder as encoders
from tasks.compute import Compute
from tasks.encoder import Ids
from tasks.finetune import memory
from tasks.finetune.update import autocast
from tasks.progress import Progress, log

LIMIT = 2 * 2**30
"""Bytes that outputs may take; a fixed number, so that a rerun keeps what the first run kept."""
_BATCH_TOKENS = 4096


@contextmanager
def kept(encoder: nn.Module, layers: int, rows: Sequence[Ids], pad_id: int, compute: Compute) -> Iterator[bool]:
    """Within it, the lowest layers of an encoder are not run for these rows: their outputs were computed at the start.

    They are kept in the memory of the CPU, by the ids of the row, so that a row which is not among these is computed as
    ever. The embeddings below the layers are still looked up. What is kept may differ in the last bit from what is
    computed in a batch of other rows.

    Nothing is kept, and the log says why, where the layers' outputs take more than 2 GiB, are not the same in training
    as without (as with dropout in the encoder), or are not one vector a token, or where memory runs out.

    Args:
        layers: the lowest ones, of which no weight may change within.
        rows: ids of the rows of each split.

    Yields:
        Whether the outputs are kept.
    """
    lowest = list(encoders.stack(encoder))[:layers]
    ids = list({_key(row): row for split in rows for row in split}.values())
    outputs, reason = _Outputs(compute.device), ""
    size = sum(map(len, ids)) * int(encoder.config.hidden_size) * 4  # type: ignore[union-attr, arg-type]
    if size > LIMIT:
        reason = f"their outputs would take {size / 2**30:,.1f} GiB"
    else:
        was_training = encoder.training
        try:
            reason = _compute(outputs, encoder.to(compute.device), lowest[-1], ids, pad_id, compute)
        except (RuntimeError, MemoryError) as error:
            if not memory.ran_out(error):
                raise
            outputs.by_row.clear()
            memory.release()
            reason = "memory ran out"
        finally:
            encoder.train(was_training)
    if reason:
        log(f"frozen layers: run in every epoch, as {reason}")
        yield False
        return
    log(f"frozen layers: run once for {len(ids):,} texts; their outputs take {size / 2**20:,.0f} MiB")
    with ExitStack() as stack:
        stack.callback(encoder.register_forward_pre_hook(outputs.find, with_kwargs=True).remove)
        for layer in lowest:
            layer.forward = _skipping(layer.forward, outputs)
            stack.callback(delattr, layer, "forward")
        yield True


@dataclass
class _Outputs:
    """What the top one of some layers gives for each row.

    Attributes:
        by_row: [tokens, dimensions] of a row, by its ids.
        beside: how many None the layers give behind that, in a tuple with it; None where they give it alone.
        now: of the batch that is run, padded [rows, longest, dimensions]; None where one of its rows is not there.
    """

    device: str
    by_row: dict[bytes, torch.Tensor] = field(default_factory=dict)
    beside: int | None = None
    now: torch.Tensor | None = None

    def find(self, encoder: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Looks up the rows of a batch that is about to be run."""
        ids, mask = named["input_ids"], named["attention_mask"]
        lengths = [ids.shape[1]] * len(ids) if mask is None else mask.sum(dim=1).tolist()
        rows = zip(ids.tolist(), lengths, strict=True)
        found = [self.by_row.get(_key(row[:length])) for row, length in rows]
        there = [row for row in found if row is not None]
        self.now = None
        if len(there) == len(found):
            self.now = nn.utils.rnn.pad_sequence(there, batch_first=True).to(self.device)

    def put(self, ids: Ids, hidden: torch.Tensor) -> None:
        """Keeps what was computed for a batch."""
        for row, own in zip(ids, hidden.cpu(), strict=True):
            self.by_row[_key(row)] = own[: len(row)].clone()

    def given(self) -> Any:
        """What a layer gives for the batch that is run."""
        return self.now if self.beside is None else (self.now, *[None] * self.beside)


class _Reached(Exception):
    """The last of the layers that are wanted was run."""


def _compute(outputs: _Outputs, encoder: nn.Module, layer: nn.Module, ids: Ids, pad_id: int, compute: Compute) -> str:
    """Computes the outputs of one layer for all rows; returns why they can't be kept, empty if they can."""
    progress = Progress("running the frozen layers", len(ids))
    done = 0
    for batch in encoders.batches([len(row) for row in ids], _BATCH_TOKENS):
        own = [ids[row] for row in batch]
        given = _run(encoder.eval(), layer, own, pad_id, compute)
        hidden, *beside = given if isinstance(given, tuple) else (given,)
        if any(part is not None for part in beside) or hidden.shape[:2] != (len(own), max(map(len, own))):
            return f"a layer of {type(encoder).__name__} gives more than a vector a token"
        if not done:
            again = _run(encoder.train(), layer, own, pad_id, compute)
            if not torch.equal(again[0] if isinstance(again, tuple) else again, hidden):
                return "they are not the same in training as without: something is dropped within the encoder"
            outputs.beside = len(beside) if isinstance(given, tuple) else None
        outputs.put(own, hidden)
        done += len(own)
        progress.update(done)
    return ""


def _run(encoder: nn.Module, layer: nn.Module, ids: Ids, pad_id: int, compute: Compute) -> Any:
    """Runs an encoder up to one of its layers, and gives what that returns."""
    given: list[Any] = []

    def stop(module: nn.Module, inputs: Any, output: Any) -> None:
        given.append(output)
        raise _Reached

    ids_now, mask = encoders.pad(ids, pad_id)
    mask = None if mask is None else mask.to(compute.device)
    hook = layer.register_forward_hook(stop)
    try:
        with torch.no_grad(), autocast(compute), suppress(_Reached):
            encoder(input_ids=ids_now.to(compute.device), attention_mask=mask)
    finally:
        hook.remove()
    return given[0]


def _skipping(computed: Callable[..., Any], outputs: _Outputs) -> Callable[..., Any]:
    """A layer's `forward` that gives what was kept, where it was."""

    def forward(*positional: Any, **named: Any) -> Any:
        return computed(*positional, **named) if outputs.now is None else outputs.given()

    return forward


def _key(ids: Sequence[int]) -> bytes:
    return np.asarray(ids, dtype=np.int64).tobytes()
