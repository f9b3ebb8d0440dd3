"""The vectors that the domain classifier reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tasks import encoder as encoders
from tasks.compute import Compute
from tasks.embed.params import VectorParams
from tasks.errors import BadInput
from tasks.progress import Progress
from tasks.retraining.word_counts import WordCounts

_ROWS = 2  # that must hold a word for it to count: another tells nothing of other rows


def of_words(counts: WordCounts) -> Any:
    """TF-IDF of the words that stand in two rows or more, of length 1: a sparse matrix [rows, words], earlier first."""
    from scipy import sparse
    from sklearn.feature_extraction.text import TfidfTransformer

    pooled = sparse.vstack([counts.before, counts.after]).tocsr()
    kept = pooled[:, np.asarray((pooled > 0).sum(axis=0)).ravel() >= _ROWS]
    return TfidfTransformer(sublinear_tf=True).fit_transform(kept) if kept.shape[1] else kept.astype("float64")


def of_encoder(root: Path, params: VectorParams, texts: Sequence[str], computing: Compute) -> Any:
    """One vector a text, float32 [rows, dimensions], as the stage embed makes them for that feature set.

    Raises:
        BadInput: if the encoder is not there.
    """
    import torch

    folder = root / "models" / "encoders" / params.encoder
    if not folder.is_dir():
        fix = f"Run `regraft run adapt@{params.encoder}` first, or set retrain.drift.features to null."
        raise BadInput(str(folder.relative_to(root)), "an encoder", "none", fix)
    torch.manual_seed(computing.seed)  # of weights that the encoder's files lack, such as an unused pooler's
    dtype = torch.bfloat16 if computing.precision == "bfloat16" else torch.float32
    network: Any = encoders.load_network(folder, dtype)
    if params.layers is not None:
        encoders.cut(network, params.layers)
    network.to(computing.device)
    tokenizer = encoders.Tokenizer(folder, min(params.max_tokens, encoders.max_positions(folder)))

    def forward(ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        hidden = network(input_ids=ids, attention_mask=mask).last_hidden_state
        return encoders.pool(hidden.float(), mask, params.pooling)

    ids = tokenizer([params.rules.apply(text) for text in texts])
    progress = Progress("embedding rows of both sides", len(texts))
    return encoders.run_batched(forward, ids, tokenizer.pad_id, params.batch_tokens, computing.device, progress.update)
