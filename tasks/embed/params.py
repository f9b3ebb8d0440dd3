"""Parameters of one feature set, by its kind."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from tasks.block import Block
from tasks.embed.augment import Augment
from tasks.encoder import Pooling
from tasks.features import Form
from tasks.rules import Rules


def _check_range(value: list[int]) -> list[int]:
    if len(value) != 2 or not 1 <= value[0] <= value[1] <= 10:
        raise ValueError("[shortest, longest] with 1 <= shortest <= longest <= 10")
    return value


Ngrams = Annotated[list[int], AfterValidator(_check_range)]


class _FeatureSet(Block):
    """What all feature sets have in common."""

    augment: Augment | None = None
    """Altered copies of the train rows, from which models learn too; null for none."""


class TfidfParams(_FeatureSet):
    """Counts of words and of characters within words, weighted by rarity; fitted on the train rows."""

    kind: Literal["tfidf"]
    encoder: Literal["none"]
    """Made from the text alone."""
    rules: Rules = Rules(lower=True, segment="auto")
    """Cleaning rules for this feature set, after those of `clean`."""
    words: Ngrams | None = Field(default_factory=lambda: [1, 2])
    """Shortest and longest run of words; null for none."""
    characters: Ngrams | None = Field(default_factory=lambda: [2, 5])
    """Shortest and longest run of characters within a word; null for none."""
    min_rows: int = Field(default=2, ge=1)
    """Rows that must hold a term for it to count."""
    max_features: int | None = Field(default=None, ge=1)
    """The most terms of each sort (words, characters), the most frequent first; null for no limit."""
    weighting: Literal["tfidf", "counts", "binary"] = "tfidf"
    """`tfidf` weighs counts by rarity and scales each row to length 1; `counts` is the plain bag of words; `binary`
    says only whether a term is there."""
    sublinear: bool = True
    """Use 1 + log(count) in place of the count; with `weighting: tfidf` only."""
    dimensions: int | None = Field(default=None, ge=2, le=4096)
    """Directions that the terms are reduced to by a singular value decomposition (latent semantic analysis), for
    models that want few dense values; null keeps the terms."""

    @model_validator(mode="after")
    def _some_terms(self) -> "TfidfParams":
        if self.words is None and self.characters is None:
            raise ValueError("`words`, `characters` or both")
        return self

    @property
    def form(self) -> Form:
        """What a model sees of it."""
        return "sparse" if self.dimensions is None else "dense"


class VectorParams(_FeatureSet):
    """One vector a text from an encoder that stays as it is."""

    kind: Literal["encoder"]
    encoder: str
    """One of `encoders`."""
    rules: Rules = Rules()
    """Cleaning rules for this feature set, after those of `clean`; an encoder wants few."""
    pooling: Pooling = "mean"
    """How token vectors become one: their mean, the first (`cls`), or the largest values (`max`)."""
    layers: int | None = Field(default=None, ge=1)
    """Layers of the encoder that are run, from the bottom; null for all. Fewer are faster, and lower layers know more
    of words and less of the task that the encoder was trained for."""
    max_tokens: int = Field(default=256, ge=3)
    """Longer texts lose their end."""
    batch_tokens: int = Field(default=4096, ge=64)
    """Tokens in a batch, padding included: higher is faster until memory runs out."""

    @property
    def form(self) -> Form:
        """What a model sees of it."""
        return "dense"


class TokenParams(_FeatureSet):
    """Token ids, for candidates that train the encoder itself."""

    kind: Literal["tokens"]
    encoder: str
    """One of `encoders`."""
    rules: Rules = Rules()
    """Cleaning rules for this feature set, after those of `clean`; an encoder wants few."""
    max_tokens: int = Field(default=256, ge=3)
    """Longer texts lose their end."""

    @property
    def form(self) -> Form:
        """What a model sees of it."""
        return "tokens"


class _Vocabulary(_FeatureSet):
    """Words of the train rows and a vector for each."""

    encoder: Literal["none"]
    """Made from the text alone."""
    rules: Rules = Rules(lower=True, segment="auto")
    """Cleaning rules for this feature set, after those of `clean`."""
    min_rows: int = Field(default=1, ge=1)
    """Rows that must hold a word for it to have a vector of its own; the others share one (kind `words`), or are left
    out of the mean (`word_vectors`)."""
    max_words: int | None = Field(default=None, ge=1)
    """The most words that have a vector, the most frequent first; null for no limit."""
    vectors: str = "word2vec"
    """`word2vec`: trained on the train rows; `random`; or `path:<file>`: GloVe or word2vec, as text or binary, plain
    or packed with gzip, of which the words of the train rows are read. A word that is not there gets the vector of its
    lower-case form, or else a random one of like size."""
    dimensions: int | None = Field(default=None, ge=2, le=4096)
    """Values a word; null for 100, or what the file has. A file of other dimensions is refused."""
    architecture: Literal["skip_gram", "cbow"] = "skip_gram"
    """Of word2vec: predict the words around a word, or the word from those around it (faster, coarser)."""
    window: int = Field(default=5, ge=1, le=100)
    """Of word2vec: words on each side that count as around a word."""
    negative: int = Field(default=5, ge=1, le=100)
    """Of word2vec: random words that each true one is told from; more is slower and surer on small data."""
    epochs: int = Field(default=20, ge=1, le=1000)
    """Of word2vec: passes over the train rows; small data want more."""

    @field_validator("vectors")
    @classmethod
    def _known_vectors(cls, vectors: str) -> str:
        file = vectors.removeprefix("path:")
        if vectors not in ("word2vec", "random") and (not file or file == vectors):
            raise ValueError("word2vec, random, or path:<file>")
        return vectors

    @model_validator(mode="after")
    def _one_file(self) -> "_Vocabulary":
        files = {self.vectors, self.augment.vectors if self.augment else ""}
        if sum(file.startswith("path:") for file in files) > 1:
            raise ValueError("the same file in vectors and augment.vectors, where both name one")
        return self


class WordParams(_Vocabulary):
    """Word ids and a vector for each word, for small networks."""

    kind: Literal["words"]
    max_tokens: int = Field(default=256, ge=1)
    """Words of a text that are read; longer texts lose their end."""

    @property
    def form(self) -> Form:
        """What a model sees of it."""
        return "words"


class WordVectorParams(_Vocabulary):
    """One vector a text: the mean of its words' vectors."""

    kind: Literal["word_vectors"]
    weighting: Literal["mean", "tfidf"] = "tfidf"
    """Whether all words count the same, or rare ones more."""

    @property
    def form(self) -> Form:
        """What a model sees of it."""
        return "dense"


FeatureParams = TfidfParams | VectorParams | TokenParams | WordParams | WordVectorParams

KINDS: dict[str, type[FeatureParams]] = {
    "tfidf": TfidfParams,
    "word_vectors": WordVectorParams,
    "words": WordParams,
    "encoder": VectorParams,
    "tokens": TokenParams,
}
"""The kinds of feature sets, by the word in `kind`."""
