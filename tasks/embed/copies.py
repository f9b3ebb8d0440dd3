"""Altered copies of the train rows."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks.embed import near_words, vocabulary
from tasks.embed.alterations import ALTERATIONS
from tasks.embed.augment import Augment
from tasks.embed.near_words import NearWords
from tasks.embed.phrase import Phrase
from tasks.progress import Progress, log


@dataclass(frozen=True)
class Copies:
    """Copies, those of the first row first.

    Attributes:
        texts: after the rules of the feature set.
        origins: the number of the train row that each was made of.
        ways: how each was altered: a key of `augment`.
        dropped: copies that were wanted, but would have equalled a train text or another copy.
    """

    texts: list[str]
    origins: list[int]
    ways: list[str]
    dropped: int


def make(
    texts: Sequence[str],
    ids: Sequence[str],
    params: Augment,
    rules: Callable[[str], str],
    file: Path | None,
    seed: int,
) -> Copies:
    """Makes copies of the train rows.

    What is drawn for a row depends on the seed and the row's id alone, so that copies stay when other rows come or go
    (near words change with the rows that they are learnt from).

    Args:
        texts: of the train rows, as the clean stage left them.
        ids: of the same rows.
        rules: what the feature set does to a text; copies are compared after it, as models see them.
        file: where word vectors are read from, None to train them where they are wanted.

    Raises:
        BadInput: if the file of word vectors cannot be used.
    """
    phrases = [Phrase.of(text) for text in texts]
    near = near_words.NONE
    if params.wants_vectors:
        near = near_words.learn(vocabulary.shared(phrase.words for phrase in phrases), params, file, seed)
    known = {rules(text) for text in texts}
    made: list[tuple[str, int, str]] = []
    progress = Progress("augmenting train rows", len(texts))
    for row, (name, phrase) in enumerate(zip(ids, phrases, strict=True)):
        generator = np.random.default_rng([seed, int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])])
        order = [str(way) for way in generator.permutation(list(params.shares))]
        for number in range(params.copies):
            turn = number % len(order)
            found = _copy(phrase, order[turn:] + order[:turn], params, near, generator, rules, known)
            if found is not None:
                known.add(found[0])
                made.append((found[0], row, found[1]))
        progress.update(row + 1)
    dropped = len(texts) * params.copies - len(made)
    log(f"augmentation: {len(made):,} copies of {len(texts):,} train rows; {dropped:,} that were not new are dropped")
    return Copies([text for text, _, _ in made], [row for _, row, _ in made], [way for _, _, way in made], dropped)


def _copy(
    phrase: Phrase,
    ways: Sequence[str],
    params: Augment,
    near: NearWords,
    generator: np.random.Generator,
    rules: Callable[[str], str],
    known: set[str],
) -> tuple[str, str] | None:
    """A new text and the way that led to it: the first of `ways` that leads to one; None if none does."""
    for way in ways:
        altered = phrase.copy()
        count = max(1, round(params.shares[way] * len(phrase.words)))
        if not ALTERATIONS[way](altered, count, near, generator):
            continue
        text = rules(str(altered))
        if text and text not in known:
            return text, way
    return None
