"""Corrections by hand: how files are read, which rows they change, and what is said of the others."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.links import refresh
from tasks import rows as tables
from tasks import sheet
from tasks.block import parse
from tasks.clean.candidate import Candidate, normal
from tasks.clean.corrected import Corrected, apply
from tasks.clean.corrections import Correction, read
from tasks.clean.params import CleanParams
from tasks.errors import BadInput, ParamsError
from tasks.rules import Rules
from tests.tasks.test_clean import clean, many, row, sides, split

HEADER = "id,correction,remove,text\n"


def rows(*made: tuple[str, str, str], official: bool = False) -> list[Candidate]:
    """Candidates of these ids, texts and labels."""
    return [
        Candidate(place, name, normal(text), normal(text), label, None, official)
        for place, (name, text, label) in enumerate(made)
    ]


def says(name: str, label: str | None, text: str | None = None, seen: str | None = None, line: int = 2) -> Correction:
    return Correction(f"mine.csv, line {line}", name, label, text, seen)


def applied(made: list[Candidate], *corrections: Correction, rules: Rules | None = None) -> Corrected:
    return apply(made, corrections, rules or Rules(), lambda one: one.official_test)


def given(root: Path, content: str | bytes, name: str = "data/corrections/mine.csv") -> list[Correction]:
    """Reads a file of corrections as the clean stage does."""
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return linked(root, name)


def linked(root: Path, *patterns: str) -> list[Correction]:
    (root / "params.yaml").write_text(json.dumps({"clean": {"corrections": patterns}}))
    (root / "dvc.yaml").write_text("stages: {}")
    refresh(root)
    return read(root, patterns)


# Files


@pytest.mark.parametrize(
    ("encoding", "delimiter", "ending"),
    [("utf-8", ",", "\n"), ("utf-8-sig", ";", "\r\n"), ("utf-16", "\t", "\r\n")],
)
def test_what_spreadsheet_programs_make_of_a_file_is_read(
    tmp_path: Path, encoding: str, delimiter: str, ending: str
) -> None:
    lines = [
        ["id", "label", "correction", "remove", "text", "note"],
        ["r1", "a", " b ", "", '"two\nlines, ""quoted""; é"', "why"],
        ["r2", "a", "", "", "left alone", ""],
        ["r3", "a", "", "X", '""', ""],
        ["", "", "", "", "", ""],
    ]
    found = given(tmp_path, ending.join(delimiter.join(line) for line in lines).encode(encoding))
    assert [(one.id, one.label, one.text, one.seen) for one in found] == [
        ("r1", "b", 'two\nlines, "quoted"; é', "a"),
        ("r3", None, None, "a"),
    ]
    assert {one.place.split(",")[0] for one in found} == {"data/corrections/mine.csv"}


def test_cells_that_look_like_formulas_come_back_as_they_were(tmp_path: Path) -> None:
    cells = ["=1+1", "'=1", "-1", "'a", "+", "@x", "\tx", "a=b", "''-", ""]
    sheet.write(tmp_path / "one.csv", ["id", "cell"], [[number, cell] for number, cell in enumerate(cells)])
    assert [row["cell"] for _, row in sheet.read(tmp_path / "one.csv", "one.csv", ["cell"])] == cells
    text = (tmp_path / "one.csv").read_text(encoding="utf-8-sig")
    assert "\n0,'=1+1\n" in text, "it would be run as a formula"
    assert "\n3,'a\n" in text


@pytest.mark.parametrize("first", ["sep=;\n", "\ufeffsep=;\r\n", '"sep=;"\r\n', "SEP=|\n", "sep=\t\n", "sep=,,\n"])
def test_a_first_line_that_names_the_delimiter_is_skipped(tmp_path: Path, first: str) -> None:
    delimiter = "," if first == "sep=,,\n" else first.strip('\ufeff"\r\n')[4]
    lines = [["id", "correction", "text"], ["r1", "b", "one"], ["r2", "c", "two;,"]]
    content = first + "".join(delimiter.join(f'"{cell}"' for cell in line) + "\n" for line in lines)
    found = given(tmp_path, content)
    assert [(one.id, one.label, one.text) for one in found] == [("r1", "b", "one"), ("r2", "c", "two;,")]
    assert found[1].place.endswith("mine.csv, line 4"), "as an editor counts them"
    with pytest.raises(BadInput, match=r"mine\.csv, line 5: expected 3 fields"):
        given(tmp_path, content + delimiter.join("abcd") + "\n")


def test_places_tell_files_of_one_name_apart(tmp_path: Path) -> None:
    root, outside = tmp_path / "project", tmp_path / "other" / "labels.csv"
    for file in (root / "a/labels.csv", root / "b/labels.csv", outside):
        file.parent.mkdir(parents=True)
        file.write_text(f"{HEADER}r1,b,,\n")
    found = linked(root, "*/labels.csv", str(root / "b/labels.csv"), "../other/labels.csv", str(outside))
    places = ["a/labels.csv, line 2", "b/labels.csv, line 2", "../other/labels.csv, line 2"]
    assert [one.place for one in found] == places
    assert linked(root, str(outside))[0].place == f"{outside}, line 2"
    (root / "b/labels.csv").write_text("id\n")
    with pytest.raises(BadInput, match=r"^b/labels\.csv: expected the columns"):
        linked(root, "*/labels.csv")


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("id,remove\nr1,yes\n", ["mine.csv", "the columns id, correction", "id, remove"]),
        ("", ["mine.csv", "no column"]),
        ("id,correction,id\nr1,b,r2\n", ["id twice"]),
        (f"{HEADER}r1,b,yes,\n", ["line 2", "'b', and a row to remove"]),
        (f"{HEADER}r1,,maybe,\n", ["line 2, column remove", "'maybe'"]),
        (f"{HEADER},b,,\n", ["line 2", "the id of a row"]),
        (f"{HEADER}r1,b,,one, two\n", ["line 2", "4 fields"]),
        (f'{HEADER}r1,b,,"one\n', ["CSV", "quotes"]),
        (b"id,correction\nr1,\xe9t\xe9\n", ["mine.csv", "UTF-8", "another encoding"]),
    ],
)
def test_files_that_cannot_be_understood_are_told(tmp_path: Path, content: str | bytes, parts: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        given(tmp_path, content)
    assert all(part in str(caught.value) for part in parts), caught.value


def test_a_file_that_each_run_writes_anew_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"one in reports/.*data/corrections/"):
        given(tmp_path, f"{HEADER}r1,b,,\n", "reports/review/label_errors.csv")


def test_files_that_dvc_does_not_see_are_refused(tmp_path: Path) -> None:
    given(tmp_path, f"{HEADER}r1,b,,\n")
    with pytest.raises(BadInput, match="regraft explain"):
        read(tmp_path, ["data/corrections/*.csv"])
    assert len(linked(tmp_path, "data/corrections/*.csv", "data/corrections/mine.csv")) == 1  # the same file


@pytest.mark.parametrize("pattern", ["https://host/a.csv", "data/a.xlsx"])
def test_only_tables_on_this_machine_can_be_declared(pattern: str) -> None:
    with pytest.raises(ParamsError, match=r"clean\.corrections: expected files or globs"):
        parse(CleanParams, {"corrections": [pattern]}, "clean")


# Rows


def test_a_label_is_changed_and_a_row_removed() -> None:
    made = rows(("r1", "one", "a"), ("r2", "two", "a"), ("r3", "three", "b"))
    found = applied(made, says("r1", "b"), says("r2", None, line=3), says("r3", "b", line=4))
    assert [one.label for one in found.rows] == ["b", "a", "b"]
    assert found.removed == {1: "removed by hand: mine.csv, line 3"}
    counts = {key: found.report[key] for key in ("given", "relabelled", "removed", "unchanged", "copies", "test")}
    assert counts == {"given": 3, "relabelled": 1, "removed": 1, "unchanged": 1, "copies": 0, "test": 0}
    assert found.report["labels"] == [{"from": "a", "to": "b", "rows": 1}]


def test_a_class_may_have_the_name_of_any_word() -> None:
    found = applied(rows(("r1", "one", "a"), ("r2", "two", "b")), says("r1", "remove"), says("r2", "yes"))
    assert [one.label for one in found.rows] == ["remove", "yes"]
    assert found.removed == {}
    assert found.report["new_labels"] == {"remove": 1, "yes": 1}


def test_corrections_that_cannot_be_applied_are_named_with_their_reason() -> None:
    made = rows(("r1", "one", "a"))
    found = applied(made, says("r9", "b"), says("r1", "b", "another text", "a", line=7))
    assert found.rows == made
    assert found.report["not_applied"] == {
        "corrections": 2,
        "examples": [
            {"place": "mine.csv, line 2", "id": "r9", "reason": "no row has this id"},
            {"place": "mine.csv, line 7", "id": "r1", "reason": "the row of this id has another text now"},
        ],
    }


@pytest.mark.parametrize("text", ["Call <url> NOW", "call  http://x.org/a now\n", None])
def test_the_text_may_be_the_raw_one_or_one_that_other_rules_cleaned(text: str | None) -> None:
    rules = Rules(urls="token")
    raw = "Call http://x.org/a now"
    made = [Candidate(0, "r1", normal(raw), normal(rules.apply(raw)), "a", None, False)]
    seen = None if text is None else text.replace("<url>", rules.apply("http://x.org/a"))
    assert applied(made, says("r1", "b", seen), rules=rules).rows[0].label == "b"


def test_a_row_whose_id_is_spoilt_is_found_by_text_and_label() -> None:
    made = rows(("1234567890123456", "one", "a"), ("r2", "One ", "b"), ("r3", "two", "a"))
    found = applied(made, says("1.23457E+15", "c", "one", "a"), says("r3", "c", "One", "b"))
    assert [one.label for one in found.rows] == ["c", "c", "a"]
    assert found.report["not_applied"]["corrections"] == 0


def test_a_second_round_may_name_a_row_by_the_label_that_the_first_one_gave() -> None:
    made = rows(("r0", "one", "a"), ("r1", "two", "b"))
    first = says("r0", "c", "one", "a")
    again = applied(made, first, says("1E+15", "c", "one", "c", line=3))
    assert ([one.label for one in again.rows], again.report["not_applied"]["corrections"]) == (["c", "b"], 0)
    for files in ([first, says("1E+15", "d", "one", "c", line=3)], [says("1E+15", "d", "one", "c", line=3), first]):
        with pytest.raises(BadInput, match=r"row r0: .*mine\.csv, line [23], and .*mine\.csv, line [23]"):
            applied(made, *files)
    spoilt = says("2E+15", "c", "one", "a")
    assert applied(made, spoilt, spoilt).report["relabelled"] == 1, "in two tables of the first round"
    with pytest.raises(BadInput, match="row r0"):
        applied(made, spoilt, says("1E+15", None, "one", "c", line=3))


def test_a_text_and_label_that_mean_different_rows_by_now_change_none() -> None:
    made = rows(("r0", "one", "a"), ("r1", "one", "b"))
    found = applied(made, says("r0", "b"), says("1E+15", "a", "one", "b", line=3))
    assert [one.label for one in found.rows] == ["b", "b"], "r0 by its id, r1 left alone"
    (missed,) = found.report["not_applied"]["examples"]
    assert missed["place"] == "mine.csv, line 3"
    assert missed["reason"].startswith("no row has this id, and its text and label mean one row without")
    assert [one.label for one in applied(made, says("1E+15", "a", "one", "b")).rows] == ["a", "a"], "alone it is clear"


def test_corrections_that_contradict_each_other_name_both_places() -> None:
    made = rows(("r1", "one", "a"), ("r1", "one", "a"))
    assert applied(made, says("r1", "b"), says("r1", "b", line=3)).report["relabelled"] == 2
    with pytest.raises(BadInput, match=r"row r1: .* labelled 'b' in mine\.csv, line 2, and removed in mine\.csv, li"):
        applied(made, says("r1", "b"), says("r1", None, line=9))


def test_equal_rows_are_corrected_with_the_one_that_is_named() -> None:
    made = rows(("r1", "One", "a"), ("r2", "one ", "a"), ("r3", "one", "b"), ("r4", "one", "a"))
    found = applied(made, says("r1", "c"))
    assert [one.label for one in found.rows] == ["c", "c", "b", "c"]
    assert found.report["copies"] == 2
    found = applied(made, says("r1", "c"), says("r2", "d", line=3))
    assert [one.label for one in found.rows] == ["c", "d", "b", "a"], "the two do not agree on the last"
    official = rows(("r1", "One", "a"), ("r2", "one", "a"), official=True)
    found = applied(official, says("r1", "c"))
    assert ([one.label for one in found.rows], found.report["test"]) == (["c", "a"], 1)


# The stage


def corrected(root: Path, raw: list[dict[str, Any]], content: str, **params: Any) -> dict[str, Any]:
    """Runs the clean stage with a file of corrections and returns its report."""
    given(root, content)
    clean(root, raw, corrections=["data/corrections/mine.csv"], **params)
    report: dict[str, Any] = json.loads((root / "data/clean/report.json").read_text())
    return report


def test_labels_are_corrected_before_duplicates_are_merged_and_no_row_is_lost(tmp_path: Path) -> None:
    text = "please reset the password of my laptop and send me the new one by internal mail"
    raw = [*many(200), row(500, text, "a"), row(501, text.upper(), "a"), row(502, text + "!", "b"), row(7000, "x", "a")]
    (tmp_path / "plain").mkdir()
    clean(tmp_path / "plain", raw)
    before = sides(tmp_path / "plain")
    named = [name for name, side in before.items() if side == "test" and name not in ("r500", "r502", "r7000")][:2]
    content = f"{HEADER}r500,b,,{text}\n{named[0]},zz,,\n{named[1]},,yes,\nr9999,b,,\n"
    report = corrected(tmp_path, raw, content)
    after = sides(tmp_path)
    aside = {one["id"]: one["reason"] for one in split(tmp_path, "set_aside")}
    assert {name: before.get(name) for name in after} == after, "no row changes its split"
    # r501 was merged into r500 and keeps to it, and r502 is no conflict any more.
    assert aside["r501"] == "duplicate of r500" and aside["r502"] == "near duplicate of r500"
    assert aside[named[1]] == "removed by hand: data/corrections/mine.csv, line 4"
    assert aside[named[0]] == "class too small: 'zz' has 1 of 2 rows"
    assert len(after) + len(aside) == len(raw) == report["rows"]["in"]
    assert next(one["label"] for one in split(tmp_path, after["r500"]) if one["id"] == "r500") == "b"
    found = report["corrections"]
    assert (found["given"], found["relabelled"], found["removed"], found["copies"]) == (4, 3, 1, 1)
    assert found["test"] == 2 + 2 * (after["r500"] == "test")
    assert found["new_labels"] == {"zz": 1}
    assert report["conflicts"]["pairs"] == 0
    page = (tmp_path / "data/clean/report.md").read_text()
    assert "Corrections by hand: 4; rows with another label now: 3, rows removed: 1" in page
    assert "| data/corrections/mine.csv, line 5 | r9999 | no row has this id |" in page
    assert "Corrections" not in (tmp_path / "plain/data/clean/report.md").read_text()


def aside(root: Path) -> dict[str, tuple[str, str | None]]:
    """Reason and duplicated row of each row that is set aside, by its id."""
    return {one["id"]: (one["reason"], one["near"]) for one in split(root, "set_aside")}


TEXT = "please reset the password of my laptop and send me the new one by internal mail"


@pytest.mark.parametrize("conflicts", ["keep", "drop"])
@pytest.mark.parametrize("cells", ["b,,", ",yes,"], ids=["relabelled", "removed"])
@pytest.mark.parametrize("first", [TEXT, TEXT + "!"])
def test_near_copies_do_not_bring_the_old_label_back(tmp_path: Path, cells: str, first: str, conflicts: str) -> None:
    second = TEXT if first != TEXT else TEXT + "!"
    other = row(502, TEXT + "?", "c")  # whose label nobody took back
    raw = [*many(200), row(500, first, "a"), row(501, second, "a"), other]
    report = corrected(tmp_path, raw, f"{HEADER}r500,{cells}\n", duplicates={"conflicts": conflicts})
    reason = ("near duplicate of r500, which was corrected by hand", "r500")
    assert aside(tmp_path)["r501"] == reason
    assert report["set_aside"]["near duplicate of a row corrected by hand"] == 1
    assert report["corrections"]["old_label"] == 1
    assert sum(report["rows"][name] for name in ("train", "validation", "test", "set_aside")) == len(raw)
    assert sum(report["set_aside"].values()) == report["rows"]["set_aside"] == len(aside(tmp_path))
    assert all(pair["later"] != "r501" for pair in tables.read(tmp_path / "data/clean/conflicts.parquet").to_pylist())
    assert "corrected by hand" not in aside(tmp_path).get("r502", ("",))[0]
    page = (tmp_path / "data/clean/report.md").read_text()
    assert "rows set aside as they are near to changed ones and have their old label: 1" in page


def test_a_near_copy_stays_where_a_person_names_it_too(tmp_path: Path) -> None:
    raw = [*many(200), row(500, TEXT, "a"), row(501, TEXT + "!", "a"), row(502, TEXT + "?", "c")]
    report = corrected(tmp_path, raw, f"{HEADER}r500,b,,\nr501,a,,\nr502,a,,\n", split={"salt": "3"})
    assert aside(tmp_path) == {"r502": ("near duplicate of r501", "r501")}, "named, so held against present labels only"
    assert report["corrections"]["old_label"] == 0


def test_near_copies_are_looked_for_only_where_duplicates_are(tmp_path: Path) -> None:
    raw = [*many(200), row(500, TEXT, "a"), row(501, TEXT + "!", "a")]
    corrected(tmp_path, raw, f"{HEADER}r500,b,,\n", duplicates={"near": False})
    assert aside(tmp_path) == {}


@pytest.mark.parametrize("near", [True, False])
def test_official_test_rows_stay_and_their_old_labels_do_not_come_back(tmp_path: Path, near: bool) -> None:
    official = [row(600, TEXT, "a", test=True), row(601, TEXT + "!", "a", test=True)]
    raw = [*many(200), row(500, TEXT, "a"), row(501, TEXT + "?", "a"), *official]
    report = corrected(tmp_path, raw, f"{HEADER}r600,,yes,\n", duplicates={"near": near})
    assert sides(tmp_path)["r601"] == "test"
    found = aside(tmp_path)
    assert found["r600"][0].startswith("removed by hand")
    if near:  # of the test row that is left
        assert found["r500"] == ("near duplicate of r601", "r601") and found["r501"][0] == "near duplicate of r601"
    else:
        assert found["r500"] == ("duplicate of r600, which was corrected by hand", "r600") and "r501" not in found
        assert report["set_aside"]["duplicate of a row corrected by hand"] == report["corrections"]["old_label"] == 1


def test_conflicts_are_written_for_those_who_review(tmp_path: Path) -> None:
    text = "please reset the password of my laptop and send me the new one"
    clean(tmp_path, [*many(200), row(500, text, "a"), row(501, text, "b")])
    assert tables.read(tmp_path / "data/clean/conflicts.parquet").to_pylist() == [{"later": "r501", "earlier": "r500"}]
