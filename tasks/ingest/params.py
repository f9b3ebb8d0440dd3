"""Parameters of the ingest stage."""

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from tasks.block import Block

Format = Literal["auto", "csv", "tsv", "jsonl", "json", "parquet", "arrow", "lines"]

MAX_CHARS = 1_000_000
"""The longest text that `max_chars` can allow, in characters."""


TAKEN = ("id", "text", "label", "time", "source", "row", "official_test", "reason", "near")
"""Columns that rows have anyway, so that none that is kept can have their names."""


class Columns(Block):
    """Which column (or key, or named group of `pattern`) holds what."""

    text: str = Field(min_length=1)
    """The text to classify."""

    label: str = Field(min_length=1)
    """The class: a name or an integer."""

    time: str | None = None
    """When the row came into being, in ISO 8601; null where the source has no such column."""

    id: str | None = None
    """A name of the row that no other row has; null makes one from the hash of text and label."""

    keep: list[str] = Field(default_factory=list)
    """Other columns that rows carry along, under their own names, as texts: for slices (`evaluate.slices`). No model
    reads them."""

    @field_validator("keep")
    @classmethod
    def _names_of_their_own(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names) or not all(name.strip() for name in names):
            raise ValueError("names of columns, each once")
        if set(names) & set(TAKEN):
            raise ValueError(f"columns of other names than {', '.join(TAKEN)}, which rows have anyway")
        return names


class IngestParams(Block):
    """Where the labelled rows come from, and how to read them."""

    sources: list[str] = Field(min_length=1)
    """Files, globs, folders, fsspec URLs, or `hub:<dataset>[@revision][:config][:split]` (a Hugging Face data set
    or a local folder laid out like one; without a split: train). Paths start from the project's folder."""

    test_sources: list[str] = Field(default_factory=list)
    """The same, for an official test split where there is one: its rows stay the test split."""

    columns: Columns
    """Which column holds what."""

    format: Format = "auto"
    """auto tells it by the file's suffix (.csv .tsv .jsonl .ndjson .json .parquet .arrow .feather .txt, each also
    with .gz .zst .bz2 .xz); lines is one row a line, see `pattern`."""

    encoding: str = "auto"
    """Of text files: auto, or the name of a Python codec such as latin-1 or gb18030."""

    delimiter: str = "auto"
    """Of csv files: auto (comma, semicolon, tab or bar: the one with which the header holds the columns), or one
    character. A tsv file has tabs."""

    quote: str | None = '"'
    """The character round fields that hold delimiters or line breaks, in csv and tsv; null where there is none and
    the character is text like any other."""

    header: list[str] | None = None
    """Names of the columns of csv and tsv files that have no header line; null where the first line holds them."""

    pattern: str | None = None
    """Of format lines: a regular expression that matches a whole line, with named groups as the columns. For
    example `(?P<label>[A-Z]+):(?P<fine>[a-z]+) (?P<text>.*)`. null: the whole line is the column `text`."""

    max_chars: int = Field(default=100_000, ge=1, le=MAX_CHARS)
    """Longest text that is taken, in characters; a longer one is rejected (more lets longer texts in)."""

    @field_validator("sources", "test_sources")
    @classmethod
    def _named(cls, sources: list[str]) -> list[str]:
        if any(not source.strip() for source in sources):
            raise ValueError("sources that are not empty")
        if len(set(sources)) < len(sources):
            raise ValueError("each source once")
        return sources

    @field_validator("encoding")
    @classmethod
    def _known_codec(cls, name: str) -> str:
        if name != "auto":
            try:
                "".encode(name)
            except (LookupError, UnicodeError):
                raise ValueError("auto, or the name of a text encoding that Python knows") from None
        return name

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, delimiter: str) -> str:
        if delimiter != "auto" and (len(delimiter) != 1 or delimiter in "\r\n\0"):
            raise ValueError("auto, or one character that is no line break")
        return delimiter

    @field_validator("quote")
    @classmethod
    def _one_quote(cls, quote: str | None) -> str | None:
        if quote is not None and (len(quote) != 1 or quote in "\r\n\0"):
            raise ValueError("null, or one character that is no line break")
        return quote

    @field_validator("header")
    @classmethod
    def _distinct(cls, names: list[str] | None) -> list[str] | None:
        if names is not None and (not names or len(set(names)) < len(names) or not all(names)):
            raise ValueError("names of columns, each once")
        return names

    @field_validator("pattern")
    @classmethod
    def _with_groups(cls, pattern: str | None) -> str | None:
        if pattern is None:
            return None
        try:
            groups = re.compile(pattern).groupindex
        except re.error as error:
            raise ValueError(f"a regular expression ({error})") from None
        if not groups:
            raise ValueError("a regular expression with named groups, such as (?P<text>.*)")
        return pattern

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.quote is not None and self.quote == self.delimiter:
            raise ValueError("a quote that differs from the delimiter")
        return self
