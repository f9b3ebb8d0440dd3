"""Fine-tuning of an encoder with a linear head."""

import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tasks import encoder as encoders
from tasks import network
from tasks.compute import Compute
from tasks.features import FeatureSet
from tasks.finetune.checkpoint import Checkpoints, State, fingerprint
from tasks.finetune.head import probe
from tasks.finetune.loop import Rows, Training
from tasks.finetune.params import TransformerParams
from tasks.progress import log


def train(
    feature_set: FeatureSet,
    params: TransformerParams,
    classes: list[str],
    folder: Path,
    compute: Compute,
    scratch: Path,
) -> State:
    """Trains, resuming if an earlier run was interrupted, and saves the best network.

    Args:
        classes: the labels, in the order of the logits.
        folder: where the network is written.
        scratch: where checkpoints lie; afterwards the best weights, until the next training.
    """
    max_tokens = feature_set.manifest["params"]["max_tokens"]
    torch.manual_seed(compute.seed)
    encoder = encoders.load_network(feature_set.encoder, attention="eager")
    _set_dropout(encoder, params.encoder_dropout)
    classifier = network.Classifier(encoder, len(classes), params.pooling, params.dropout)
    rows = {split: _rows(feature_set, split, classes, max_tokens) for split in ("train", "validation")}
    checkpoints = Checkpoints(scratch, fingerprint(feature_set.manifest, params.model_dump(), compute))
    weights = sum(parameter.numel() for parameter in classifier.parameters())
    log(f"training {weights / 1e6:.1f} million weights on {len(rows['train'].ids):,} rows, in {compute.precision}")
    started = time.perf_counter()
    if params.head_start == "probe" and not checkpoints.found:
        probe(classifier, rows["train"].ids, rows["train"].labels, rows["train"].pad_id, compute)
    probed = time.perf_counter() - started
    training = Training(classifier, rows["train"], rows["validation"], params, compute, checkpoints)
    state = training.run(probed)
    checkpoints.finish(state)
    network.save(classifier, folder, feature_set.encoder, max_tokens)
    return state


def _set_dropout(encoder: nn.Module, share: float) -> None:
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = share


def _rows(feature_set: FeatureSet, split: str, classes: list[str], max_tokens: int) -> Rows:
    pad_id = encoders.Tokenizer(feature_set.encoder, max_tokens).pad_id
    return Rows(feature_set.ids(split), np.searchsorted(classes, feature_set.labels(split)), pad_id)
