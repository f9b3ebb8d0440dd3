"""Batch scoring: each row is answered once, whatever comes in between."""

import functools
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows import batch, batch_summary, champion
from flows import part as parts
from flows.batch import Batch
from flows.output import Row
from flows.scored import INDEX, Scored
from tasks import block, model, rows, thresholds
from tasks.embed import stage as embed
from tasks.errors import BadInput
from tasks.finetune import stage as finetune
from tasks.ingest.params import IngestParams
from tasks.ingest.places import Place
from tasks.records import Record
from tasks.retraining.schedule_params import ScoreTiming
from tasks.rules import Rules
from tasks.thresholds import Thresholds
from tests import tiny

TEXTS = [text for text, _ in tiny.texts(30, 9)]
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a selected model; do not change it."""
    root = tmp_path_factory.mktemp("trained")
    tiny.clean_rows(root)
    tiny.params(
        root,
        ingest={"sources": ["unused.csv"], "columns": {"text": "message", "label": "queue"}},
        features={"words": {"kind": "tfidf", "encoder": "none", "min_rows": 1}},
        candidates={"bayes": {"features": "words", "model": "naive_bayes"}},
    )
    embed.run(root, "words", Record(root, "embed@words"))
    finetune.run(root, "bayes", Record(root, "finetune@bayes"))
    shutil.copytree(root / "models/candidates/bayes", root / "models/selected")
    (root / "models/selected/cleaning.json").write_text(Rules().model_dump_json())
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Path:
    """A workspace of the test's own, with an empty inbox."""
    shutil.copytree(trained, tmp_path / "project")
    (tmp_path / "project/inbox").mkdir()
    return tmp_path / "project"


@pytest.fixture
def run(root: Path) -> Run:
    """Scores what is new in the inbox; returns the summary."""
    return lambda **options: scored(root, **options)


def scored(root: Path, rescore: bool = False, **options: Any) -> dict[str, Any]:
    """One run of batch scoring."""
    told = {"cron": "0 * * * *", "inputs": ["inbox/*.csv"], "output": "scored", "settle_seconds": 0.0}
    timing = ScoreTiming.model_validate(told | options)
    with Scored(root / timing.output) as index:
        job = Batch(root, timing, block.read(root, "ingest", IngestParams), index, rescore)
        due = job.due(timing.inputs)
        failed = dict(due.failed)
        for place in due.places:
            try:
                job.score(place)
            except BadInput as error:
                failed[place.name] = str(error)
        return batch_summary.write(root, job.folder, due.unchanged, due.settling, failed)


def named(root: Path) -> str:
    """The name of the selected model."""
    return batch.model_name(root / "models/selected")


def put(root: Path, name: str, texts: list[str], first: int = 0) -> Path:
    """Writes a file with these texts into the inbox."""
    path = root / "inbox" / name
    lines = ["ticket,message", *(f"T{first + number},{text}" for number, text in enumerate(texts))]
    path.write_text("\n".join(lines) + "\n")
    return path


