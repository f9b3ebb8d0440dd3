"""A vector for each word of a vocabulary, however the feature set declares them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tasks.embed import vector_files, word2vec
from tasks.embed.params import WordParams, WordVectorParams
from tasks.embed.vocabulary import Sentences, Vocabulary
from tasks.progress import log

_DIMENSIONS = 100  # where neither the feature set nor a file says how many
_RANDOM_SIZE = 0.25  # as Kim (2014), section 3, has it for word2vec's vectors, whose scale most files share


@dataclass(frozen=True)
class Table:
    """Vectors of a vocabulary.

    Attributes:
        vectors: [words, dimensions].
        unknown: [dimensions], of any other word.
        coverage: shares of the vocabulary's words and of the train rows' words that the file holds; None without one.
    """

    vectors: npt.NDArray[np.float32]
    unknown: npt.NDArray[np.float32]
    coverage: dict[str, float] | None


def make(
    vocabulary: Vocabulary, sentences: Sentences, params: WordParams | WordVectorParams, file: Path | None, seed: int
) -> Table:
    """Trains, draws or reads the vectors.

    Any other word has the mean of all vectors (as GloVe's authors advise), unless word2vec was trained for it.

    Args:
        sentences: the words of each train text.
        file: where vectors are read from, if they are.

    Raises:
        BadInput: if the file cannot be used.
    """
    generator = np.random.default_rng(seed)
    if file is not None:
        return _read(vocabulary, params, file, generator)
    dimensions = params.dimensions or _DIMENSIONS
    if params.vectors == "random":
        vectors = _drawn(generator, (len(vocabulary.words), dimensions), _RANDOM_SIZE)
        return Table(vectors, vectors.mean(axis=0), None)
    vectors, unknown = word2vec.train(
        sentences,
        vocabulary.words,
        dimensions=dimensions,
        architecture=params.architecture,
        window=params.window,
        negative=params.negative,
        epochs=params.epochs,
        seed=seed,
    )
    return Table(vectors, vectors.mean(axis=0) if unknown is None else unknown, None)


def _read(
    vocabulary: Vocabulary, params: WordParams | WordVectorParams, file: Path, generator: np.random.Generator
) -> Table:
    vectors, found = vector_files.read(file, params.vectors, vocabulary.words, params.dimensions)
    tokens = int(np.asarray(vocabulary.counts)[found].sum())
    coverage = {"words": round(float(found.mean()), 6), "tokens": round(tokens / vocabulary.tokens, 6)}
    log(
        f"{params.vectors} holds {found.sum():,} of {len(found):,} words ({coverage['words']:.1%}), "
        f"which are {coverage['tokens']:.1%} of the train rows' words"
    )
    unknown = vectors[found].mean(axis=0)
    # Of the variance that the file's vectors have (Kim 2014, section 4.3).
    size = float(np.sqrt(3) * vectors[found].std())
    vectors[~found] = _drawn(generator, (int((~found).sum()), vectors.shape[1]), size)
    return Table(vectors, unknown, coverage)


def _drawn(generator: np.random.Generator, shape: tuple[int, int], size: float) -> npt.NDArray[np.float32]:
    return generator.uniform(-size, size, shape).astype(np.float32)
