"""Parameters of the altered copies of train rows."""

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from tasks.block import Block
from tasks.embed.translate import Translate

TRANSLATE = "translate"
"""The way that is no alteration of words, and has no share."""

Share = Annotated[float, Field(ge=0, le=1)]


class Augment(Block):
    """Altered copies of the train rows, with their labels, from which models learn too; other rows have none.

    Of each row's copies the first is altered in one of the ways that are switched on, the second in another, and so on
    (Wei and Zou 2019, "EDA", section 2, with word vectors in place of WordNet; they advise 0.05 to 0.1 for each share,
    and up to 16 copies for few rows, 4 for many). A share above 0 changes one word at least. A way that leads to no new
    text gives way to the next.
    """

    copies: int = Field(default=1, ge=1, le=64)
    """Copies of each row; more take more time. One that equals a train text or an earlier copy is left out."""
    swap: Share = 0.0
    """Share of a text's words that change places with others; higher changes more, 0 switches it off."""
    delete: Share = 0.0
    """Share of a text's words that are taken out, but never all of them; higher changes more, 0 switches it off."""
    insert: Share = 0.0
    """Words that are put in at random places, as a share of the text's words; each is near a word of the text. Higher
    changes more, 0 switches it off."""
    synonyms: Share = 0.0
    """Share of a text's words that a near word replaces; higher changes more, 0 switches it off."""
    characters: Share = 0.0
    """Share of a text's words in which two letters change places, or one is left out or doubled; Latin letters alone,
    in words of three or more. Higher changes more, 0 switches it off."""
    vectors: str = "word2vec"
    """What says which words are near, for `insert` and `synonyms`: `word2vec`, trained on the train rows, or
    `path:<file>`, of GloVe or word2vec. All near words are words of two train rows or more; stop words, negations and
    words with an apostrophe are neither replaced nor put in."""
    nearest: int = Field(default=5, ge=1, le=100)
    """Near words of each word, of which one is drawn; more are less alike."""
    label_names: bool = False
    """Whether the name of each class, its parts as words (`card_arrival`: card arrival), is one more text of the class;
    it goes with the class's first train row. For few rows a class, and names that say what the class is about."""
    translate: Translate | None = None
    """Translation into another language and back, by models of your own; null switches it off."""

    @field_validator("vectors")
    @classmethod
    def _known_vectors(cls, vectors: str) -> str:
        file = vectors.removeprefix("path:")
        if vectors != "word2vec" and (not file or file == vectors):
            raise ValueError("word2vec, or path:<file>")
        return vectors

    @model_validator(mode="after")
    def _some_way(self) -> Self:
        if not self.ways and not self.label_names:
            raise ValueError(
                "a share above 0 of swap, delete, insert, synonyms or characters, label_names or translate"
            )
        if self.vectors != "word2vec" and not self.wants_vectors:
            raise ValueError("insert or synonyms above 0, which alone use vectors")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """The ways that are switched on and alter words, with their shares."""
        ways = {name: getattr(self, name) for name in ("swap", "delete", "insert", "synonyms", "characters")}
        return {name: share for name, share in ways.items() if share > 0}

    @property
    def ways(self) -> list[str]:
        """All ways that are switched on, by their keys."""
        return [*self.shares, *([TRANSLATE] if self.translate else [])]

    @property
    def wants_vectors(self) -> bool:
        """Whether a way is switched on that needs near words."""
        return self.insert > 0 or self.synonyms > 0
