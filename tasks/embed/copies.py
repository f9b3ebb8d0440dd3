"""Altered copies of the train rows."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.embed import label_names, near_words, vocabulary
from tasks.embed.alterations import ALTERATIONS
from tasks.embed.augment import TRANSLATE, Augment
from tasks.embed.near_words import NearWords
from tasks.embed.phrase import Phrase
from tasks.features import LABEL_NAME
from tasks.progress import Progress, log

if TYPE_CHECKING:
    from tasks.embed.translations import Translations

_Made = list[tuple[str, int, str]]


@dataclass(frozen=True)
class Copies:
    """Copies, those of the first row first.

    Attributes:
        texts: after the rules of the feature set.
        origins: the number of the train row that each was made of.
        ways: how each was altered or made: a key of `augment`.
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
    translations: "Translations | None" = None,
    labels: Sequence[str] = (),
) -> Copies:
    """Makes copies of the train rows.

    A name of a class, where names are wanted, is a copy of the class's first row. What is drawn for a row depends on
    the seed and the row's id alone, so that copies stay when other rows come or go (near words change with the rows
    that they are learnt from, and translations, whose batches change, may by a rounding).

    Args:
        texts: of the train rows, as the clean stage left them.
        ids: of the same rows.
        rules: what the feature set does to a text; copies are compared after it, as models see them.
        file: where word vectors are read from, None to train them where they are wanted.
        translations: what translates them, where that is wanted.
        labels: of the same rows, where names of classes are wanted.

    Raises:
        BadInput: if the file of word vectors, or a model that translates, cannot be used.
    """
    phrases = [Phrase.of(text) for text in texts]
    near = near_words.NONE
    if params.wants_vectors:
        near = near_words.learn(vocabulary.shared(phrase.words for phrase in phrases), params, file, seed)
    alter = _Alterations(params, near)
    known = {rules(text) for text in texts}
    # Which copies are translated shows as they are made, as a way that leads to nothing gives way to the next; and many
    # texts are translated at once. So all is done again, until no translation is asked for that is not there.
    made = _attempt(phrases, ids, alter, translations, rules, known, seed)
    while translations is not None and translations.make():
        made = _attempt(phrases, ids, alter, translations, rules, known, seed)
    wanted = len(texts) * params.copies if params.ways else 0
    if params.label_names:
        names = label_names.first_rows(labels)
        made = sorted(made + _names(names, rules, known | {text for text, _, _ in made}), key=lambda one: one[1])
        wanted += len(names)
    dropped = wanted - len(made)
    log(f"augmentation: {len(made):,} copies of {len(texts):,} train rows; {dropped:,} that were not new are dropped")
    return Copies([text for text, _, _ in made], [row for _, row, _ in made], [way for _, _, way in made], dropped)


def _names(first: Mapping[str, int], rules: Callable[[str], str], known: set[str]) -> _Made:
    """The names of classes that say something new, each with its class's first row."""
    texts = {label: rules(label_names.as_text(label)) for label in first}
    # Names that the rules make equal would say the same of several classes.
    often = Counter(texts.values())
    return [
        (text, first[label], LABEL_NAME)
        for label, text in texts.items()
        if text and text not in known and often[text] == 1
    ]


@dataclass(frozen=True)
class _Alterations:
    """The ways that alter words."""

    params: Augment
    near: NearWords

    def __call__(self, phrase: Phrase, way: str, generator: np.random.Generator) -> str:
        """The text after one of the ways; empty if there was nothing to change."""
        altered = phrase.copy()
        count = max(1, round(self.params.shares[way] * len(phrase.words)))
        return str(altered) if ALTERATIONS[way](altered, count, self.near, generator) else ""


def _attempt(
    phrases: Sequence[Phrase],
    ids: Sequence[str],
    alter: _Alterations,
    translations: "Translations | None",
    rules: Callable[[str], str],
    train: set[str],
    seed: int,
) -> _Made:
    """All copies but those that wait for a translation: text, number of the row, and way of each."""
    made: _Made = []
    params, known = alter.params, set(train)
    if not params.ways:
        return made
    progress = Progress("augmenting train rows", len(phrases))
    for row, (name, phrase) in enumerate(zip(ids, phrases, strict=True)):
        generator = np.random.default_rng([seed, int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])])
        order = [str(way) for way in generator.permutation(params.ways)]
        for number in range(params.copies):
            turn = number % len(order)
            for way in order[turn:] + order[:turn]:
                translated = translations.of(name, number, str(phrase)) if translations and way == TRANSLATE else ""
                if translated is None:
                    break
                text = rules(translated if way == TRANSLATE else alter(phrase, way, generator))
                if text and text not in known:
                    known.add(text)
                    made.append((text, row, way))
                    break
        progress.update(row + 1)
    return made
