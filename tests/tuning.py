"""A set of token ids of the tiny encoder, and one call that trains the encoder on it."""

import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tasks import features
from tasks.compute import Compute
from tasks.embed import stage as embed
from tasks.features import FeatureSet
from tasks.finetune.networks import FittedNetwork
from tasks.finetune.params import TransformerParams
from tasks.finetune.transformer import TransformerTrainer
from tasks.records import Record
from tests import tiny

CLASSES = sorted(tiny.TOPICS)
COMPUTE = Compute(seed=7, threads=1, device="cpu", precision="float32")
RECIPE: dict[str, Any] = {
    "features": "ids", "model": "transformer", "tune": "full", "epochs": 2, "batch_rows": 8, "learning_rate": 0.005,
    "head_rate_factor": 2.0, "best_by": "last",
}  # fmt: skip
ALL = np.arange(48)


def tokens(root: Path, encoder: Path, **changes: object) -> FeatureSet:
    """Makes the feature set in a new workspace, with some values changed; 48 train rows of three classes."""
    tiny.clean_rows(root)
    (root / "models/encoders").mkdir(parents=True)
    (root / "models/encoders/tiny").symlink_to(encoder)
    declared = {"kind": "tokens", "encoder": "tiny", "max_tokens": 16} | changes
    tiny.params(root, features={"ids": declared}, candidates={})
    embed.run(root, "ids", Record(root, "embed@ids"))
    return features.load(root / "data/features/ids")


def params(**changes: object) -> TransformerParams:
    """The recipe with some values changed."""
    return TransformerParams.model_validate(RECIPE | changes)


def fit(
    ids: FeatureSet, scratch: Path, shown: Any = ALL, *, earlier: Path | None = None, **changes: object
) -> FittedNetwork:
    """Trains on these rows, on one thread."""
    torch.set_num_threads(1)
    return TransformerTrainer(ids, CLASSES, COMPUTE, earlier).fit(params(**changes), shown, scratch)


def digest(fitted: FittedNetwork) -> str:
    """Of all weights."""
    whole = hashlib.sha256()
    for name, tensor in sorted(fitted.network.state_dict().items()):
        whole.update(name.encode() + tensor.numpy().tobytes())
    return whole.hexdigest()


if __name__ == "__main__":  # trains and saves in a process of its own
    import json

    fit(features.load(Path(sys.argv[1])), Path(sys.argv[2]) / "scratch", **json.loads(sys.argv[3])).save(
        Path(sys.argv[2])
    )
