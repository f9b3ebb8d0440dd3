"""Real data sets through ingest and clean, as their authors published them and with no special case in code.

They lie beside the repository; where they do not, these tests are skipped.
"""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tasks.clean import stage as clean
from tasks.ingest import stage as ingest
from tasks.ingest.raw import RawRecord
from tasks.ingest.readers import ReadOptions, read_records
from tasks.records import Record
from tasks.rows import SPLITS

DATA = Path(__file__).parents[3] / "shared" / "data"
SAMPLE = Path(__file__).parents[2] / "data" / "source"
TREC = r"(?P<label>[A-Z]+):(?P<fine>\S+) (?P<text>.*)"


def through(root: Path, **block: Any) -> dict[str, Any]:
    """Runs both stages; gives the cleaning report."""
    (root / "params.yaml").write_text(json.dumps({"ingest": block, "clean": {}}))
    for name, stage in (("ingest", ingest), ("clean", clean)):
        with Record(root, name) as record:
            stage.run(root, None, record)
    report: dict[str, Any] = json.loads((root / "data/clean/report.json").read_text())
    return report


def published(root: Path, *names: str) -> list[str]:
    """The declared names of published files, linked as the engine does it; skips where they are not there."""
    declared = [str(DATA / name) for name in names]
    for source in declared:
        if not Path(source).is_file():
            pytest.skip(f"{Path(source).parent.name}: the data set is not on this machine")
    (root / "links/sources").mkdir(parents=True)
    (root / "links/sources/index.json").write_text(json.dumps({source: [] for source in declared}))
    return declared


def rejected(root: Path) -> list[dict[str, Any]]:
    return pq.read_table(root / "data/raw/rejected.parquet").to_pylist()


def test_banking77_keeps_all_official_test_rows(tmp_path: Path) -> None:
    train, test = published(tmp_path, "banking77/train.csv", "banking77/test.csv")
    report = through(tmp_path, sources=[train], test_sources=[test], columns={"text": "text", "label": "category"})
    assert rejected(tmp_path) == []
    assert report["rows"]["in"] == 10_003 + 3_080
    assert report["rows"]["test"] == 3_080
    assert len(report["classes"]) == 77
    assert min(count["train"] for count in report["classes"].values()) > 20
    assert 0.08 < report["rows"]["validation"] / 10_003 < 0.12
    ids = pq.read_table(tmp_path / "data/clean/test.parquet", columns=["id"])["id"].to_pylist()
    assert len(set(ids)) == 3_080


def test_trec6_from_its_latin1_label_files(tmp_path: Path) -> None:
    train, test = published(tmp_path, "trec6/train_5500.label", "trec6/TREC_10.label")
    report = through(
        tmp_path,
        sources=[train],
        test_sources=[test],
        columns={"text": "text", "label": "label"},
        format="lines",
        pattern=TREC,
    )
    assert rejected(tmp_path) == []
    assert (report["rows"]["in"], report["rows"]["test"]) == (5_952, 500)
    assert sorted(report["classes"]) == ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"]
    assert report["duplicates"]["equal"] >= 72  # as its README counts them
    texts = pq.read_table(tmp_path / "data/raw/rows.parquet", columns=["text"])["text"].to_pylist()
    assert "Which city has the oldest relationship as a sister\xf0city with Los Angeles ?" in texts


REVIEWS = "chnsenticorp_htl/ChnSentiCorp_htl_all.csv"


def test_chnsenticorp(tmp_path: Path) -> None:
    report = through(tmp_path, sources=published(tmp_path, REVIEWS), columns={"text": "review", "label": "label"})
    assert report["rows"]["in"] == 7_765
    assert set(report["classes"]) == {"0", "1"}
    assert report["languages"]["texts"]["zh"] > 1_900
    (bad,) = rejected(tmp_path)
    assert (bad["reason"], bad["row"]) == ("empty text", 6_375)


@pytest.mark.parametrize("codec", ["gb18030", "utf-16", "utf-16-le", "utf-16-be"])
def test_chnsenticorp_in_other_encodings(tmp_path: Path, codec: str) -> None:
    (path,) = published(tmp_path / "unused", REVIEWS)
    text = Path(path).read_text(encoding="utf-8")
    (tmp_path / "reviews.csv").write_bytes(text.encode(codec))
    items = read_records("reviews.csv", ReadOptions(needs=("review", "label")), tmp_path)
    reviews = [item.values["review"] for item in items if isinstance(item, RawRecord)]
    assert reviews == [line["review"] for line in csv.DictReader(text.splitlines(keepends=True))]


def test_sample_data_and_an_append_that_moves_no_row(tmp_path: Path) -> None:
    columns = {"text": "text", "label": "queue", "time": "created", "id": "id"}
    before: dict[str, str] = {}
    for last, count in ((8, 720), (11, 1500)):
        root = tmp_path / str(last)
        (root / "data/source").mkdir(parents=True)
        for name in [*(f"helpdesk-2026-{month:02d}.csv" for month in range(6, last + 1)), "helpdesk-zh.csv"]:
            (root / "data/source" / name).write_bytes((SAMPLE / name).read_bytes())
        report = through(root, sources=["data/source/*.csv"], columns=columns)
        assert rejected(root) == []
        assert report["rows"]["in"] == count + 360
        after = {
            name: split
            for split in SPLITS
            for name in pq.read_table(root / f"data/clean/{split}.parquet", columns=["id"])["id"].to_pylist()
        }
        assert {name: after[name] for name in before} == before
        before = after
