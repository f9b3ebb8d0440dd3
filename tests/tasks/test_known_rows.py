"""Which rows are new."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks import rows
from tasks.errors import BadInput
from tasks.retraining import known


def table(path: Path, pairs: list[tuple[str, str, str]]) -> Path:
    count = len(pairs)
    columns = {
        "id": [id_ for id_, _, _ in pairs],
        "text": [text for _, text, _ in pairs],
        "label": [label for _, _, label in pairs],
        "time": ["2026-01-01"] * count,
        "source": ["a.csv"] * count,
        "row": list(range(1, count + 1)),
        "official_test": [False] * count,
    }
    rows.write(path, pa.table(columns, schema=rows.RAW))
    return path


OLD = [("1", "printer", "hardware"), ("2", "login", "access")]


def test_a_row_is_known_by_id_text_and_label(tmp_path: Path) -> None:
    marks = known.look(table(tmp_path / "old.parquet", OLD), None).marks
    more = [*OLD, ("3", "printer", "hardware"), ("1", "salary", "payroll"), ("4", "payslip", "payroll")]
    news = known.look(table(tmp_path / "new.parquet", more), marks)
    assert (news.total, news.new, news.labels) == (5, 3, {"payroll": 2, "hardware": 1})


def test_a_row_with_another_label_is_new(tmp_path: Path) -> None:
    """Somebody has corrected it, or it had none before that could be trusted: there is something to learn from it."""
    marks = known.look(table(tmp_path / "old.parquet", OLD), None).marks
    relabelled = table(tmp_path / "new.parquet", [("1", "printer", "access"), OLD[1]])
    assert known.look(relabelled, marks).labels == {"access": 1}


@pytest.mark.parametrize("other", [("a", "b c", "x"), ("a", "c", "b x"), ("a b", "x", "c")])
def test_id_label_and_text_do_not_run_into_one_another(other: tuple[str, str, str], tmp_path: Path) -> None:
    marks = known.look(table(tmp_path / "old.parquet", [("a b", "c", "x")]), None).marks
    assert known.look(table(tmp_path / "new.parquet", [other]), marks).new == 1


def test_without_anything_known_all_is_new_and_of_nothing_there_is_nothing(tmp_path: Path) -> None:
    assert known.look(table(tmp_path / "old.parquet", OLD), None).new == 2
    empty = known.look(table(tmp_path / "empty.parquet", []), None)
    assert (empty.total, empty.new, len(empty.marks)) == (0, 0, 0)


def test_the_table_is_divided_into_known_and_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "_BATCH_ROWS", 3)  # so that parts end within both
    every = [(str(number), f"text {number}", "x") for number in range(10)]
    path = table(tmp_path / "all.parquet", every)
    marks = known.look(table(tmp_path / "old.parquet", every[2:7]), None).marks
    assert known.part(path, marks, tmp_path / "known.parquet", new=False) == 5
    assert known.part(path, marks, tmp_path / "new.parquet", new=True) == 5
    assert pq.read_table(tmp_path / "known.parquet").column("id").to_pylist() == ["2", "3", "4", "5", "6"]
    new = pq.read_table(tmp_path / "new.parquet")
    assert new.column("id").to_pylist() == ["0", "1", "7", "8", "9"]
    assert new.column_names == ["id", "text", "label", "time", "source", "row"]


def test_marks_come_back_and_are_the_same_in_another_process(tmp_path: Path) -> None:
    marks = known.look(table(tmp_path / "old.parquet", OLD), None).marks
    known.write(tmp_path / "marks.npy", marks)
    assert known.read(tmp_path / "marks.npy").tolist() == marks.tolist()
    code = (
        "import sys; from pathlib import Path; from tasks.retraining import known\n"
        "print(known.name(known.look(Path(sys.argv[1]), None).marks))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "old.parquet")],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "7"},
    )
    assert done.stdout.strip() == known.name(marks)


def test_a_spoilt_file_of_marks_is_named(tmp_path: Path) -> None:
    (tmp_path / "marks.npy").write_text("no")
    with pytest.raises(BadInput, match=r"marks\.npy: expected a list of marks"):
        known.read(tmp_path / "marks.npy")
    np.save(tmp_path / "marks.npy", np.zeros(3))
    with pytest.raises(BadInput, match=r"marks\.npy: expected a list of marks"):
        known.read(tmp_path / "marks.npy")


def test_a_model_says_which_labels_it_knows(tmp_path: Path) -> None:
    assert known.labels_of(tmp_path) is None
    (tmp_path / "candidate.json").write_text('{"labels": ["a", "b"]}')
    assert known.labels_of(tmp_path) == {"a", "b"}
