"""Checks that a user adds as data: texts with the answer that is wanted of a model.

A file is a CSV table; a line is one check (the three kinds of Ribeiro et al. 2020, "Beyond Accuracy: Behavioral Testing
of NLP Models with CheckList", section 2.2):

| kind | `text` | `other` | `expected` | `label` | passes if |
| --- | --- | --- | --- | --- | --- |
| `minimum` (functionality) | a text | | | a class | the answer for the text is the class |
| `invariance` | a text | another | `same` | | both have the same answer |
| `direction` | a text | another | `rises` or `falls` | a class | the other has a higher (lower) probability of it |
| `direction` | a text | another | a class | | the answer for the other is the class |

A column `note` is for the reader. Other columns are refused, as they may be misspelt.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import BadInput
from tasks.evaluate.answers import Ask
from tasks.rules import Rules
from tasks.scores import Floats

KINDS = ("minimum", "invariance", "direction")
_COLUMNS = ("text", "label", "other", "expected", "note")
_WORDS = ("same", "rises", "falls")
_SHOWN = 20  # checks of a file that failed, with what was found


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        line: of its file, on which it ends.
        kind: one of `KINDS`.
        wanted: `same`, `rises`, `falls`, or `is`: the answer is the class.
        label: the class; none for `same`.
        other: the second text; none where there is one alone.
    """

    line: int
    kind: str
    wanted: str
    text: str
    label: str | None = None
    other: str | None = None


def read(file: Path, classes: Sequence[str]) -> list[Check]:
    """Reads a file of checks.

    Args:
        classes: that the model knows.

    Raises:
        BadInput: if it is no such table, or a line is no check.
    """
    name = title(file)
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            table = csv.DictReader(lines, strict=True)
            _check_header(name, list(table.fieldnames or []))
            checks = list(_checks(table, name, classes))
    except UnicodeDecodeError as error:
        raise BadInput(name, "text in UTF-8", f"byte {error.start} of another encoding", "Convert the file.") from None
    except csv.Error as error:
        raise BadInput(name, "a CSV file", str(error), "Correct its quotes.") from None
    if not checks:
        raise BadInput(name, "at least one check", "none", "Add lines, or take the file out of evaluate.checks.")
    return checks


def title(file: Path) -> str:
    """The name of a file of checks without the number that its link has."""
    return file.name.partition("-")[2]


def run(ask: Ask, checks: Sequence[Check], classes: Sequence[str], rules: Rules) -> dict[str, Any]:
    """Puts a model to the checks of one file; their texts are cleaned as all are.

    Returns:
        How many `rows` there are and how many `passed`, in all and by `kinds`, and the first that `failed`.
    """
    texts = [rules.apply(check.text) for check in checks]
    others = [rules.apply(check.other) for check in checks if check.other is not None]
    probabilities = ask([*texts, *others], "predicting checks")
    second = iter(probabilities[len(texts) :])
    failed: list[dict[str, Any]] = []
    kinds = {kind: {"rows": 0, "passed": 0} for kind in KINDS}
    for check, first in zip(checks, probabilities, strict=False):
        passed, found = _judged(check, first, next(second) if check.other is not None else None, classes)
        kinds[check.kind]["rows"] += 1
        kinds[check.kind]["passed"] += passed
        if not passed:
            failed.append(_failure(check, found))
    passed_all = len(checks) - len(failed)
    return {"rows": len(checks), "passed": passed_all, "kinds": kinds, "failed": failed[:_SHOWN]}


def _judged(check: Check, first: Floats, second: Floats | None, classes: Sequence[str]) -> tuple[bool, str]:
    """Whether a check passed, and what was found."""
    answers = [classes[int(one.argmax())] for one in (first, second) if one is not None]
    if check.wanted == "same":
        return answers[0] == answers[1], f"{answers[0]}, then {answers[1]}"
    if check.wanted == "is" or second is None:
        return answers[-1] == check.label, answers[-1]
    place = list(classes).index(str(check.label))
    low, high = (first[place], second[place]) if check.wanted == "rises" else (second[place], first[place])
    return bool(low < high), f"{first[place]:.4g}, then {second[place]:.4g}"


def _failure(check: Check, found: str) -> dict[str, Any]:
    expected = check.label if check.wanted == "is" else check.wanted
    if check.wanted in ("rises", "falls"):
        expected = f"{check.label} {check.wanted}"
    return {
        "line": check.line,
        "kind": check.kind,
        "text": check.text,
        "other": check.other,
        "expected": expected,
        "found": found,
    }


def _check_header(name: str, columns: list[str]) -> None:
    unknown = [column for column in columns if column not in _COLUMNS]
    if "text" not in columns or unknown:
        expected = f"the column text, and others of {', '.join(_COLUMNS[1:])}"
        raise BadInput(name, expected, ", ".join(columns) or "none", "Correct its first line.")


def _checks(table: "csv.DictReader[str]", name: str, classes: Sequence[str]) -> Iterator[Check]:
    for row in table:
        line = table.reader.line_num
        where = f"{name}, line {line}"
        if None in row or None in row.values():
            fix = "Put quotes round texts that hold commas."
            raise BadInput(where, "a field for each column", "more or fewer", fix)
        yield _check(where, line, {column: value for column, value in row.items() if value.strip()}, classes)


def _check(where: str, line: int, row: Mapping[str, str], classes: Sequence[str]) -> Check:
    """One line as a check; empty fields are left out of `row`."""
    if "text" not in row:
        raise BadInput(where, "a text", "none", "Fill in the column text.")
    text, other = row["text"], row.get("other")
    label, expected = (row[key].strip() if key in row else None for key in ("label", "expected"))
    if other is None and expected is not None:
        fix = "Fill in the column other, or take what is expected out."
        raise BadInput(where, "nothing expected of one text but its label", repr(expected), fix)
    if other is not None and expected is None:
        raise BadInput(where, f"{', '.join(_WORDS)} or a class in the column expected", "nothing", "Fill it in.")
    needs_label = other is None or expected in ("rises", "falls")
    if needs_label != (label is not None):
        wanted = "a class in the column label" if needs_label else "no label, as another answer is expected"
        raise BadInput(where, wanted, "none" if label is None else repr(label), "Correct that line.")
    named = label if needs_label else None if expected == "same" else expected
    if named is not None and named not in classes:
        raise BadInput(where, f"a class of the train rows ({', '.join(classes)})", repr(named), "Correct that line.")
    if other is None:
        return Check(line, "minimum", "is", text, named)
    kind = "invariance" if expected == "same" else "direction"
    return Check(line, kind, expected if expected in _WORDS else "is", text, named, other)