def answered(root: Path, name: str = "rows.jsonl") -> list[Row]:
    """All rows in all parts, in order."""
    files = sorted((root / "scored").glob(f"[0-9]*/{name}"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_each_row_is_answered_by_the_model_once(root: Path, run: Run) -> None:
    put(root, "a.csv", TEXTS[:20])
    put(root, "b.csv", TEXTS[20:])
    summary = run()
    out = answered(root)
    assert [row["message"] for row in out] == TEXTS
    saved = model.load(root / "models/selected", threads=1)
    assert [row["predicted"] for row in out] == [saved.labels[one] for one in saved.predict_proba(TEXTS).argmax(1)]
    assert {row["model"] for row in out} == {named(root)}
    assert (summary["rows"], summary["files"]) == (30, {"inbox/a.csv": 20, "inbox/b.csv": 10})
    assert run()["rows"] == 0
    assert len(answered(root)) == 30


def test_nothing_new_needs_neither_the_model_nor_a_look_into_the_files(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root, "a.csv", TEXTS)
    run()

    def refuse(*arguments: object) -> None:
        raise AssertionError("it was loaded or read")

    monkeypatch.setattr(batch, "Scorer", refuse)
    monkeypatch.setattr(batch, "Reading", refuse)
    assert run()["unchanged_files"] == 1


def test_of_a_file_that_has_grown_only_the_new_rows_are_scored(root: Path, run: Run) -> None:
    put(root, "a.csv", TEXTS[:10])
    run()
    put(root, "a.csv", ["printer jam", *TEXTS[:10], *TEXTS[10:13]], first=-1)  # also one before all others
    assert run()["rows"] == 4
    assert Counter(row["ticket"] for row in answered(root)) == Counter({f"T{number}": 1 for number in range(-1, 13)})


def test_a_row_that_stands_there_twice_is_answered_twice_and_no_oftener(root: Path, run: Run) -> None:
    path = root / "inbox/a.csv"
    path.write_text("message\nprinter jam\nprinter jam\n")
    assert run(part_rows=1)["rows"] == 2
    path.write_text("message\nprinter jam\nmy login\nprinter jam\nprinter jam\n")
    assert run(part_rows=1)["rows"] == 2
    assert Counter(row["message"] for row in answered(root)) == {"printer jam": 3, "my login": 1}


def test_parts_hold_no_more_rows_than_they_may(root: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_CHUNK", 4)
    put(root, "a.csv", TEXTS[:25])
    assert run(part_rows=10)["parts"] == [1, 2, 3]
    assert [parts.read(root / "scored", number)["rows"] for number in (1, 2, 3)] == [10, 10, 5]
    assert [row["message"] for row in answered(root)] == TEXTS[:25]


@pytest.mark.parametrize("lost", [False, True])
def test_a_run_that_is_killed_before_it_notes_a_part_repeats_and_loses_nothing(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    put(root, "a.csv", TEXTS)
    add, calls = Scored.add, []

    def killed(index: Scored, number: int) -> None:
        calls.append(number)
        if len(calls) == 2:  # the part is there; that it is, is not written down
            raise KeyboardInterrupt
        add(index, number)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Scored, "add", killed)
        run(part_rows=7)
    half = root / "scored/.000003.partial"  # and the next one had been begun
    half.mkdir()
    (half / "rows.jsonl").write_text('{"message": "ha')
    if lost:
        (root / "scored" / INDEX).write_bytes(b"no data base")

    summary = run(part_rows=7)
    assert [row["message"] for row in answered(root)] == TEXTS
    assert (summary["rows"], summary["parts"]) == (30, [1, 2, 3, 4, 5])  # also what the killed run could not sum up
    assert not half.exists()


def test_a_part_that_was_moved_away_is_not_scored_again(root: Path, run: Run) -> None:
    put(root, "a.csv", TEXTS)
    run()
    shutil.rmtree(root / "scored/000001")
    put(root, "a.csv", [*TEXTS, "payslip tax"])
    assert (run()["rows"], run()["last_part"]) == (1, 2)


def test_an_index_made_anew_gives_no_number_twice(root: Path, run: Run) -> None:
    """Its part would be taken for one that was summed up, and overwrite the other where parts are moved to."""
    put(root, "a.csv", TEXTS)
    run(part_rows=10)
    for number in (1, 2, 3):
        shutil.rmtree(root / f"scored/00000{number}")
    (root / "scored" / INDEX).write_bytes(b"no data base")
    put(root, "a.csv", TEXTS[:4])
    summary = run()
    assert (summary["parts"], summary["rows"], summary["last_part"]) == ([4], 4, 4)


def test_an_index_that_is_locked_is_not_taken_for_damaged(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root, "a.csv", TEXTS)
    run()
    shutil.rmtree(root / "scored/000001")  # of which only the index knows
    put(root, "a.csv", [*TEXTS, "payslip tax"])
    monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, timeout=0))
    other = sqlite3.connect(root / "scored" / INDEX, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(BadInput, match=r"\.index\.sqlite: expected an index that can be written, found .*locked"):
        run()
    other.close()
    assert run()["rows"] == 1


def test_an_index_that_cannot_be_written_any_more_is_named(root: Path) -> None:
    with Scored(root / "scored") as index:
        index._db.execute("PRAGMA query_only = ON")
        with pytest.raises(BadInput, match=r"an index that can be written, found .*readonly"):
            index.finished("a.csv", (1, 2), "")


def test_another_model_answers_new_rows_alone_unless_asked(root: Path, run: Run) -> None:
    put(root, "a.csv", TEXTS[:5])
    run()
    first = named(root)
    (root / "models/selected/notes.txt").write_text("another one")
    put(root, "b.csv", TEXTS[5:8])
    assert run()["rows"] == 3
    assert run(rescore=True)["rows"] == 5  # b.csv has its answers already
    assert run(rescore=True)["rows"] == 0
    assert Counter(row["model"] for row in answered(root)) == {first: 5, named(root): 8}


def test_a_file_that_two_models_have_answered_is_scored_again_where_asked(root: Path, run: Run) -> None:
    put(root, "a.csv", TEXTS[:5])
    run()
    (root / "models/selected/notes.txt").write_text("another one")
    put(root, "a.csv", TEXTS[:8])
    assert run()["rows"] == 3
    assert run(rescore=True)["rows"] == 5
    assert run(rescore=True)["unchanged_files"] == 1
    assert Counter(row["ticket"] for row in answered(root) if row["model"] == named(root)) == {
        f"T{number}": 1 for number in range(8)
    }


def test_a_promotion_meanwhile_changes_neither_the_model_nor_its_name(root: Path) -> None:
    for version in ("v0.1.0", "v0.2.0"):
        champion.keep(root, version, root / "models/selected")
    (root / ".regraft/champions/v0.2.0" / model.CARD).write_text("{}")  # it could not answer
    champion.show(root, "v0.1.0")
    place = Place("inbox/a.csv", str(put(root, "a.csv", TEXTS[:3])))
    timing = ScoreTiming(cron="0 * * * *", inputs=["inbox"], output="scored")
    with Scored(root / "scored") as index:
        job = Batch(root, timing, block.read(root, "ingest", IngestParams), index, rescore=False)
        assert job.model == "v0.1.0"
        champion.show(root, "v0.2.0")
        assert job.score(place) == 3
    assert {row["model"] for row in answered(root)} == {"v0.1.0"}


def test_a_file_that_is_moved_away_before_its_turn_has_no_rows(root: Path) -> None:
    timing = ScoreTiming(cron="0 * * * *", inputs=["inbox"], output="scored")
    with Scored(root / "scored") as index:
        job = Batch(root, timing, block.read(root, "ingest", IngestParams), index, rescore=False)
        assert job.score(Place("inbox/a.csv", str(root / "inbox/a.csv"))) == 0


@pytest.mark.parametrize("source", [".", "**/*.jsonl", "../project/scored"])
def test_answers_are_no_input_even_where_they_lie_in_it(root: Path, run: Run, source: str) -> None:
    (root / "inbox/a.jsonl").write_text('{"message": "printer jam"}\n')
    shutil.rmtree(root / "data")  # which would be an input too
    inputs = ["inbox/*.jsonl", source]
    assert run(inputs=inputs, output="./inbox/../scored/")["rows"] == 1
    summary = run(inputs=inputs, output="./inbox/../scored/")
    assert (summary["rows"], [name for name in summary["failed_files"] if "scored" in name]) == (0, [])


def test_the_card_of_a_selection_is_no_part_of_a_model_s_name(root: Path) -> None:
    before = named(root)
    (root / "models/selected/README.md").write_text("of another run")
    assert named(root) == before
    (root / "models/selected/champion.json").write_text('{"version": "v1.2.0"}')
    assert named(root) == "v1.2.0"


def test_what_it_abstains_from_and_what_cannot_be_read_stand_apart(root: Path, run: Run) -> None:
    saved = model.load(root / "models/selected", threads=1)
    middle = float(np.median(saved.predict_proba(TEXTS).max(axis=1)))
    thresholds.write(root / "models/selected", Thresholds(0.9, 0.95, "all", dict.fromkeys(saved.labels, middle)))
    lines = [json.dumps({"message": text}) for text in [*TEXTS, ""]]
    (root / "inbox/a.jsonl").write_text("\n".join([*lines, "{broken"]) + "\n")
    summary = run(inputs=["inbox/*.jsonl"])
    aside = answered(root, "abstained.jsonl")
    assert aside == [row for row in answered(root) if row["abstained"]]
    assert 0 < len(aside) < len(TEXTS)
    assert [row["content"] for row in answered(root, "rejected.jsonl")] == ["{broken"]
    assert (summary["rows"], summary["abstained"], summary["blank"], summary["rejected"]) == (31, len(aside), 1, 1)
    with (root / "inbox/a.jsonl").open("a") as file:
        file.write(json.dumps({"message": "printer"}) + "\n")
    assert (run(inputs=["inbox/*.jsonl"])["rejected"], len(answered(root, "rejected.jsonl"))) == (0, 1)


def test_a_file_that_may_still_be_written_is_left_for_the_next_run(root: Path, run: Run) -> None:
    put(root, "a.csv", TEXTS[:3])
    assert run(settle_seconds=3600.0)["settling_files"] == ["inbox/a.csv"]
    assert answered(root) == []
    assert run()["rows"] == 3


def test_a_file_that_cannot_be_used_does_not_keep_others_from_being_scored(root: Path, run: Run) -> None:
    put(root, "b.csv", TEXTS[:3])
    (root / "inbox/a.csv").write_text("other\nx\n")
    (root / "inbox/c.csv").write_text("message\n")  # nothing in it yet
    summary = run(inputs=["inbox/*.csv", "elsewhere/*.csv"])
    assert list(summary["failed_files"]) == ["inbox/a.csv"]
    assert "column 'message'" in summary["failed_files"]["inbox/a.csv"]
    assert len(answered(root)) == 3
    assert "column 'message'" in batch_summary.markdown(summary)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_tables_have_the_format_that_is_asked_for(root: Path, run: Run, ending: str) -> None:
    put(root, "a.csv", TEXTS[:3])
    run(format=ending)
    path = root / f"scored/000001/rows.{ending}"
    head = path.read_text().splitlines()[0].split(",") if ending == "csv" else rows.read(path).column_names
    assert head == ["ticket", "message", "predicted", "confidence", "model"]


def test_the_summary_compares_labels_with_those_of_training(root: Path, run: Run) -> None:
    put(root, "a.csv", ["printer paper jam"] * 4)
    summary = run()
    assert summary["distance"] == pytest.approx(2 / 3)  # a third of the train rows has that label
    by_label = {one["label"]: (one["share"], one["training"]) for one in summary["labels"]}
    assert by_label["hardware"] == pytest.approx((1.0, 1 / 3))
    assert "| hardware | 100.0 % | 33.3 % |" in batch_summary.markdown(summary)
    (root / "data/clean/train.parquet").unlink()
    put(root, "b.csv", ["printer"])
    assert run()["distance"] is None


def test_the_same_rows_give_the_same_bytes(root: Path, tmp_path: Path, run: Run) -> None:
    put(root, "a.csv", TEXTS)
    shutil.copytree(root, tmp_path / "twin")
    run(part_rows=11)
    scored(tmp_path / "twin", part_rows=11)
    names = sorted(path.relative_to(root) for path in (root / "scored").rglob("*") if path.is_file())
    assert len(names) == 1 + 1 + 3 * 3
    for name in names:
        if name.name != INDEX:
            assert (root / name).read_bytes() == (tmp_path / "twin" / name).read_bytes()
