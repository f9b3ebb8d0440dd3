"""One vector a text: the mean of its words' vectors."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import Normalizer

from tasks import estimator, features
from tasks.embed import vector_table, vocabulary
from tasks.embed.params import WordVectorParams
from tasks.embed.vocabulary import WORD, Vocabulary
from tasks.errors import BadInput


def make(
    folder: Path, texts: dict[str, list[str]], params: WordVectorParams, file: Path | None, seed: int
) -> dict[str, Any]:
    """Writes one vector a text, and the pipeline that makes it; a text without a known word has zeros.

    Args:
        file: where word vectors are read from, if they are.

    Returns:
        What the manifest says of them.

    Raises:
        BadInput: if no word is left, or the file of vectors cannot be used.
    """
    shares = _shares(params)
    try:
        shares.fit(texts["train"])
    except ValueError as error:
        fix = "Lower `min_rows` of the feature set, or give more rows."
        raise BadInput("the train texts", "words to count", str(error), fix) from None
    pattern = re.compile(WORD)
    sentences = vocabulary.shared(map(pattern.findall, texts["train"]))
    counts = vocabulary.count(sentences)
    words = [str(word) for word in shares[0].get_feature_names_out()]
    known = Vocabulary(words, [counts[word] for word in words], counts.total())
    table = vector_table.make(known, sentences, params, file, seed)
    pipeline = Pipeline([*shares.steps, ("vectors", _linear(table.vectors))])
    for split, split_texts in texts.items():
        features.write_vectors(folder, split, pipeline.transform(split_texts))
    estimator.save(pipeline, folder / "vectorizer.skops")
    return {"dimensions": table.vectors.shape[1], "words": len(words), "coverage": table.coverage}


def _shares(params: WordVectorParams) -> Pipeline:
    """From texts to the share of each word in them."""
    common: dict[str, Any] = {
        "lowercase": False,
        "token_pattern": WORD,
        "min_df": params.min_rows,
        "max_features": params.max_words,
        "dtype": np.float32,
    }
    if params.weighting == "tfidf":
        return Pipeline([("words", TfidfVectorizer(norm="l1", **common))])
    return Pipeline([("words", CountVectorizer(**common)), ("shares", Normalizer("l1"))])


def _linear(vectors: npt.NDArray[np.float32]) -> TruncatedSVD:
    """The linear map from shares [texts, words] to vectors [texts, dimensions].

    scikit-learn has no estimator for just a given linear map, but a truncated SVD is one once it is fitted.
    """
    linear = TruncatedSVD(n_components=vectors.shape[1])
    # A view: its transpose is contiguous, or else each call would copy all vectors.
    linear.components_ = np.ascontiguousarray(vectors).T
    linear.n_features_in_ = len(vectors)
    return linear
