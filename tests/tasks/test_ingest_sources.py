"""Sources beyond plain files in `data/source/` (remote, hub, linked), and raw reading, as scoring does it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub.errors import HfHubHTTPError

from tasks.errors import BadInput, TransientError
from tasks.ingest import hub, streams
from tasks.ingest.places import Place, find
from tasks.ingest.raw import RawRecord, Rejection
from tasks.ingest.readers import ReadOptions, read_records
from tests.tasks.test_ingest import FILES, ingest, rows, source


def linked(root: Path, *declared: str) -> None:
    """Writes the index that the engine keeps of sources outside `data/source/`."""
    index = root / "links/sources/index.json"
    index.parent.mkdir(parents=True, exist_ok=True)
    index.write_text(json.dumps({name: ["001-x"] for name in declared}))


@pytest.fixture
def remote() -> Iterator[Any]:
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


@pytest.mark.parametrize("declared", ["memory://box/*.csv*", "memory://box", "memory://box/a.csv.gz"])
def test_remote_files(tmp_path: Path, remote: Any, declared: str) -> None:
    remote.pipe("/box/a.csv.gz", FILES["a.csv.gz"])
    remote.pipe("/box/.hidden.csv", b"text,label\nno,no\n")
    linked(tmp_path, declared)
    ingest(tmp_path, sources=[declared])
    assert [row["label"] for row in rows(tmp_path)] == ["card", "greeting", "size"]
    assert rows(tmp_path)[0]["source"].startswith("memory://")
    assert not any((tmp_path / "scratch/ingest").iterdir())


def test_remote_parquet_and_missing_remote_file(tmp_path: Path, remote: Any) -> None:
    remote.pipe("/box/a.parquet", FILES["a.parquet"])
    assert len(list(read_records("memory://box/a.parquet", ReadOptions(), tmp_path))) == 3
    with pytest.raises(BadInput, match="nothing there"):
        find("memory://box/b.csv", tmp_path)


def test_broken_transfer_is_worth_a_retry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ConnectionResetError("reset")

    monkeypatch.setattr(streams.fsspec, "open", refuse)
    place = Place("memory://x.csv", "memory://x.csv", url=True)
    with pytest.raises(TransientError, match="broke off"), streams.at_hand(place, tmp_path, seekable=False):
        pass
    monkeypatch.setattr(fsspec.core, "url_to_fs", refuse)
    with pytest.raises(TransientError, match="could not be reached"):
        find("memory://x.csv", tmp_path)


def test_index_of_links_must_fit_the_declared_sources(tmp_path: Path) -> None:
    inner = source(tmp_path, "a.csv", "text,label\na,x\n")
    outer = tmp_path / "elsewhere.csv"
    outer.write_text("text,label\nb,x\n")
    for index in ([], ["other.csv"], ["elsewhere.csv", "other.csv"]):
        if index:
            linked(tmp_path, *index)
        with pytest.raises(BadInput, match="regraft explain"):
            ingest(tmp_path, sources=[inner, "elsewhere.csv"])
    linked(tmp_path, inner, "elsewhere.csv")
    ingest(tmp_path, sources=[inner, "elsewhere.csv"])
    assert [row["source"] for row in rows(tmp_path)] == [inner, "elsewhere.csv"]


def test_a_source_behind_a_linked_folder_wants_a_link_too(tmp_path: Path) -> None:
    (tmp_path / "outer").mkdir()
    (tmp_path / "outer/b.csv").write_text("text,label\nb,x\n")
    source(tmp_path, "a.csv", "text,label\na,x\n")
    (tmp_path / "data/source/drop").symlink_to(tmp_path / "outer")
    ingest(tmp_path, sources=["data/source/*.csv"])
    for declared in ("data/source/drop/*.csv", "data/source/drop/b.csv", "file://data/source/drop"):
        (tmp_path / "links/sources/index.json").unlink(missing_ok=True)
        with pytest.raises(BadInput, match="regraft explain"):
            ingest(tmp_path, sources=[declared])
        linked(tmp_path, declared)
        ingest(tmp_path, sources=[declared])
        assert [row["source"] for row in rows(tmp_path)] == ["data/source/drop/b.csv"]


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local folder laid out like a hub data set: two configs; the labels of one are class numbers."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tmp_path / "box"
    folder.mkdir()
    table = pa.table({"text": ["a", "b", "c"], "label": [1, 0, -1]})
    for split in ("train", "test"):
        pq.write_table(table, folder / f"{split}.parquet")
    pq.write_table(pa.table({"text": ["z"], "label": ["plain"]}), folder / "other.parquet")
    (folder / "README.md").write_text(
        """---
configs:
- config_name: main
  default: true
  data_files:
  - {split: train, path: train.parquet}
  - {split: test, path: test.parquet}
