"""What a classical student learns from its teacher: texts without labels, each with the label that it gives them.

Pseudo-labels (Lee 2013, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural
Networks"), of another model than the one that learns from them.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from tasks import encoder as encoders
from tasks import estimator
from tasks.compute import Compute
from tasks.features import FeatureSet
from tasks.finetune import teaching
from tasks.finetune.students import ClassicalStudentParams
from tasks.order import Indices
from tasks.progress import Progress, log
from tasks.rules import Rules


@dataclass(frozen=True)
class PseudoLabels:
    """Texts without labels, as a teacher labels them.

    Attributes:
        matrix: [texts, features], as the feature set makes it of rows.
        labels: the class number of each text.
        notes: what is to be known of them: `unlabelled`, how many count; `unsure`, how many the teacher was not sure
            enough of; and the counts of texts.
        seconds: that the teacher, and the features of its texts, took.
    """

    matrix: Any
    labels: Indices
    notes: dict[str, int | str]
    seconds: float

    def added_to(self, X: Any, labels: Indices, origins: Indices) -> tuple[Any, Indices, Indices]:
        """Rows, these texts, and then the copies of the rows.

        Args:
            X: features of rows and, behind them, of their copies.
            labels: the class number of each.
            origins: the place of the row that each is, or was made of.

        Returns:
            The same three, longer; a text is made of itself.
        """
        own = int((origins == np.arange(len(origins))).sum())
        texts = np.arange(own, own + len(self.labels))
        parts = [X[:own], self.matrix.astype(X.dtype), X[own:]]
        longer = sp.vstack(parts, format="csr") if sp.issparse(X) else np.concatenate(parts)
        return (
            longer,
            np.concatenate([labels[:own], self.labels, labels[own:]]),
            np.concatenate([origins[:own], texts, origins[own:]]),
        )


def read(
    root: Path, item: str, params: ClassicalStudentParams, feature_set: FeatureSet, classes: list[str], compute: Compute
) -> PseudoLabels:
    """Asks the teacher of student `item` for the labels of its texts.

    Raises:
        BadInput: if the teacher is not there or knows other classes, or the files of texts cannot be read.
    """
    started = time.perf_counter()
    texts, said, counts = teaching.asked(root, item, params, classes, compute)
    sure = said.max(axis=1, initial=0.0) >= params.distillation.min_confidence
    kept = [text for text, good in zip(texts, sure, strict=True) if good]
    if not kept:
        log("warning: there is no text to learn from, so that the student learns from the train rows alone")
    name = params.teacher.model
    log(f"{name} labels {len(kept):,} texts; it is not sure enough of {len(texts) - len(kept):,} others")
    notes: dict[str, int | str] = {"unlabelled": len(kept), "unsure": len(texts) - len(kept), **counts}
    labels = said[sure].argmax(axis=1) if kept else np.empty(0, dtype=np.int64)
    return PseudoLabels(matrix(feature_set, kept, compute), labels, notes, time.perf_counter() - started)


def matrix(feature_set: FeatureSet, texts: list[str], compute: Compute) -> Any:
    """Features [texts, features] of other texts, as the embed stage makes them of rows."""
    settings = feature_set.manifest["params"]
    rules = Rules.model_validate(settings["rules"])
    texts = [rules.apply(text) for text in texts]
    if not texts:
        return feature_set.matrix("train")[:0]
    if feature_set.kind != "encoder":
        return estimator.load(feature_set.vectorizer).transform(texts)
    import torch

    dtype = torch.bfloat16 if compute.precision == "bfloat16" else torch.float32
    network = encoders.load_network(feature_set.encoder, dtype).to(compute.device)
    tokenizer = encoders.Tokenizer(feature_set.encoder, int(settings["max_tokens"]))

    def vectors(ids: Any, mask: Any) -> Any:
        hidden = network(input_ids=ids, attention_mask=mask).last_hidden_state
        return encoders.pool(hidden.float(), mask, settings["pooling"])

    progress = Progress("embedding texts without labels", len(texts))
    budget = int(settings["batch_tokens"])
    return encoders.run_batched(vectors, tokenizer(texts), tokenizer.pad_id, budget, compute.device, progress.update)
