"""The block `retrain.drift` of `params.yaml`."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from tasks.block import Block
from tasks.errors import Problem

TESTS = ("labels", "lengths", "vocabulary", "words", "domain", "decay")
"""The tests of drift, in the order in which they are told."""


class DriftParams(Block):
    """When new rows count as drifted from those that the champion learned from.

    A test counts if it is surely no chance, and if what it found is large enough: with many rows everything is sure.
    """

    alpha: float = Field(default=0.01, gt=0, lt=0.5)
    """Chance of calling a drift where there is none, for all tests together (Holm's correction). A lower one calls
    fewer, and wants more draws."""
    min_rows: int = Field(default=50, ge=20)
    """Rows without copies that each side must have, at least; with fewer nothing is tested. More are surer."""
    max_rows: int = Field(default=1000, ge=50, le=5000)
    """Rows of each side that words, domain and decay are tested on, at most: a random part of the others. More find
    smaller shifts, and take more time and memory (their square)."""
    draws: int = Field(default=1000, ge=100, le=100_000)
    """Of the permutation tests; more give steadier p-values, and take longer."""
    features: str | None = None
    """A feature set of kind `encoder`, whose vectors the domain classifier reads; null for TF-IDF of words, which needs
    no encoder and sees less."""
    min_share: float = Field(default=0.1, ge=0, le=1)
    """Total variation distance between the shares of the labels that counts: the share of the rows that would have to
    have another label. Higher calls fewer drifts; the same holds for what follows."""
    min_length: float = Field(default=0.1, ge=0, le=1)
    """Kolmogorov-Smirnov distance between the lengths of the texts that counts: the largest difference of the shares of
    texts up to some length."""
    min_unseen: float = Field(default=0.02, ge=0, le=1)
    """Share of the words that earlier rows do not have, beyond the share that is usual, that counts."""
    min_words: float = Field(default=0.05, ge=0, le=1)
    """Share of the new rows that hold one of the words that are surely more frequent, above that of the earlier rows,
    that counts."""
    min_auc: float = Field(default=0.6, ge=0.5, le=1)
    """Area under the ROC curve of telling new texts from earlier ones that counts; 0.5 is chance."""
    min_decay: float = Field(default=0.05, ge=0, le=1)
    """Fall of the champion's accuracy that counts."""
    words: int = Field(default=20, ge=0, le=1000)
    """Words that are surely more frequent that are named, at most."""

    @model_validator(mode="after")
    def _can_find_something(self) -> Self:
        # No permutation test can give a p-value below 1 / (draws + 1), which Holm multiplies by the number of tests.
        needed = int(len(TESTS) / self.alpha)
        if self.draws < needed:
            raise ValueError(f"draws of {needed:,} or more, or a higher alpha, as no shift could be sure otherwise")
        if self.max_rows < self.min_rows:
            raise ValueError(f"max_rows of no less than min_rows, {self.min_rows}")
        return self


def unreadable(params: DriftParams, features: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the feature set that the domain classifier is to read; nothing where none is named.

    Args:
        features: the block `features` of the parameters, as it was read.
    """
    able = [name for name, entry in features.items() if isinstance(entry, dict) and entry.get("kind") == "encoder"]
    if params.features is None or params.features in able:
        return []
    allowed = f"a feature set of kind encoder ({', '.join(able) or 'none is declared'}), or null"
    return [Problem("retrain.drift.features", allowed, repr(params.features))]
