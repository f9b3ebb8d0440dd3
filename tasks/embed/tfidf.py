"""Terms of words and of characters, counted and weighted, or reduced to a few directions."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.pipeline import FeatureUnion, Pipeline

from tasks import estimator, features
from tasks.embed.params import TfidfParams
from tasks.errors import BadInput

_WORD = r"(?u)\b\w+\b"


def vectorizer(params: TfidfParams) -> FeatureUnion:
    """An unfitted vectorizer for texts that the rules were applied to.

    Case is left to the rules, so that what is written in `rules` is all that happens to the text.
    """
    common: dict[str, Any] = {
        "lowercase": False,
        "min_df": params.min_rows,
        "max_features": params.max_features,
        # Half the memory where the terms are reduced; the models of sparse terms compute in double precision anyway.
        "dtype": np.float64 if params.dimensions is None else np.float32,
    }
    kind = CountVectorizer
    if params.weighting == "tfidf":
        kind, common["sublinear_tf"] = TfidfVectorizer, params.sublinear
    else:
        common["binary"] = params.weighting == "binary"
    parts = []
    if params.words is not None:
        # One letter or more, where scikit-learn's default wants two: "I" and "a" separate intents.
        parts.append(("words", kind(ngram_range=tuple(params.words), token_pattern=_WORD, **common)))
    if params.characters is not None:
        parts.append(("characters", kind(analyzer="char_wb", ngram_range=tuple(params.characters), **common)))
    return FeatureUnion(parts)


def make(folder: Path, texts: dict[str, list[str]], params: TfidfParams, seed: int) -> dict[str, Any]:
    """Fits on the train texts and writes the matrices of all splits and the vectorizer.

    Returns:
        What the manifest says of them.

    Raises:
        BadInput: if no term is left, or fewer terms or rows than `dimensions`.
    """
    union = vectorizer(params)
    try:
        matrix = union.fit_transform(texts["train"])
    except ValueError as error:
        fix = "Lower `min_rows` of the feature set, or give more rows."
        raise BadInput("the train texts", "terms to count", str(error), fix) from None
    if params.dimensions is not None:
        return _reduce(folder, texts, union, matrix, params.dimensions, seed)
    for split, split_texts in texts.items():
        features.write_matrix(folder, split, matrix if split == "train" else union.transform(split_texts))
    estimator.save(union, folder / "vectorizer.skops")
    return {"dimensions": int(matrix.shape[1])}


def _reduce(
    folder: Path, texts: dict[str, list[str]], union: FeatureUnion, matrix: Any, dimensions: int, seed: int
) -> dict[str, Any]:
    """Latent semantic analysis (Deerwester et al. 1990), by a randomised singular value decomposition."""
    if dimensions >= min(matrix.shape):
        found = f"{matrix.shape[0]:,} train rows and {matrix.shape[1]:,} terms"
        fix = "Lower `dimensions` of the feature set."
        raise BadInput("the train texts", f"more than {dimensions:,} rows and terms", found, fix)
    svd = TruncatedSVD(dimensions, random_state=seed).fit(matrix)
    # By columns: its transpose is contiguous then, or else each call would copy it.
    svd.components_ = np.asfortranarray(svd.components_)
    pipeline = Pipeline([("terms", union), ("directions", svd)])
    for split, split_texts in texts.items():
        terms = matrix if split == "train" else union.transform(split_texts)
        features.write_vectors(folder, split, svd.transform(terms))
    estimator.save(pipeline, folder / "vectorizer.skops")
    return {"dimensions": dimensions, "terms": int(matrix.shape[1])}
