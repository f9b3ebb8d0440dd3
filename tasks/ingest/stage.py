"""Reads all sources into one table of rows, and what cannot be used into another."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tasks import block
from tasks.errors import BadInput
from tasks.files import replacing
from tasks.ingest import linked
from tasks.ingest.chunks import ChunkWriter
from tasks.ingest.fields import Row, row_of
from tasks.ingest.ids import SeenIds
from tasks.ingest.params import IngestParams
from tasks.ingest.places import Place, distinct
from tasks.ingest.raw import Item, Rejection, shown
from tasks.ingest.readers import SCRATCH, Reading, ReadOptions
from tasks.progress import Progress, log
from tasks.records import Record
from tasks.rows import RAW, REJECTED, with_kept

ROWS = Path("data/raw/rows.parquet")
REJECTS = Path("data/raw/rejected.parquet")


def run(root: Path, item: str | None, record: Record) -> None:
    """Writes `data/raw/rows.parquet` and `data/raw/rejected.parquet`.

    Raises:
        BadInput: if a source cannot be read, or no row of all can be used.
        TransientError: if reading failed in a way that may pass.
    """
    params = block.read(root, "ingest", IngestParams)
    linked.check([*params.sources, *params.test_sources], root)
    places = _places(params, root)
    with replacing(root / ROWS) as rows_path, replacing(root / REJECTS) as rejected_path:
        with (
            ChunkWriter(rows_path, with_kept(RAW, params.columns.keep), "text") as rows,
            ChunkWriter(rejected_path, REJECTED, "content") as rejected,
            SeenIds(root / SCRATCH / "ids.sqlite") as seen,
        ):
            reasons = _read_all(places, params, root, rows, rejected, seen)
        record.rows_in, record.rows_out = rows.count + rejected.count, rows.count
        if rows.count == 0:
            raise _nothing_left(root, rejected_path, reasons)


def _places(params: IngestParams, root: Path) -> list[tuple[Place, bool]]:
    """Every file once, and whether it belongs to the official test split."""
    train = list(distinct(params.sources, root))
    test = list(distinct(params.test_sources, root))
    both = {place.path for place in train} & {place.path for place in test}
    if both:
        name = next(place.name for place in test if place.path in both)
        fix = "Take it out of one of the two."
        raise BadInput(name, "a file in ingest.sources or in ingest.test_sources", "it in both", fix)
    return [*((place, False) for place in train), *((place, True) for place in test)]


def _options(params: IngestParams) -> ReadOptions:
    columns = params.columns
    needs = [name for name in (columns.text, columns.label, columns.time, columns.id) if name is not None]
    needs += columns.keep
    return ReadOptions(
        format=params.format,
        encoding=params.encoding,
        delimiter=params.delimiter,
        quote=params.quote,
        header=None if params.header is None else tuple(params.header),
        pattern=params.pattern,
        needs=tuple(dict.fromkeys(needs)),
        only_needed=True,
    )


def _read_all(
    places: list[tuple[Place, bool]],
    params: IngestParams,
    root: Path,
    rows: ChunkWriter,
    rejected: ChunkWriter,
    seen: SeenIds,
) -> Counter[str]:
    reasons: Counter[str] = Counter()
    progress = Progress("reading rows")
    options = _options(params)
    for place, official_test in places:
        before = rows.count, rejected.count
        file = Reading(place, options, root)
        for outcome in _rows(file, params, official_test, seen):
            if isinstance(outcome, Rejection):
                reasons[outcome.kind] += 1
                rejected.add(asdict(outcome))
            else:
                rows.add(outcome)
            progress.update(rows.count + rejected.count, rejected=rejected.count)
        how = ", ".join(f"{name} {value}" for name, value in file.how.items())
        good, bad = rows.count - before[0], rejected.count - before[1]
        log(f"{place.name}: {good:,} rows, {bad:,} rejected" + (f" ({how})" if how else ""))
    for reason, count in reasons.most_common():
        log(f"rejected: {count:,} for {reason}")
    return reasons


def _rows(file: Reading, params: IngestParams, official_test: bool, seen: SeenIds) -> Iterator[Row | Rejection]:
    items: Iterator[Item] = iter(file)
    for item in items:
        if isinstance(item, Rejection):
            yield item
            continue
        row = row_of(item, params.columns, params.max_chars, official_test)
        if isinstance(row, dict) and params.columns.id is not None:
            # An official test split may number its rows anew; clean tells the two apart.
            role = "test" if official_test else "source"
            first = seen.first_place(f"{role} {row['id']}", item.source, item.row)
            if first is not None:
                reason = f"duplicate id: {shown(row['id'])!r} is already that of {first[0]}, row {first[1]}"
                yield Rejection(item.source, item.row, item.line, reason, shown(row["text"]))
                continue
        yield row


def _nothing_left(root: Path, rejected: Path, reasons: Counter[str]) -> BadInput:
    # A failed stage leaves no outputs, so the list goes where it can still be looked at.
    copy = root / SCRATCH / "rejected.parquet"
    shutil.copyfile(rejected, copy)
    common = "; ".join(f"{reason} ({count:,} rows)" for reason, count in reasons.most_common(5))
    fix = f"See {copy.relative_to(root).as_posix()} for every row, then correct the sources or ingest.columns."
    return BadInput("ingest.sources", "rows that can be used", f"all rejected: {common}", fix)
