"""The clean stage as a whole: what it writes, what it sets aside, and what it refuses."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks import rows as schema
from tasks.block import parse
from tasks.clean.params import CleanParams
from tasks.clean.stage import SET_ASIDE, run
from tasks.errors import BadInput, ParamsError
from tasks.records import Record
from tasks.rules import Rules

WORDS = ["printer", "password", "salary", "laptop", "window", "invoice", "badge", "network", "lunch", "holiday"]
OUTPUTS = [
    *(f"{name}.parquet" for name in (*schema.SPLITS, "set_aside", "conflicts")),
    "rules.json",
    "report.json",
    "report.md",
]


def row(number: int, text: str, label: str, *, time: str | None = None, test: bool = False) -> dict[str, Any]:
    """A row of the raw table."""
    place = {"source": "a.csv", "row": number, "time": time, "official_test": test}
    return {"id": f"r{number}", "text": text, "label": label, **place}


def many(count: int, *, start: int = 0, test: bool = False, months: int = 1) -> list[dict[str, Any]]:
    """Rows of three classes whose texts do not resemble one another."""
    made = []
    for number in range(start, start + count):
        digits = f"{number * 7919 % 99991:05d}"
        text = " ".join(WORDS[int(digit)] for digit in digits) + f" {number}"
        time = f"2026-{number * months // (start + count) + 1:02d}-01"
        made.append(row(number, text, "abc"[number % 3], time=time, test=test))
    return made


def clean(root: Path, raw: list[dict[str, Any]], **params: Any) -> Record:
    """Runs the stage in `root` on the given raw rows."""
    (root / "data/raw").mkdir(parents=True, exist_ok=True)
    kept = [name for name in raw[0] if name not in schema.RAW.names]
    table = pa.Table.from_pylist(raw, schema=schema.with_kept(schema.RAW, kept))
    schema.write(root / "data/raw/rows.parquet", table)
    (root / "params.yaml").write_text(json.dumps({"clean": params}))
    with Record(root, "clean") as record:
        run(root, None, record)
    return record


def split(root: Path, name: str) -> list[dict[str, Any]]:
    """The rows of one of the files that the stage writes."""
    table = pq.read_table(root / f"data/clean/{name}.parquet")
    assert table.schema.equals(SET_ASIDE if name == "set_aside" else schema.CLEAN)
    return table.to_pylist()


def sides(root: Path) -> dict[str, str]:
    """The split of each kept row by its id."""
    return {one["id"]: name for name in schema.SPLITS for one in split(root, name)}


def test_defaults_write_everything_and_lose_no_row(tmp_path: Path) -> None:
    record = clean(tmp_path, [*many(300), row(900, "printer  BADGE window network 900", "a"), row(901, "\u200b", "b")])
    assert {path.name for path in (tmp_path / "data/clean").iterdir()} == set(OUTPUTS)
    counts = {name: len(split(tmp_path, name)) for name in (*schema.SPLITS, "set_aside")}
    assert sum(counts.values()) == record.rows_in == 302
    assert record.rows_out == 302 - counts["set_aside"]
    assert 10 < counts["validation"] < 60
    assert 10 < counts["test"] < 60
    assert split(tmp_path, "set_aside")[-1]["reason"] == "empty after the rules of clean.rules"
    assert next(one["text"] for one in split(tmp_path, sides(tmp_path)["r900"]) if one["id"] == "r900") == (
        "printer BADGE window network 900"
    )
    report = json.loads((tmp_path / "data/clean/report.json").read_text())
    assert report["rows"] == {"in": 302, **counts}
    assert report["rules"] == {"unicode": 0, "control": 1, "spaces": 1}
    assert report["set_aside"] == {"empty after the rules": 1}
    assert sum(report["classes"]["a"].values()) == 101
    assert report["lengths"]["words"]["max"] == 6
    assert report["languages"]["sampled"] == 301
    rules = json.loads((tmp_path / "data/clean/rules.json").read_text())
    assert parse(Rules, rules).apply(" a  b ") == "a b"


def test_rows_of_a_file_stand_in_source_order(tmp_path: Path) -> None:
    clean(tmp_path, list(reversed(many(200, months=3))))
    numbers = [one["row"] for one in split(tmp_path, "train")]
    assert numbers == sorted(numbers, reverse=True)


def test_same_bytes_twice(tmp_path: Path) -> None:
    raw = [*many(200), row(800, "printer password salary", "a"), row(801, "printer password salary!", "b")]
    written = []
    for folder in ("one", "two"):
        clean(tmp_path / folder, raw)
        written.append([(tmp_path / folder / "data/clean" / name).read_bytes() for name in OUTPUTS])
    assert written[0] == written[1]


def test_duplicates_are_merged_and_conflicts_reported(tmp_path: Path) -> None:
    text = "please reset the password of my laptop and send me the new one by internal mail"
    raw = [
        *many(200),
        row(500, text, "a"),
        row(501, text.upper() + "  ", "a"),
        row(502, text + "!", "a"),
        row(503, text, "b"),
        row(504, text + " or phone, whatever is the quicker way for both of us", "b"),
    ]
    clean(tmp_path, raw)
    aside = {one["id"]: (one["reason"], one["near"]) for one in split(tmp_path, "set_aside")}
    assert aside == {"r501": ("duplicate of r500", "r500"), "r502": ("near duplicate of r500", "r500")}
    assert sides(tmp_path)["r500"] == sides(tmp_path)["r503"]
    report = json.loads((tmp_path / "data/clean/report.json").read_text())
    assert report["duplicates"] == {"equal": 1, "near": 1}
    assert {key: report["conflicts"][key] for key in ("pairs", "kept", "set_aside")} == {
        "pairs": 1,
        "kept": 1,
        "set_aside": 0,
    }
    example = report["conflicts"]["examples"][0]
    assert (example["later"]["id"], example["earlier"]["label"], example["earlier"]["text"]) == ("r503", "a", text)
    assert text in (tmp_path / "data/clean/report.md").read_text()


@pytest.mark.parametrize(
    ("duplicates", "expected"),
    [
        ({"conflicts": "drop"}, {"r501": "conflicting label", "r502": "near duplicate of r500"}),
        ({"near": False}, {}),
        ({"threshold": 1}, {}),
        ({"shingle": 50, "threshold": 0.95}, {}),
    ],
)
def test_each_setting_of_duplicates_acts(tmp_path: Path, duplicates: dict[str, Any], expected: dict[str, str]) -> None:
    text = "please reset the password of my laptop and send me the new one"
    raw = [*many(200), row(500, text, "a"), row(501, text, "b"), row(502, text + "!", "a")]
    clean(tmp_path, raw, duplicates=duplicates)
    found = {one["id"]: one["reason"].split(":")[0] for one in split(tmp_path, "set_aside")}
    assert found == expected


def test_official_test_rows_all_stay_and_their_copies_in_train_go(tmp_path: Path) -> None:
    test = [row(1, "same text here", "a", test=True), row(2, "same text here", "a", test=True),
            row(3, "same text here", "b", test=True), row(4, "another one", "b", test=True)]  # fmt: skip
    for one in test[:2]:
        one["id"] = "content"
    train = [*many(200, start=100), row(50, "Same  text here", "a"), row(51, "another one", "c")]
    train[-2]["id"] = "content"
    clean(tmp_path, [*train, *test], split={"test": 0.3})
    assert [one["id"] for one in split(tmp_path, "test")] == ["content", "content#2", "r3", "r4"]
    aside = {one["row"]: one["reason"] for one in split(tmp_path, "set_aside")}
    assert aside == {50: "duplicate of content", 51: "conflicting label: near to r4, which is 'b' in test"}
    assert 5 < len(split(tmp_path, "validation")) < 40  # and none of the other rows went to test


def test_an_official_test_split_may_number_its_rows_anew(tmp_path: Path) -> None:
    train, test = many(200), many(20, start=300, test=True)
    for number, one in enumerate(test):
        one["id"] = train[number]["id"]
    clean(tmp_path, [*train, *test])
    kept = [one["id"] for name in ("train", "validation", "test", "set_aside") for one in split(tmp_path, name)]
    assert len(kept) == len(set(kept)) == 220
    assert [one["id"] for one in split(tmp_path, "test")] == [one["id"] for one in test]


def test_split_by_time(tmp_path: Path) -> None:
    raw = [*many(200, months=6), row(500, "no time at all", "a")]
    clean(tmp_path, raw, split={"by": "time", "validation_from": "2026-05", "test_from": "2026-06"})
    for name, months in (("train", {"01", "02", "03", "04"}), ("validation", {"05"}), ("test", {"06"})):
        assert {one["time"][5:7] for one in split(tmp_path, name)} == months
    assert [one["reason"] for one in split(tmp_path, "set_aside")] == ["no time, which the split by time needs"]


def test_split_by_time_with_an_official_test(tmp_path: Path) -> None:
    raw = [*many(200, months=6), *many(10, start=300, test=True)]
    clean(tmp_path, raw, split={"by": "time", "validation_from": "2026-06"})
    assert len(split(tmp_path, "test")) == 10
    with pytest.raises(BadInput, match="test_from"):
        clean(tmp_path, raw, split={"by": "time", "validation_from": "2026-05", "test_from": "2026-06"})
    with pytest.raises(BadInput, match="test_from"):
        clean(tmp_path, many(200, months=6), split={"by": "time", "validation_from": "2026-05"})


def test_small_and_unlearnable_classes_are_set_aside(tmp_path: Path) -> None:
    raw = [*many(200), row(500, "single row of its class", "lonely"), row(501, "only in test", "d", test=True),
           row(502, "also only in test", "d", test=True), row(503, "x", "a", test=True)]  # fmt: skip
    clean(tmp_path, raw)
    assert {one["id"]: one["reason"] for one in split(tmp_path, "set_aside")} == {
        "r500": "class too small: 'lonely' has 1 of 2 rows",
        "r501": "class not in train: 'd' has no row there",
        "r502": "class not in train: 'd' has no row there",
    }
    report = json.loads((tmp_path / "data/clean/report.json").read_text())
    assert report["not_in_train"] == {"validation": 0, "test": 2}
    clean(tmp_path, [*many(200), row(500, "single row of its class", "lonely")], min_class_rows=1)
    assert sides(tmp_path).get("r500", "train") == "train"


def test_salt_and_fractions_act(tmp_path: Path) -> None:
    raw = many(400)
    clean(tmp_path / "a", raw)
    clean(tmp_path / "b", raw, split={"salt": "other"})
    clean(tmp_path / "c", raw, split={"validation": 0.3})
    one, salted, wider = (sides(tmp_path / name) for name in "abc")
    assert one != salted
    assert {name for name, side in one.items() if side == "test"} == {n for n, side in wider.items() if side == "test"}
    assert 80 < sum(side == "validation" for side in wider.values()) < 160


def test_a_changed_rule_moves_no_row(tmp_path: Path) -> None:
    raw = [one | {"text": f"<p>{one['text']}</p> 5"} for one in many(300)]
    clean(tmp_path / "a", raw)
    clean(tmp_path / "b", raw, rules={"html": True, "digits": "zero", "lower": True})
    before, after = sides(tmp_path / "a"), sides(tmp_path / "b")
    assert {name: after[name] for name in before if name in after} == {n: s for n, s in before.items() if n in after}


@pytest.mark.parametrize(
    ("raw", "params", "parts"),
    [
        ([row(n, f"text {n} {'xyz' * n}", "a") for n in range(50)], {}, ["at least two", "only 'a'"]),
        ([*many(100), *many(2, start=100)], {"min_class_rows": 80}, ["at least two", "min_class_rows"]),
        (many(9), {"split": {"validation": 0.001}}, ["validation", "Raise clean.split.validation"]),
        (many(60), {"split": {"test": 0.00001}}, ["test", "Raise clean.split.test"]),
        (many(60), {"split": {"by": "time", "validation_from": "2025", "test_from": "2027"}}, ["train", "other times"]),
    ],
)
def test_splits_and_classes_that_are_not_enough(
    tmp_path: Path, raw: list[dict[str, Any]], params: dict[str, Any], parts: list[str]
) -> None:
    with pytest.raises(BadInput) as caught:
        clean(tmp_path, raw, **params)
    assert all(part in str(caught.value) for part in parts), caught.value
    assert not (tmp_path / "data/clean").exists()


@pytest.mark.parametrize(
    ("block", "path"),
    [
        ({"duplicates": {"threshold": 0.2}}, "clean.duplicates.threshold"),
        ({"duplicates": {"conflicts": "merge"}}, "clean.duplicates.conflicts"),
        ({"split": {"validation": 0}}, "clean.split.validation"),
        ({"split": {"by": "time"}}, "clean.split"),
        ({"split": {"test_from": "2026-01-01"}}, "clean.split"),
        ({"split": {"by": "time", "validation_from": "soon"}}, "clean.split.validation_from"),
        ({"split": {"by": "time", "validation_from": "2026-02", "test_from": "2026-01"}}, "clean.split"),
        ({"split": {"by": "time", "validation_from": "2026-13"}}, "clean.split.validation_from"),
        ({"min_class_rows": 0}, "clean.min_class_rows"),
        ({"rules": {"lowercase": True}}, "clean.rules.lowercase"),
    ],
)
def test_parameters_that_cannot_be(block: dict[str, Any], path: str) -> None:
    with pytest.raises(ParamsError) as caught:
        parse(CleanParams, block, "clean")
    assert [problem.path for problem in caught.value.problems] == [path]


def test_times_of_the_split_are_as_precise_as_given() -> None:
    def first(value: object) -> str | None:
        return parse(CleanParams, {"split": {"by": "time", "validation_from": value}}).split.validation_from

    assert first("2026") == "2026"
    assert first("2026-11") == "2026-11"
    assert first(date(2026, 11, 2)) == "2026-11-02"
    assert first("2026-11-02T12:00+02:00") == "2026-11-02T10:00:00+00:00"


def test_columns_that_are_kept_stay_with_their_rows(tmp_path: Path) -> None:
    raw = [one | {"channel": f"of {one['id']}"} for one in [*many(60), row(900, "printer 900", "alone")]]
    clean(tmp_path, raw)
    for name in (*schema.SPLITS, "set_aside"):
        table = schema.read(tmp_path / f"data/clean/{name}.parquet")
        own = SET_ASIDE if name == "set_aside" else schema.CLEAN
        assert table.schema.equals(schema.with_kept(own, ["channel"]))
        assert table.num_rows and table["channel"].to_pylist() == [f"of {one}" for one in schema.strings(table, "id")]
