"""Small feature sets of unbalanced, overlapping classes, written as the embed stage would."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.pipeline import Pipeline

from tasks import encoder as encoders
from tasks import estimator, features, network
from tasks.features import FeatureSet
from tests import tiny

SIZES = {"access": 100, "hardware": 30, "payroll": 14}
RARE = "payroll"


def texts(sizes: dict[str, int], seed: int) -> tuple[list[str], list[str]]:
    """Texts and labels in random order; a third of each text's topic words are of another topic."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(list(sizes), list(sizes.values())))
    made = []
    for label in labels:
        topics = [tiny.TOPICS[label], tiny.TOPICS[str(generator.choice(list(tiny.TOPICS)))]]
        own = [generator.choice(topics[int(generator.random() < 0.5)]) for _ in range(4)]
        made.append(" ".join([*own, *generator.choice(tiny.WORDS[9:], 4)]))
    return made, [str(label) for label in labels]


def sparse(folder: Path, sizes: dict[str, int] = SIZES, *, counts: bool = False) -> FeatureSet:
    """A feature set of kind `tfidf`."""
    return _write(folder, "tfidf", CountVectorizer() if counts else TfidfVectorizer(), sizes)


def dense(folder: Path, sizes: dict[str, int] = SIZES) -> FeatureSet:
    """A feature set of kind `word_vectors`."""
    steps = [("terms", TfidfVectorizer()), ("directions", TruncatedSVD(6, random_state=0))]
    return _write(folder, "word_vectors", Pipeline(steps), sizes)


def frozen(folder: Path, base: Path, sizes: dict[str, int] = SIZES, pooling: encoders.Pooling = "mean") -> FeatureSet:
    """A feature set of kind `encoder`."""
    folder.mkdir(parents=True)
    shutil.copytree(base, folder / "encoder")
    tokenizer, encoder = encoders.Tokenizer(base, 16), network.Encoder(encoders.load_network(base), pooling)
    for seed, split in enumerate(features.SPLITS):
        ids = tokenizer(_write_rows(folder, split, sizes, seed))
        features.write_vectors(folder, split, encoders.run_batched(encoder, ids, tokenizer.pad_id, 512, "cpu"))
    settings: dict[str, Any] = {"pooling": pooling, "max_tokens": 16, "encoder": "tiny", "rules": {}}
    entries = {"kind": "encoder", "form": "dense", "params": settings, "dimensions": 16}
    features.write_manifest(folder, entries)
    return features.load(folder)


def _write(folder: Path, kind: str, vectorizer: Any, sizes: dict[str, int]) -> FeatureSet:
    folder.mkdir(parents=True)
    form = "sparse" if kind == "tfidf" else "dense"
    write = features.write_matrix if form == "sparse" else features.write_vectors
    for seed, split in enumerate(features.SPLITS):
        made = _write_rows(folder, split, sizes, seed)
        matrix = vectorizer.fit_transform(made) if split == "train" else vectorizer.transform(made)
        write(folder, split, matrix)
    estimator.save(vectorizer, folder / "vectorizer.skops")
    entries = {"kind": kind, "form": form, "params": {"rules": {}}, "dimensions": matrix.shape[1]}
    features.write_manifest(folder, entries)
    return features.load(folder)


def _write_rows(folder: Path, split: str, sizes: dict[str, int], seed: int) -> list[str]:
    made, labels = texts(sizes, seed)
    ids = [f"{split}-{number}" for number in range(len(made))]
    features.write_rows(folder, split, pa.table({"id": ids, "label": labels}))
    return made
