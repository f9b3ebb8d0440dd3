"""Which tokens of a text are hidden, and what stands in their place."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.adapt.words import NONE, Tokens

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Masked:
    """A text with hidden words.

    Attributes:
        ids: what the network reads; int64 [tokens].
        places: where tokens have to be guessed, ascending; int64 [guessed].
        answers: the tokens that were there; int64 [guessed].
    """

    ids: Ints
    places: Ints
    answers: Ints


def hide(tokens: Tokens, share: float, mask_id: int, plain_ids: Ints, generator: np.random.Generator) -> Masked:
    """Hides whole words until a share of the tokens is hidden, at least one word where there is any.

    Of the hidden tokens 80 % are replaced by the mask, 10 % by a random token, and 10 % stay
    (Devlin et al. 2019, section 3.1); words are taken whole (Cui et al. 2019, section 2.2).

    Args:
        share: of the tokens that are part of a word; a word that would exceed it is passed over.
        plain_ids: tokens that may stand at random.
    """
    words = np.unique(tokens.words[tokens.words != NONE])
    sizes = np.bincount(tokens.words[tokens.words != NONE], minlength=words.max(initial=-1) + 1)
    wanted = max(1, round(share * int(sizes.sum())))
    chosen: list[int] = []
    hidden = 0
    for word in generator.permutation(words):
        if not chosen or hidden + sizes[word] <= wanted:
            chosen.append(int(word))
            hidden += int(sizes[word])
        if hidden >= wanted:
            break
    places = np.flatnonzero(np.isin(tokens.words, chosen))
    how = generator.random(len(places))
    random_ids = generator.choice(plain_ids, len(places))
    answers = tokens.ids[places]
    ids = tokens.ids.copy()
    ids[places] = np.where(how < 0.8, mask_id, np.where(how < 0.9, random_ids, answers))
    return Masked(ids, places, answers)
