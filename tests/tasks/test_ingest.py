"""The ingest stage as a whole: what it writes, from every format, and that its memory does not grow."""

import bz2
import csv
import gzip
import json
import lzma
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tasks.clean.stage import SET_ASIDE
from tasks.errors import BadInput, ParamsError
from tasks.ingest.fields import content_id
from tasks.ingest.params import TAKEN
from tasks.ingest.stage import run
from tasks.records import Record
from tasks.rows import RAW, REJECTED, with_kept

ROWS = [("My card,\nit is lost", "card"), ('He said "hello"', "greeting"), ("Größe: 5 €", "size")]
COLUMNS = {"text": "text", "label": "label"}


def ingest(root: Path, **params: Any) -> Record:
    """Runs the stage in `root` with the given `ingest` block."""
    block = {"columns": COLUMNS, **params}
    (root / "params.yaml").write_text(json.dumps({"ingest": block}), encoding="utf-8")
    with Record(root, "ingest") as record:
        run(root, None, record)
    return record


def rows(root: Path) -> list[dict[str, Any]]:
    """What the stage kept."""
    table = pq.read_table(root / "data/raw/rows.parquet")
    assert table.schema.equals(RAW)
    return table.to_pylist()


def rejected(root: Path) -> list[dict[str, Any]]:
    """What it rejected."""
    table = pq.read_table(root / "data/raw/rejected.parquet")
    assert table.schema.equals(REJECTED)
    return table.to_pylist()


def source(root: Path, name: str, content: str | bytes) -> str:
    """Writes a file into `data/source/` and gives its declared name."""
    path = root / "data/source" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return f"data/source/{name}"


def _csv(delimiter: str) -> bytes:
    quoted = [[f'"{text.replace(chr(34), chr(34) * 2)}"', label] for text, label in ROWS]
    return "\n".join(delimiter.join(fields) for fields in [["text", "label"], *quoted]).encode()


def _objects() -> list[dict[str, str]]:
    return [{"label": label, "text": text, "other": "x"} for text, label in ROWS]


def _table() -> pa.Table:
    return pa.Table.from_pylist(_objects())


def _parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(_table(), sink)
    return sink.getvalue().to_pybytes()


def _arrow(new: Callable[..., Any]) -> bytes:
    sink = pa.BufferOutputStream()
    with new(sink, _table().schema) as writer:
        writer.write_table(_table())
    return sink.getvalue().to_pybytes()


