"""SetFit as it was published, on sentence-transformers' own trainer, to stand beside our way with few rows.

Tunstall et al. 2022, "Efficient Few-Shot Learning Without Prompts", section 3.2, with the settings of its library for
this number of rows: 20 iterations of pairs, batches of 16 pairs, rate 2e-5 with a warm-up of a tenth, one epoch, then a
logistic regression on the vectors.
"""

from pathlib import Path

import numpy as np

from benchmarks.labelled import Labelled
from benchmarks.quiet import QUIET

ITERATIONS = 20
"""Pairs of one class, and as many of two classes, that each row begins."""


def pairs(labels: list[int], iterations: int, seed: int) -> list[tuple[int, int, float]]:
    """Two rows and the cosine that their vectors are to have: 1 where the class is the same, else 0.

    A row that is alone in its class is beside itself, as in the library.
    """
    generator = np.random.default_rng(seed)
    classes = np.asarray(labels)
    found = []
    for row, label in enumerate(labels):
        own, others = np.flatnonzero(classes == label), np.flatnonzero(classes != label)
        own = own[own != row] if len(own) > 1 else own
        for cosine, partners in ((1.0, own), (0.0, others)):
            found += [(row, int(partner), cosine) for partner in generator.choice(partners, iterations)]
    return [found[number] for number in generator.permutation(len(found))]


def predict(
    train: Labelled, test: list[str], encoder: Path, threads: int, folder: Path, iterations: int = ITERATIONS
) -> list[int]:
    """Tunes the encoder by pairs, fits the head, and predicts.

    Args:
        test: texts to predict.
        encoder: the folder of a sentence-transformers model.
        folder: where the trainer may write.
    """
    import torch
    from datasets import Dataset, disable_progress_bars
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss
    from sklearn.linear_model import LogisticRegression
    from transformers import PrinterCallback

    torch.set_num_threads(threads)
    disable_progress_bars()
    model = SentenceTransformer(str(encoder), device="cpu")
    chosen = pairs(train.labels, iterations, seed=1)
    texts = [[train.texts[pair[side]] for pair in chosen] for side in (0, 1)]
    columns = {"sentence1": texts[0], "sentence2": texts[1], "label": [cosine for _, _, cosine in chosen]}
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,
        per_device_train_batch_size=16,
        learning_rate=2e-5,
        warmup_steps=0.1,  # a share, as it is below 1
        seed=1,
        **QUIET,
    )
    trainer = SentenceTransformerTrainer(
        model=model, args=arguments, train_dataset=Dataset.from_dict(columns), loss=CosineSimilarityLoss(model)
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    head = LogisticRegression(max_iter=1000).fit(model.encode(train.texts, show_progress_bar=False), train.labels)
    return [int(label) for label in head.predict(model.encode(test, show_progress_bar=False))]
