"""The benchmark of planted label errors plants what it says and counts what it promises."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks import labels
from tests.test_benchmarks import check

NAMES = ["a", "b", "c"] * 200


def test_the_declared_share_gets_another_label_from_all_others_alike() -> None:
    wrong = labels.plant(NAMES, 0.5, seed=1)
    changed = Counter((old, new) for old, new in zip(NAMES, wrong, strict=True) if old != new)
    assert changed.total() == 300
    assert set(changed) == {(old, new) for old in "abc" for new in "abc" if old != new}
    assert min(changed.values()) > 30
    assert wrong == labels.plant(NAMES, 0.5, seed=1) != labels.plant(NAMES, 0.5, seed=2)


def test_found_is_the_share_of_planted_rows_in_the_first_tenth_of_the_file() -> None:
    ranked = [f"r{number}" for number in range(30)]
    assert labels.found(ranked, {"r0", "r2", "r3", "r29", "merged before"}) == 0.5


def test_it_declares_parameters_that_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "data", Path)
    checked = check(labels.changes(tmp_path, 2))
    assert checked.cross_validation.folds == 5
    assert set(checked.candidates) == {"linear_svm", "frozen"}
    assert checked.ingest.columns.id == "id"


@pytest.mark.parametrize(("front", "enough"), [(7, True), (6, False)])
def test_too_few_found_rows_of_any_seed_fail(
    front: int, enough: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(folder: Path, texts: list[str], wrong: list[str], seed: int) -> tuple[list[str], set[str]]:
        planted = [f"r{row}" for row, label in enumerate(wrong) if label != NAMES[row]]
        others = [f"r{row}" for row in range(len(NAMES)) if f"r{row}" not in planted]
        first = 10 if seed == 1 else front
        return planted[:first] + others + planted[first:], set(planted[:4])

    monkeypatch.setattr(labels, "read", lambda name, split: ([""] * len(NAMES), NAMES))
    monkeypatch.setattr(labels, "run", run)
    arguments: list[Any] = ["--seeds", "2", "--share", str(10 / len(NAMES))]
    if enough:
        labels.main(arguments)
    else:
        with pytest.raises(SystemExit, match=r"less than 70% .* seed 2"):
            labels.main(arguments)
    assert "seed 1: 1.000 of 10 planted rows within the first 10% of 600; 4 rows" in capsys.readouterr().out
