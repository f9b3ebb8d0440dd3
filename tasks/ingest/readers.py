"""Reads the raw records of any source, whatever its format; memory does not grow with the input."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tasks.errors import BadInput
from tasks.ingest import delimited, hub, objects, patterns, tables
from tasks.ingest.encodings import encoding_of
from tasks.ingest.lines import Lines
from tasks.ingest.places import FORMATS, Place, distinct
from tasks.ingest.raw import Item, RawRecord, missing_columns
from tasks.ingest.streams import at_hand, blocks, reading

SCRATCH = Path("scratch/ingest")


@dataclass(frozen=True)
class ReadOptions:
    """How to read; the fields mean what they mean in `IngestParams`.

    Attributes:
        needs: columns that a source must have.
        only_needed: whether the other columns are left out (else all are kept).
    """

    format: str = "auto"
    encoding: str = "auto"
    delimiter: str = "auto"
    quote: str | None = '"'
    header: tuple[str, ...] | None = None
    pattern: str | None = None
    needs: tuple[str, ...] = ()
    only_needed: bool = False

    @property
    def wanted(self) -> tuple[str, ...] | None:
        """The columns to read, None for all."""
        return self.needs if self.only_needed else None


def read_records(source: str, options: ReadOptions, root: Path) -> Iterator[Item]:
    """Streams the records, and the rejections, of everything that one source stands for.

    Args:
        source: a file, folder, glob, fsspec URL or `hub:` name, as in `ingest.sources`.
        root: the workspace; paths start from it, and copies of remote files lie under its `scratch/`.

    Raises:
        BadInput: if a file is missing, empty, damaged, of unknown format, in another encoding than declared, or
            lacks a column that is needed.
        TransientError: if a remote place, or the device, failed in a way that may pass.
    """
    for place in distinct([source], root):
        yield from Reading(place, options, root)


@dataclass
class Reading:
    """The reading of one file.

    Attributes:
        how: what was found out on the way, such as the encoding; complete once the first record is there.
    """

    place: Place
    options: ReadOptions
    root: Path
    how: dict[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Item]:
        scratch = self.root / SCRATCH
        if self.place.hub:
            items = hub.hub_records(self.place.path, self.root, scratch, self.options.wanted)
            yield from self._checked(items)
            return
        kind = self._kind()
        with reading(self.place), at_hand(self.place, scratch, kind in {"parquet", "arrow"}) as place:
            if not any(blocks(place)):
                fix = "Remove it from the sources, or fetch it again."
                raise BadInput(place.name, "rows", "an empty file", fix)
            yield from self._checked(self._items(place, kind))

    def _kind(self) -> str:
        if self.options.format != "auto":
            return self.options.format
        try:
            return FORMATS[self.place.suffix]
        except KeyError:
            known = "a file with a known suffix (" + " ".join(FORMATS) + ")"
            found = repr(self.place.suffix) if self.place.suffix else "none"
            raise BadInput(self.place.name, known, found, "Declare ingest.format, or rename the file.") from None

    def _items(self, place: Place, kind: str) -> Iterator[Item]:
        options = self.options
        self.how["format"] = kind
        if kind in {"parquet", "arrow"}:
            yield from tables.table_records(place, kind, options.needs, options.wanted)
            return
        encoding = self.how["encoding"] = encoding_of(place, options.encoding)
        if kind == "json":
            with Lines(place, encoding) as lines:
                one_a_line = options.format == "auto" and objects.one_object_a_line(lines)
            if not one_a_line:
                yield from objects.array_records(place, encoding)
                return
            kind = self.how["format"] = "jsonl"
        with Lines(place, encoding) as lines:
            if kind == "jsonl":
                yield from objects.line_records(lines, place.name)
            elif kind == "lines":
                yield from patterns.pattern_records(lines, place.name, options.pattern)
            else:
                yield from delimited.records(
                    lines, place.name, kind, options.delimiter, options.quote, options.header, options.needs, self.how
                )

    def _checked(self, items: Iterator[Item]) -> Iterator[Item]:
        """Passes the items on, leaves out columns that are not wanted, and checks that the needed ones occur."""
        missing = set(self.options.needs)
        wanted = self.options.wanted
        found: dict[str, None] = {}
        count = records = 0
        for item in items:
            count += 1
            if isinstance(item, RawRecord):
                records += 1
                if missing:
                    missing -= item.values.keys()
                    found |= dict.fromkeys(list(item.values)[: 50 - len(found)])
                if wanted is not None:
                    values = {name: item.values[name] for name in wanted if name in item.values}
                    yield RawRecord(item.source, item.row, item.line, values)
                    continue
            yield item
        if count == 0:
            fix = "Remove it from the sources, or fetch it again."
            raise BadInput(self.place.name, "rows", "none (at most a header)", fix)
        if records and missing:
            raise missing_columns(self.place.name, missing, list(found))