FILES = {
    "a.csv": _csv(","),
    "semicolon.csv": _csv(";"),
    "tab.csv": _csv("\t"),
    "bar.csv": _csv("|"),
    "a.tsv": _csv("\t"),
    "a.jsonl": "\n\n".join(json.dumps(one) for one in _objects()).encode(),
    "lines_after_all.json": "\n".join(json.dumps(one) for one in _objects()).encode(),
    "array.json": json.dumps(_objects(), indent=1).encode(),
    "inner.json": json.dumps({"meta": {"tags": ["x"], "n": 1}, "data": _objects()}).encode(),
    "a.parquet": _parquet(),
    "file.arrow": _arrow(pa.ipc.new_file),
    "stream.arrow": _arrow(pa.ipc.new_stream),
    "a.csv.gz": gzip.compress(_csv(","), mtime=0),
    "a.csv.zst": zstandard.compress(_csv(",")),
    "a.csv.bz2": bz2.compress(_csv(",")),
    "a.csv.xz": lzma.compress(_csv(",")),
    "array.json.zst": zstandard.compress(json.dumps(_objects()).encode()),
    "a.parquet.gz": gzip.compress(_parquet(), mtime=0),
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    record = ingest(tmp_path, sources=[source(tmp_path, name, FILES[name])])
    assert [(row["text"], row["label"]) for row in rows(tmp_path)] == ROWS
    assert [row["row"] for row in rows(tmp_path)] == [1, 2, 3]
    assert {row["source"] for row in rows(tmp_path)} == {f"data/source/{name}"}
    assert [row["id"] for row in rows(tmp_path)] == [content_id(text, label) for text, label in ROWS]
    assert rejected(tmp_path) == []
    assert (record.rows_in, record.rows_out) == (3, 3)
    assert not any((tmp_path / "scratch/ingest").iterdir())  # no copy, no list of ids is left


def test_lines_are_taken_apart_by_the_declared_pattern(tmp_path: Path) -> None:
    content = "LOC:city Where is\xf0 it ?\nwrong\nHUM:ind Who : me ?\r\n".encode("latin-1")
    name = source(tmp_path, "t.label", content)
    ingest(tmp_path, sources=[name], format="lines", pattern=r"(?P<label>[A-Z]+):(?P<fine>\S+) (?P<text>.*)")
    assert [(row["text"], row["label"]) for row in rows(tmp_path)] == [
        ("Where is\xf0 it ?", "LOC"),
        ("Who : me ?", "HUM"),
    ]
    (bad,) = rejected(tmp_path)
    assert (bad["row"], bad["line"], bad["content"]) == (2, 2, "wrong")
    assert "pattern" in bad["reason"]


def test_header_can_be_declared_and_quotes_be_plain(tmp_path: Path) -> None:
    name = source(tmp_path, "a.tsv", '"No" he said\t1\tx\n5" disk\t2\ty\n')
    ingest(tmp_path, sources=[name], header=["text", "label", "note"], quote=None)
    assert [(row["text"], row["label"]) for row in rows(tmp_path)] == [('"No" he said', "1"), ('5" disk', "2")]


def test_folders_and_globs_are_sorted_and_read_each_file_once(tmp_path: Path) -> None:
    for name in ("b.csv", "sub/a.jsonl", "a.csv", "notes.txt", ".hidden.csv", "_part/x.csv"):
        content = '{"text": "t", "label": "l"}' if name.endswith("jsonl") else f"text,label\n{name},l\n"
        source(tmp_path, name, content)
    ingest(tmp_path, sources=["data/source", "data/source/*.csv"])
    assert [row["source"].removeprefix("data/source/") for row in rows(tmp_path)] == ["a.csv", "b.csv", "sub/a.jsonl"]


def test_official_test_rows_are_marked(tmp_path: Path) -> None:
    train, test = source(tmp_path, "train.csv", "text,label\na,x\n"), source(tmp_path, "test.csv", "text,label\nb,y\n")
    ingest(tmp_path, sources=[train], test_sources=[test])
    assert [(row["text"], row["official_test"]) for row in rows(tmp_path)] == [("a", False), ("b", True)]


def test_same_input_same_bytes_and_paths_never_absolute(tmp_path: Path) -> None:
    written = []
    for folder in ("one", "two"):
        root = tmp_path / folder
        root.mkdir()
        source(root, "a.csv", "text,label\na,x\n,y\nb,y\n")
        ingest(root, sources=[str(root / "data/source/*.csv")] if folder == "two" else ["data/source/*.csv"])
        written.append([(root / f"data/raw/{name}.parquet").read_bytes() for name in ("rows", "rejected")])
    assert written[0] == written[1]


def test_more_lines_than_are_peeked_at_lose_none(tmp_path: Path) -> None:
    texts = [f"line {number}\nand more" for number in range(450)]
    path = tmp_path / "data/source/a.csv"
    path.parent.mkdir(parents=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *((text, "x") for text in texts)])
    ingest(tmp_path, sources=["data/source/a.csv"])
    assert [row["text"] for row in rows(tmp_path)] == texts


def test_memory_does_not_grow_with_the_input(tmp_path: Path) -> None:
    peaks = []
    for count in (20_000, 80_000):
        root = tmp_path / str(count)
        lines = "".join(f"{number},some text of about sixty characters number {number},x\n" for number in range(count))
        source(root, "a.csv", "id,text,label\n" + lines)
        del lines
        tracemalloc.start()
        ingest(root, sources=["data/source/a.csv"], columns={**COLUMNS, "id": "id"})
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert pq.ParquetFile(root / "data/raw/rows.parquet").metadata.num_rows == count
    assert peaks[1] < 1.2 * peaks[0]


def test_columns_that_are_kept_come_along_as_texts(tmp_path: Path) -> None:
    lines = [
        {"text": "one", "label": "a", "channel": " chat ", "team": 3.0},
        {"text": "two", "label": "b", "channel": "", "team": 2.5},
        {"text": "three", "label": "a", "channel": None, "team": True},
        {"text": "four", "label": "a", "channel": ["chat"], "team": 1},
    ]
    name = source(tmp_path, "rows.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    ingest(tmp_path, sources=[name], columns=COLUMNS | {"keep": ["team", "channel"]})
    table = pq.read_table(tmp_path / "data/raw/rows.parquet")
    assert table.schema.equals(with_kept(RAW, ["team", "channel"]))
    assert table["channel"].to_pylist() == ["chat", None, None]
    assert table["team"].to_pylist() == ["3", "2.5", "true"]
    (bad,) = rejected(tmp_path)
    assert bad["reason"].startswith("channel of the wrong type: list")
    assert "team: 1" in bad["content"]


def test_a_source_without_a_column_that_is_kept_is_refused(tmp_path: Path) -> None:
    name = source(tmp_path, "rows.csv", "text,label\none,a\n")
    with pytest.raises(BadInput, match="a column 'channel'"):
        ingest(tmp_path, sources=[name], columns=COLUMNS | {"keep": ["channel"]})


def test_no_column_that_is_kept_can_have_the_name_of_another(tmp_path: Path) -> None:
    assert set(TAKEN) == {*RAW.names, *SET_ASIDE.names}
    for names in (["source"], ["a", "a"], [" "]):
        with pytest.raises(ParamsError, match=r"ingest\.columns\.keep"):
            ingest(tmp_path, sources=["rows.csv"], columns=COLUMNS | {"keep": names})