- config_name: plain
  data_files: other.parquet
dataset_info:
- config_name: main
  features:
  - {name: text, dtype: string}
  - name: label
    dtype: {class_label: {names: {'0': neg, '1': pos}}}
---
"""
    )
    return folder


@pytest.mark.parametrize(
    ("declared", "labels"),
    [
        ("hub:box", ["pos", "neg", None]),
        ("hub:box:test", ["pos", "neg", None]),
        ("hub:box:main:test", ["pos", "neg", None]),
        ("hub:box::test", ["pos", "neg", None]),
        ("hub:box:plain", ["plain"]),
    ],
)
def test_hub_folder(tmp_path: Path, dataset: Path, declared: str, labels: list[str | None]) -> None:
    items = list(read_records(declared, ReadOptions(needs=("text", "label")), tmp_path))
    assert [item.values["label"] for item in items if isinstance(item, RawRecord)] == labels
    assert {item.source for item in items} == {declared}


def test_hub_folder_through_the_stage(tmp_path: Path, dataset: Path) -> None:
    linked(tmp_path, "hub:box", "hub:box:test")
    record = ingest(tmp_path, sources=["hub:box"], test_sources=["hub:box:test"])
    assert [(row["text"], row["label"], row["official_test"]) for row in rows(tmp_path)] == [
        ("a", "pos", False),
        ("b", "neg", False),
        ("a", "pos", True),
        ("b", "neg", True),
    ]
    assert (record.rows_in, record.rows_out) == (6, 4)


@pytest.mark.parametrize("declared", ["hub:box:nosplit", "hub:box:a:b:c", "hub:no/such", "hub:"])
def test_hub_address_that_leads_nowhere(tmp_path: Path, dataset: Path, declared: str) -> None:
    with pytest.raises((BadInput, TransientError), match="hub:"):
        list(read_records(declared, ReadOptions(), tmp_path))


def answer(status: int) -> HfHubHTTPError:
    request = httpx.Request("GET", "https://hub.invalid")
    return HfHubHTTPError(f"status {status}", response=httpx.Response(status, request=request))


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (ConnectionError("down"), TransientError),
        (httpx.ReadTimeout("slow"), TransientError),
        (answer(503), TransientError),
        (answer(404), BadInput),
        (FileNotFoundError("gone"), BadInput),
        (pa.ArrowInvalid("broken"), BadInput),
        (ZeroDivisionError("a fault of the program"), ZeroDivisionError),
    ],
)
def test_hub_faults_are_told_apart(
    tmp_path: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, raised: type[Exception]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr("datasets.load_dataset", fail)
    with pytest.raises(raised, match=str(fault)):
        list(read_records("hub:box", ReadOptions(), tmp_path))


def test_hub_addresses() -> None:
    assert hub.parse("hub:org/name@v1:en:test") == hub.Address("org/name", "v1", "en", "test", None)
    assert hub.parse("hub:name:test") == hub.Address("name", None, None, None, "test")


def test_class_numbers_of_a_parquet_file_become_names(tmp_path: Path) -> None:
    features = {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}, "text": {"dtype": "string"}}
    table = pa.table({"text": ["a", "b"], "label": [1, 0]})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, tmp_path / "a.parquet")
    items = list(read_records("a.parquet", ReadOptions(), tmp_path))
    assert [item.values for item in items if isinstance(item, RawRecord)] == [
        {"text": "a", "label": "pos"},
        {"text": "b", "label": "neg"},
    ]


def test_raw_records_keep_all_columns_in_order_with_row_and_line(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('id;text;x\n1;"a\nb";7\n2;c\n3;d;9\n')
    items = list(read_records("in.csv", ReadOptions(needs=("text",)), tmp_path))
    assert items[0] == RawRecord("in.csv", 1, 2, {"id": "1", "text": "a\nb", "x": "7"})
    assert list(items[0].values) == ["id", "text", "x"]
    assert isinstance(items[1], Rejection)
    assert (items[1].row, items[1].line, items[1].content) == (2, 4, "2;c")
    assert items[2] == RawRecord("in.csv", 3, 5, {"id": "3", "text": "d", "x": "9"})


def test_plain_lines_without_a_pattern_are_texts(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("one\n\ntwo, three\n")
    items = list(read_records("in.txt", ReadOptions(needs=("text",)), tmp_path))
    assert [(item.row, item.line, item.values) for item in items if isinstance(item, RawRecord)] == [
        (1, 1, {"text": "one"}),
        (2, 3, {"text": "two, three"}),
    ]


def test_one_column_needs_no_delimiter(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('text\n"one, two"\nthree\n')
    items = list(read_records("in.csv", ReadOptions(needs=("text",)), tmp_path))
    assert [item.values["text"] for item in items if isinstance(item, RawRecord)] == ["one, two", "three"]
