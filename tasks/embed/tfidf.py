"""TF-IDF of words and characters."""

from pathlib import Path
from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion

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
        "sublinear_tf": params.sublinear,
    }
    parts = []
    if params.words is not None:
        # One letter or more, where scikit-learn's default wants two: "I" and "a" separate intents.
        words = TfidfVectorizer(ngram_range=tuple(params.words), token_pattern=_WORD, **common)
        parts.append(("words", words))
    if params.characters is not None:
        parts.append(
            ("characters", TfidfVectorizer(analyzer="char_wb", ngram_range=tuple(params.characters), **common))
        )
    return FeatureUnion(parts)


def make(folder: Path, texts: dict[str, list[str]], params: TfidfParams) -> int:
    """Fits on the train texts and writes the matrices of all splits and the vectorizer.

    Returns:
        The number of terms.

    Raises:
        BadInput: if no term is left.
    """
    union = vectorizer(params)
    try:
        matrix = union.fit_transform(texts["train"])
    except ValueError as error:
        fix = "Lower `min_rows` of the feature set, or give more rows."
        raise BadInput("the train texts", "terms to count", str(error), fix) from None
    for split, split_texts in texts.items():
        features.write_matrix(folder, split, matrix if split == "train" else union.transform(split_texts))
    estimator.save(union, folder / "vectorizer.skops")
    return int(matrix.shape[1])
