"""Parameters of the clean stage; an empty block means the defaults."""

import re
from datetime import UTC, date, datetime
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from tasks.block import Block
from tasks.rules import Rules

_COARSE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-\d{2})?)?")


class Duplicates(Block):
    """Which rows count as duplicates of earlier ones, and what becomes of them.

    A row with the same label as an earlier one that it duplicates is merged into it. The comparison ignores case,
    white space and Unicode compatibility forms, after `rules`.
    """

    near: bool = True
    """Whether near duplicates are looked for too, not only equal texts."""

    threshold: float = Field(default=0.85, ge=0.5, le=1)
    """Jaccard similarity of the sets of shingles from which two texts are near duplicates (more: fewer are)."""

    shingle: int = Field(default=5, ge=1, le=50)
    """Characters a shingle (more: a small change counts for more)."""

    conflicts: Literal["keep", "drop"] = "keep"
    """A row that duplicates an earlier one, but has another label: keep both and report them, or drop the later
    one. It is set aside in any case where the two would stand in different splits."""


class Split(Block):
    """How rows are divided into train, validation and test.

    A row's split depends on its own text (or time) alone, so that rows never change sides as data grows.
    """

    by: Literal["hash", "time"] = "hash"
    """hash: of the text; each class is divided in about the same proportion. time: later rows are held out."""

    validation: float = Field(default=0.1, gt=0, lt=0.5)
    """By hash: share of the rows that go to validation (more: a surer choice among candidates, less to learn from)."""

    test: float = Field(default=0.1, gt=0, lt=0.5)
    """By hash: share of the rows that go to test; without effect where `ingest.test_sources` gives a test split."""

    salt: str = ""
    """By hash: any text; another one gives another division."""

    validation_from: str | None = None
    """By time: the first time (ISO 8601, as precise as wanted) that goes to validation."""

    test_from: str | None = None
    """By time: the first time that goes to test; null where `ingest.test_sources` gives a test split."""

    @field_validator("validation_from", "test_from", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        # YAML reads an unquoted date as a date.
        return value.isoformat() if isinstance(value, date) else value

    @field_validator("validation_from", "test_from")
    @classmethod
    def _iso(cls, value: str | None) -> str | None:
        if value is None or _COARSE.fullmatch(value):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("a time in ISO 8601, such as 2026-11 or 2026-11-01T12:00") from None
        # Rows have times with a zone in UTC, and are compared as texts.
        return (moment if moment.tzinfo is None else moment.astimezone(UTC)).isoformat()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.by == "time" and self.validation_from is None:
            raise ValueError("validation_from where the split is by time")
        if self.by == "hash" and (self.validation_from or self.test_from):
            raise ValueError("by: time where validation_from or test_from is given")
        if self.validation_from and self.test_from and self.test_from <= self.validation_from:
            raise ValueError("a test_from after validation_from")
        return self


class CleanParams(Block):
    """How texts are cleaned, duplicates merged and rows divided."""

    rules: Rules = Field(default_factory=Rules)
    """Cleaning rules for every row; what only one feature set wants belongs into `features.<name>.rules`."""

    duplicates: Duplicates = Field(default_factory=Duplicates)
    """Which rows count as duplicates."""

    split: Split = Field(default_factory=Split)
    """How rows are divided."""

    corrections: list[str] = Field(default_factory=list)
    """Tables (.csv or .tsv), or globs of such, in which a person has corrected labels or named rows to remove (see
    tasks/clean/corrections.py). They are applied before duplicates are looked for."""

    min_class_rows: int = Field(default=2, ge=1)
    """Rows that a class must have, over all splits; smaller ones are set aside (more: fewer, surer classes)."""

    @field_validator("corrections")
    @classmethod
    def _local_tables(cls, patterns: list[str]) -> list[str]:
        if any("://" in one or not one.endswith((".csv", ".tsv")) for one in patterns):
            raise ValueError("files or globs of files on this machine that end in .csv or .tsv")
        return patterns
