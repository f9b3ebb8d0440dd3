"""Word vectors trained on the train rows."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tasks.embed.vocabulary import UNKNOWN, Sentences
from tasks.progress import Progress

_LONGEST = 10_000  # words of a sentence that gensim reads; it drops what follows


def train(
    sentences: Sentences,
    words: list[str],
    *,
    dimensions: int,
    architecture: Literal["skip_gram", "cbow"],
    window: int,
    negative: int,
    epochs: int,
    seed: int,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
    """Trains word2vec with negative sampling (Mikolov et al. 2013, "Distributed Representations of Words and Phrases").

    Words that are not in `words` are trained as one. The same arguments give the same bytes: gensim draws all first
    vectors from one seeded generator (no hash of a word is in use since its version 4), and one worker takes the
    sentences in their order.

    Args:
        words: that get a vector.
        dimensions: values a word.
        window: words on each side that count as around a word.
        negative: random words that each true one is told from.
        epochs: passes over the sentences.

    Returns:
        Vectors [words, dimensions], and the vector of all other words, None where there are none.
    """
    from gensim.models import Word2Vec

    kept = set(words)
    pieces = [
        [word if word in kept else UNKNOWN for word in sentence[start : start + _LONGEST]]
        for sentence in sentences
        for start in range(0, len(sentence), _LONGEST)
    ]
    with _quiet("gensim"):
        model = Word2Vec(
            pieces,
            vector_size=dimensions,
            sg=int(architecture == "skip_gram"),
            window=window,
            negative=negative,
            epochs=epochs,
            min_count=1,
            workers=1,
            seed=seed,
            callbacks=[_epoch_reporter(epochs)],
        )
    places = model.wv.key_to_index
    vectors = np.asarray(model.wv.vectors, dtype=np.float32)
    return vectors[[places[word] for word in words]], vectors[places[UNKNOWN]] if UNKNOWN in places else None


def _epoch_reporter(epochs: int) -> Any:
    from gensim.models.callbacks import CallbackAny2Vec

    class Reporter(CallbackAny2Vec):  # type: ignore[misc]
        def __init__(self) -> None:
            self.progress, self.done = Progress("training word vectors", epochs, "epochs"), 0

        def on_epoch_end(self, model: Any) -> None:
            self.done += 1
            self.progress.update(self.done)

    return Reporter()


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keeps back the warnings of a library's logger; gensim warns of every small corpus."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
