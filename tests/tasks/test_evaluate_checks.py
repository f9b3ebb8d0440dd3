"""Checks that a user adds as data: how they are read, judged and refused."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.errors import BadInput
from tasks.evaluate.checks import read, run
from tasks.rules import Rules

CLASSES = ["billing", "leave"]


def answer(texts: Sequence[str], what: str) -> Any:
    """Is the surer of billing the more often a text says `pay`; of leave where it never does."""
    billing = np.array([(1 + text.count("pay")) / (3 + text.count("pay")) for text in texts])
    billing = np.where(billing > 0.4, billing, 0.2)
    return np.stack([billing, 1 - billing], axis=1)


def checks(folder: Path, content: str) -> Path:
    path = folder / "001-own-checks.csv"
    path.write_text(content, encoding="utf-8")
    return path


def results(folder: Path, content: str, rules: Rules | None = None) -> dict[str, Any]:
    return run(answer, read(checks(folder, content), CLASSES), CLASSES, rules or Rules())


def test_every_kind_passes_and_fails_as_it_should(tmp_path: Path) -> None:
    found = results(
        tmp_path,
        "text,label,other,expected,note\n"
        "pay pay,billing,,,\n"
        "day off,billing,,,a plain miss\n"
        "pay pay,,pay pay pay,same,\n"
        "pay pay,,day off,same,\n"
        "pay pay,billing,pay pay pay,rises,\n"
        "pay pay,billing,pay pay,rises,equal is no rise\n"
        "pay pay,leave,pay pay pay,falls,\n"
        "pay pay,billing,pay pay pay,falls,\n"
        "pay pay,,day off,leave,\n"
        "day off,,pay pay pay,leave,\n",
    )
    assert (found["rows"], found["passed"]) == (10, 5)
    assert found["kinds"] == {
        "minimum": {"rows": 2, "passed": 1},
        "invariance": {"rows": 2, "passed": 1},
        "direction": {"rows": 6, "passed": 3},
    }
    assert [(one["line"], one["expected"], one["found"]) for one in found["failed"]] == [
        (3, "billing", "leave"),
        (5, "same", "billing, then leave"),
        (7, "billing rises", "0.6, then 0.6"),
        (9, "billing falls", "0.6, then 0.6667"),
        (11, "leave", "billing"),
    ]


def test_texts_are_cleaned_before_they_are_answered(tmp_path: Path) -> None:
    content = "text,label\nPAY PAY,billing\n"
    assert results(tmp_path, content)["passed"] == 0
    assert results(tmp_path, content, Rules(lower=True))["passed"] == 1


def test_no_more_than_twenty_failures_are_shown(tmp_path: Path) -> None:
    found = results(tmp_path, "text,label\n" + "day off,billing\n" * 30)
    assert (found["rows"], found["passed"], len(found["failed"])) == (30, 0, 20)


@pytest.mark.parametrize(("content", "message"), [
    ("label\nbilling\n", "own-checks.csv: expected the column text"),
    ("text,labels\npay,billing\n", "and others of label, other, expected, note, found text, labels"),
    ("text,label\n", "own-checks.csv: expected at least one check, found none"),
    ("text,label\n,billing\n", "line 2: expected a text, found none"),
    ("text,label\npay,\n", "line 2: expected a class in the column label, found none"),
    ("text,label\npay,billing\npay,tax\n", r"line 3: expected a class of .* \(billing, leave\), found 'tax'"),
    ("text,label\npay, now,billing\n", "line 2: expected a field for each column"),
    ("text,label,other,expected\npay,,,same\n", "expected nothing expected of one text but its label, found 'same'"),
    ("text,label,other,expected\npay,,day,\n", "expected same, rises, falls or a class in the column expected"),
    ("text,label,other,expected\npay,,day,rises\n", "expected a class in the column label, found none"),
    ("text,label,other,expected\npay,leave,day,same\n", "expected no label, as another answer is expected, found"),
    ("text,label,other,expected\npay,,day,tax\n", r"expected a class of the train rows .*, found 'tax'"),
    ('text,label\n"pay,billing\n', "own-checks.csv: expected a CSV file"),
])  # fmt: skip
def test_what_is_no_check_is_refused_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read(checks(tmp_path, content), CLASSES)


def test_another_encoding_is_told(tmp_path: Path) -> None:
    path = checks(tmp_path, "")
    path.write_bytes("text,label\nGröße,billing\n".encode("latin-1"))
    with pytest.raises(BadInput, match="UTF-8"):
        read(path, CLASSES)
