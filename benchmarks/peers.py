"""The textbook way to fine-tune, as others' tutorials have it: the stock Trainer of transformers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from benchmarks.clock import Clock, Curve
from benchmarks.labelled import Labelled
from benchmarks.quiet import QUIET
from tasks.encoder import run_batched

_EVALUATION_TOKENS = 4096


@dataclass(frozen=True)
class Peer:
    """How the Trainer is used.

    Attributes:
        dynamic: each batch is padded to its own longest text, and texts of like length share a batch; otherwise all
            texts are padded to the longest of all.
        learning_rate: highest rate; it falls linearly to zero.
    """

    dynamic: bool
    learning_rate: float
    epochs: int = 3
    batch_rows: int = 16


TEXTBOOK = Peer(dynamic=False, learning_rate=5e-5)  # the Trainer's own default rate
TUNED = Peer(dynamic=True, learning_rate=2e-4)  # four times the default, for a head that starts at random


def train(peer: Peer, encoder: Path, train_rows: Labelled, test_rows: Labelled, threads: int, folder: Path) -> Curve:
    """Trains in float32 with a fresh classification head, and looks at the test rows after each epoch.

    Args:
        encoder: the pretrained encoder's folder.
        folder: where the Trainer may write.
    """
    torch.set_num_threads(threads)
    set_verbosity_error()  # transformers would list the head's weights as missing
    disable_progress_bar()
    clock = Clock()
    tokenizer = AutoTokenizer.from_pretrained(encoder, local_files_only=True)
    classes = max(train_rows.labels) + 1
    model = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=classes, local_files_only=True)
    tokens = tokenizer(train_rows.texts, truncation=True, padding=False if peer.dynamic else "longest")
    examples: Sequence[dict[str, Any]] = [
        {"input_ids": ids, "attention_mask": mask, "labels": label}
        for ids, mask, label in zip(tokens["input_ids"], tokens["attention_mask"], train_rows.labels, strict=True)
    ]
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=peer.epochs,
        per_device_train_batch_size=peer.batch_rows,
        learning_rate=peer.learning_rate,
        train_sampling_strategy="group_by_length" if peer.dynamic else "random",
        **QUIET,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=examples,
        data_collator=DataCollatorWithPadding(tokenizer) if peer.dynamic else None,
        callbacks=[_Watch(clock, tokenizer(test_rows.texts, truncation=True)["input_ids"], test_rows.labels)],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return clock.curve


class _Watch(TrainerCallback):
    """Notes the accuracy on test rows after each epoch, off the clock."""

    def __init__(self, clock: Clock, ids: list[list[int]], labels: list[int]) -> None:
        self._clock, self._ids, self._labels = clock, ids, np.asarray(labels)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Called by the Trainer."""
        model = others["model"]

        def forward(ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
            logits: torch.Tensor = model(input_ids=ids, attention_mask=mask).logits
            return logits

        with self._clock.paused():
            model.eval()
            logits = run_batched(forward, self._ids, 0, _EVALUATION_TOKENS, "cpu")
            model.train()
        self._clock.note(float((logits.argmax(axis=1) == self._labels).mean()))
