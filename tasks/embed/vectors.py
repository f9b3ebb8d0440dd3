"""Vectors of a frozen encoder."""

from pathlib import Path
from typing import Any

import torch

from tasks import encoder as encoders
from tasks import features
from tasks.compute import Compute
from tasks.embed.params import VectorParams
from tasks.progress import Progress, log


def make(folder: Path, texts: dict[str, list[str]], params: VectorParams, compute: Compute) -> dict[str, Any]:
    """Writes one vector a text.

    The network computes in `compute.precision`; its vectors are pooled and stored in float32.

    Args:
        folder: of the feature set, which holds the encoder already, with just the layers that are run.

    Returns:
        What the manifest says of them.
    """
    dtype = torch.bfloat16 if compute.precision == "bfloat16" else torch.float32
    network = encoders.load_network(folder / "encoder", dtype).to(compute.device)
    tokenizer = encoders.Tokenizer(folder / "encoder", params.max_tokens)

    def forward(ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        hidden = network(input_ids=ids, attention_mask=mask).last_hidden_state
        return encoders.pool(hidden.float(), mask, params.pooling)

    dimensions = 0
    for split, split_texts in texts.items():
        ids = tokenizer(split_texts)
        cut = tokenizer.count_cut(split_texts, ids)
        log(f"{split}: {sum(map(len, ids)):,} tokens; {cut:,} of {len(ids):,} texts are cut")
        progress = Progress(f"embedding {split}", len(split_texts))
        vectors = encoders.run_batched(
            forward, ids, tokenizer.pad_id, params.batch_tokens, compute.device, progress.update
        )
        features.write_vectors(folder, split, vectors)
        dimensions = vectors.shape[1]
    return {"dimensions": dimensions}
