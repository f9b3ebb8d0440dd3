"""Parameters of one feature set, by its kind."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from tasks.block import Block
from tasks.encoder import Pooling
from tasks.rules import Rules


def _check_range(value: list[int]) -> list[int]:
    if len(value) != 2 or not 1 <= value[0] <= value[1] <= 10:
        raise ValueError("[shortest, longest] with 1 <= shortest <= longest <= 10")
    return value


Ngrams = Annotated[list[int], AfterValidator(_check_range)]


class TfidfParams(Block):
    """Counts of words and of characters within words, weighted by rarity; fitted on the train rows."""

    kind: Literal["tfidf"]
    encoder: Literal["none"]
    """Made from the text alone."""
    rules: Rules = Rules(lower=True)
    """Cleaning rules for this feature set, after those of `clean`."""
    words: Ngrams | None = Field(default_factory=lambda: [1, 2])
    """Shortest and longest run of words; null for none."""
    characters: Ngrams | None = Field(default_factory=lambda: [2, 5])
    """Shortest and longest run of characters within a word; null for none."""
    min_rows: int = Field(default=2, ge=1)
    """Rows that must hold a term for it to count."""
    max_features: int | None = Field(default=None, ge=1)
    """The most terms of each sort (words, characters), the most frequent first; null for no limit."""
    sublinear: bool = True
    """Use 1 + log(count) in place of the count."""

    @model_validator(mode="after")
    def _some_terms(self) -> "TfidfParams":
        if self.words is None and self.characters is None:
            raise ValueError("`words`, `characters` or both")
        return self


class VectorParams(Block):
    """One vector a text from an encoder that stays as it is."""

    kind: Literal["encoder"]
    encoder: str
    """One of `encoders`."""
    rules: Rules = Rules()
    """Cleaning rules for this feature set, after those of `clean`; an encoder wants few."""
    pooling: Pooling = "mean"
    """How token vectors become one: their mean, the first (`cls`), or the largest values (`max`)."""
    max_tokens: int = Field(default=256, ge=3)
    """Longer texts lose their end."""
    batch_tokens: int = Field(default=4096, ge=64)
    """Tokens in a batch, padding included: higher is faster until memory runs out."""


class TokenParams(Block):
    """Token ids, for candidates that train the encoder itself."""

    kind: Literal["tokens"]
    encoder: str
    """One of `encoders`."""
    rules: Rules = Rules()
    """Cleaning rules for this feature set, after those of `clean`; an encoder wants few."""
    max_tokens: int = Field(default=256, ge=3)
    """Longer texts lose their end."""


FeatureParams = TfidfParams | VectorParams | TokenParams

KINDS: dict[str, type[FeatureParams]] = {"tfidf": TfidfParams, "encoder": VectorParams, "tokens": TokenParams}
"""The kinds of feature sets, by the word in `kind`."""
