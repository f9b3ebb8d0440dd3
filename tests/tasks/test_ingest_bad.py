"""Input that cannot be used: each fault has its own clear error, or its own line among the rejected."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import zstandard

from tasks.block import parse
from tasks.errors import BadInput, ParamsError, TransientError
from tasks.ingest import lines, stage, streams
from tasks.ingest.params import IngestParams
from tests.tasks.test_ingest import FILES, ingest, rejected, rows, source

HEAD = "text,label\n"


def failing(root: Path, *parts: str, **params: Any) -> BadInput:
    """The error of an ingest that must fail; nothing may be left of its outputs."""
    with pytest.raises(BadInput) as caught:
        ingest(root, **params)
    assert not list(root.glob("data/raw/*"))
    for part in parts:
        assert part in str(caught.value)
    return caught.value


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "array.json", "a.parquet", "stream.arrow", "a.csv.gz"])
def test_missing_column_names_those_that_are_there(tmp_path: Path, name: str) -> None:
    sources = [source(tmp_path, name, FILES[name])]
    columns = {"text": "text", "label": "queue"}
    failing(tmp_path, name, "a column 'queue'", "'text'", "'label'", "ingest.columns", sources=sources, columns=columns)


@pytest.mark.parametrize(
    ("declared", "found"),
    [("data/source/no.csv", "nothing there"), ("data/*.csv", "none"), ("data", "none"), ("no://x", "fsspec")],
)
def test_missing_source(tmp_path: Path, declared: str, found: str) -> None:
    (tmp_path / "data").mkdir()
    if not declared.startswith("data/source"):
        (tmp_path / "links/sources").mkdir(parents=True)
        (tmp_path / "links/sources/index.json").write_text(json.dumps({declared: []}))
    failing(tmp_path, declared, found, sources=[declared])


@pytest.mark.parametrize("content", [b"", b"\n\n", HEAD.encode(), b"\xef\xbb\xbf" + HEAD.encode()])
def test_file_without_rows(tmp_path: Path, content: bytes) -> None:
    failing(tmp_path, "data/source/a.csv", "Check the file" if content == b"\n\n" else "Remove it",
            sources=[source(tmp_path, "a.csv", content)])  # fmt: skip


def test_file_of_unknown_suffix(tmp_path: Path) -> None:
    failing(tmp_path, "'.label'", ".csv", "ingest.format", sources=[source(tmp_path, "a.label", "x")])


def test_file_in_both_roles(tmp_path: Path) -> None:
    name = source(tmp_path, "a.csv", HEAD + "a,x\n")
    failing(tmp_path, name, "both", sources=[name], test_sources=["data/source/*.csv"])


def test_all_rejected_says_why_and_keeps_the_list(tmp_path: Path) -> None:
    name = source(tmp_path, "a.csv", HEAD + ",x\n" * 3 + "a,\n")
    failing(tmp_path, "empty text (3 rows); no label (1 rows)", "scratch/ingest/rejected.parquet", sources=[name])
    kept = pq.read_table(tmp_path / "scratch/ingest/rejected.parquet").to_pylist()
    assert [row["line"] for row in kept] == [2, 3, 4, 5]
    assert json.loads((tmp_path / "costs/records/ingest.json").read_text())["rows_in"] == 4


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", gzip.compress(HEAD.encode() + os.urandom(3000).hex().encode())[:2000]),
        ("a.csv.zst", zstandard.compress(HEAD.encode() + os.urandom(3000).hex().encode())[:2000]),
        ("a.csv.gz", b"not packed at all"),
        ("a.csv.xz", b"not packed at all"),
        ("a.parquet", FILES["a.parquet"][:-20]),
        ("a.parquet", b"text,label"),
        ("stream.arrow", FILES["stream.arrow"][:200]),
    ],
)
def test_damaged_file(tmp_path: Path, name: str, content: bytes) -> None:
    failing(tmp_path, name, "damaged or truncated", "again", sources=[source(tmp_path, name, content)])


@pytest.mark.parametrize("content", ['[{"text": "a", "label": "x"}, {"te', '{"a": 1}', '[{"a": 1}] x', '"a"'])
def test_json_that_is_no_array_of_objects(tmp_path: Path, content: str) -> None:
    failing(tmp_path, "a.json", "JSON", sources=[source(tmp_path, "a.json", content)])


def test_duplicate_names_in_the_header(tmp_path: Path) -> None:
    failing(tmp_path, "text twice", sources=[source(tmp_path, "a.csv", "text,text,label\na,b,c\n")])


def test_rejected_rows_say_where_and_why(tmp_path: Path) -> None:
    good, half = '{"text": "a", "label": 1.0}', '"\\ud800"'
    bad = {
        '{"label": "x"}': "no text",
        '{"text": "  ", "label": "x"}': "empty text",
        '{"text": 5, "label": "x"}': "text of the wrong type: int 5",
        '{"text": "a", "label": null}': "no label",
        '{"text": "a", "label": ["x", "y"]}': "label of the wrong type: list",
        '{"text": "a", "label": 0.5}': "label of the wrong type: float 0.5",
        f'{{"text": {half}, "label": "x"}}': "broken characters",
        '{"text": "abcdefghijklm", "label": "x"}': "text too long: 13 characters, more than 12",
        '{"text": "a", "label": "x"': "broken line: no valid JSON",
        '{"text": "a\\u0000", "label": "x"}': "NUL byte: in the text",
        '{"text": "a\0", "label": "x"}': "NUL byte",
        '["a", "x"]': "not an object: an array",
        "[" * 100_000: "broken line",
    }
    name = source(tmp_path, "a.jsonl", "\n".join([good, *bad, '{"text": "b", "label": true}']))
    ingest(tmp_path, sources=[name], max_chars=12)
    assert [(row["label"], row["row"]) for row in rows(tmp_path)] == [("1", 1), ("true", len(bad) + 2)]
    found = rejected(tmp_path)
    assert [row["line"] for row in found] == list(range(2, len(bad) + 2))
    for row, reason in zip(found, bad.values(), strict=True):
        assert row["reason"].startswith(reason)
        assert row["source"] == name
        assert 0 < len(row["content"]) <= 500


def test_broken_csv_lines_cost_only_themselves(tmp_path: Path) -> None:
    lines_of = [
        "a,x",
        '"never closed,x',
        "b,x",
        '"c\nd",x',
        "e,x,y",
        "f",
        "g\0,x",
        '"h"i,x',
        '"also "never,x',
        "j,x",
        '"k,x',
    ]
    name = source(tmp_path, "a.csv", HEAD + "\r\n".join(lines_of))
    ingest(tmp_path, sources=[name])
    assert [row["text"] for row in rows(tmp_path)] == ["a", "b", "c\nd", "j"]
    found = [(row["line"], row["reason"].split(" (")[0]) for row in rejected(tmp_path)]
    quote = "broken line: a quote is not closed properly"
    assert found == [
        (3, quote),
        (7, "broken line: 3 fields instead of 2"),
        (8, "broken line: 1 fields instead of 2"),
        (9, "NUL byte"),
        (10, quote),
        (11, quote),
        (13, quote),
    ]


def test_quote_that_is_never_closed_stops_at_a_limit(tmp_path: Path) -> None:
    plain = "".join(f"row {number},x\n" for number in range(120_000))
    name = source(tmp_path, "a.csv", HEAD + 'a,x\n"open,x\n' + plain)
    ingest(tmp_path, sources=[name])
    assert len(rows(tmp_path)) == 120_001
    assert [row["line"] for row in rejected(tmp_path)] == [3]


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.jsonl"])
def test_a_line_of_50_mb_is_skipped_without_being_held(tmp_path: Path, name: str) -> None:
    good = {"a.csv": "a,x", "a.txt": "a x", "a.jsonl": '{"text": "a", "label": "x"}'}[name]
    path = tmp_path / source(tmp_path, name, HEAD if name == "a.csv" else "")
    with path.open("a") as file:
        file.write(f"{good}\n")
        for _ in range(50):
            file.write("x" * 2**20)
        file.write(f"\n{good}\n")
    ingest(tmp_path, sources=[f"data/source/{name}"], pattern="(?P<text>.*) (?P<label>.)")
    assert len(rows(tmp_path)) == 2
    (bad,) = rejected(tmp_path)
    assert bad["reason"].startswith("line too long")
    assert bad["line"] == (3 if name == "a.csv" else 2)


def test_skipping_holds_no_more_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []

    class Spy(lines.TextIOWrapper):
        def readline(self, size: int = -1) -> str:  # type: ignore[override]
            text = super().readline(size)
            held.append(len(text))
            return text

    monkeypatch.setattr(lines, "TextIOWrapper", Spy)
    place = stage.Place("a", str(tmp_path / "a"))
    Path(place.path).write_text("ok\n" + "x" * 300_000 + "\nend")
    with lines.Lines(place, "utf-8", limit=1000) as reader:
        assert [(line.number, line.whole, line.text[:3]) for line in reader] == [
            (1, True, "ok\n"),
            (2, False, "xxx"),
            (3, True, "end"),
        ]
    assert max(held) <= 1 << 16


def test_duplicate_ids_name_the_first_place(tmp_path: Path) -> None:
    one = source(tmp_path, "a.csv", "text,label,id\na,x,7\nb,x,8\nc,x,\n")
    two = source(tmp_path, "b.jsonl", '{"text": "d", "label": "x", "id": 7}\n{"text": "", "label": "x", "id": 9}\n'
                 '{"text": "e", "label": "x", "id": 9}')  # fmt: skip
    ingest(tmp_path, sources=[one, two], columns={"text": "text", "label": "label", "id": "id"})
    assert [row["id"] for row in rows(tmp_path)] == ["7", "8", "9"]
    assert [row["reason"] for row in rejected(tmp_path)] == [
        "no id",
        f"duplicate id: '7' is already that of {one}, row 1",
        "empty text",
    ]


def test_times_become_iso_or_are_rejected(tmp_path: Path) -> None:
    times = ["2026-06-01T07:30:06", "2026-06", "2026-06-01", "2026-06-01T12:00:00+02:00", "", "yesterday", "01/02/2026"]
    content = "text,label,time\n" + "".join(f"a,x,{time}\n" for time in times)
    columns = {"text": "text", "label": "label", "time": "time"}
    ingest(tmp_path, sources=[source(tmp_path, "a.csv", content)], columns=columns)
    kept = [row["time"] for row in rows(tmp_path)]
    assert kept == ["2026-06-01T07:30:06", "2026-06", "2026-06-01", "2026-06-01T10:00:00+00:00", None]
    assert [row["reason"][:15] for row in rejected(tmp_path)] == ["unreadable time"] * 2


def test_device_errors_may_pass_and_a_full_disk_does_not(tmp_path: Path) -> None:
    place = stage.Place("a.csv", "a.csv")
    with pytest.raises(TransientError, match=r"a\.csv"), streams.reading(place):
        raise OSError(5, "Input/output error")
    with pytest.raises(OSError, match="No space") as caught, streams.reading(place):
        raise OSError(28, "No space left on device")
    assert caught.value.errno == 28


@pytest.mark.parametrize(
    ("block", "path"),
    [
        ({"sources": []}, "ingest.sources"),
        ({"sources": ["a", "a"]}, "ingest.sources"),
        ({"columns": {"text": "t"}}, "ingest.columns.label"),
        ({"encoding": "klingon"}, "ingest.encoding"),
        ({"encoding": "hex"}, "ingest.encoding"),
        ({"delimiter": ",,"}, "ingest.delimiter"),
        ({"delimiter": '"'}, "ingest"),
        ({"quote": ""}, "ingest.quote"),
        ({"header": ["a", "a"]}, "ingest.header"),
        ({"pattern": "(?P<text>"}, "ingest.pattern"),
        ({"pattern": ".*"}, "ingest.pattern"),
        ({"max_chars": 0}, "ingest.max_chars"),
        ({"format": "xls"}, "ingest.format"),
        ({"quoting": 1}, "ingest.quoting"),
    ],
)
def test_parameters_that_cannot_be(block: dict[str, Any], path: str) -> None:
    whole = {"sources": ["a.csv"], "columns": {"text": "t", "label": "l"}, **block}
    with pytest.raises(ParamsError) as caught:
        parse(IngestParams, whole, "ingest")
    assert [problem.path for problem in caught.value.problems] == [path]
