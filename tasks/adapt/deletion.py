"""Which words of a text are deleted before the encoder reads it."""

import numpy as np
import numpy.typing as npt

from tasks.adapt.words import NONE, Tokens


def delete(tokens: Tokens, share: float, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """Deletes whole words, each with the same probability, but for one of them if all would go.

    Args:
        share: of the words, that is deleted on average.

    Returns:
        The ids that are left, in their order; int64 [tokens left]. What belongs to no word stays.
    """
    words = np.unique(tokens.words[tokens.words != NONE])
    gone = generator.random(len(words)) < share
    if len(words) and gone.all():
        gone[generator.integers(len(words))] = False
    return tokens.ids[~np.isin(tokens.words, words[gone])]
