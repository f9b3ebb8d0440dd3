"""Vectors of a frozen encoder."""

from pathlib import Path

import numpy as np
import torch

from tasks import encoder as encoders
from tasks.compute import Compute
from tasks.embed.params import VectorParams
from tasks.progress import Progress


def make(folder: Path, base: Path, texts: dict[str, list[str]], params: VectorParams, compute: Compute) -> int:
    """Writes one vector a text.

    The network computes in `compute.precision`; its vectors are pooled and stored in float32.

    Args:
        base: the encoder's folder.

    Returns:
        The number of dimensions.
    """
    dtype = torch.bfloat16 if compute.precision == "bfloat16" else torch.float32
    network = encoders.load_network(base, dtype).to(compute.device)
    tokenizer = encoders.Tokenizer(base, params.max_tokens)

    def forward(ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        hidden = network(input_ids=ids, attention_mask=mask).last_hidden_state
        return encoders.pool(hidden.float(), mask, params.pooling)

    dimensions = 0
    for split, split_texts in texts.items():
        progress = Progress(f"embedding {split}", len(split_texts))
        ids = tokenizer(split_texts)
        vectors = encoders.run_batched(
            forward, ids, tokenizer.pad_id, params.batch_tokens, compute.device, progress.update
        )
        np.save(folder / f"{split}.npy", vectors)
        dimensions = vectors.shape[1]
    return dimensions
