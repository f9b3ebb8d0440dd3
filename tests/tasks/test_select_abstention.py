"""Abstaining: what is fitted to which rows, what travels with the model, and what the reports say of it."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks import rows, thresholds
from tasks.errors import BadInput, ParamsError
from tasks.files import read_json, write_json
from tasks.records import Record
from tasks.select import abstention, abstention_words, examination, stage
from tasks.select.abstention import Abstention
from tasks.select.bootstrap import Outcome
from tasks.select.evidence import Candidate, Evidence
from tasks.select.examination import Answers, Questions
from tasks.select.params import AbstainParams
from tasks.thresholds import Thresholds
from tests.tasks.evaluated_workspace import (
    CLASSES,
    WORDS,
    write_data,
    write_model,
    write_params,
    write_results,
    write_split,
)

COUNT = 300
ACTUAL = list(CLASSES) * (COUNT // 3)
SURE_ROWS = 240  # the first rows, which are all right; of the others every second one is wrong


def said(actual: list[str] = ACTUAL, sure_rows: int = SURE_ROWS) -> Any:
    """Probabilities that fall from row to row."""
    probabilities = np.zeros((len(actual), len(CLASSES)))
    for row, label in enumerate(actual):
        index = (CLASSES.index(label) + (row >= sure_rows and row // 3 % 2)) % len(CLASSES)
        sure = 0.99 - 0.5 * row / len(actual)
        probabilities[row] = (1 - sure) / 2
        probabilities[row, index] = sure
    return probabilities


def fit(probabilities: Any, actual: list[str] = ACTUAL, **params: Any) -> Abstention:
    numbers = np.array([CLASSES.index(label) for label in actual])
    sure = probabilities.max(axis=1)
    outcome = Outcome.of(numbers, probabilities)
    candidate = Candidate("one", {}, {}, None, {}, outcome, sure, Path("one"))
    evidence = Evidence("validation", actual, list(CLASSES), numbers, [candidate])
    return abstention.fit(evidence, "one", AbstainParams.model_validate({"precision": 0.95, **params}), CLASSES)


def test_the_sure_rows_are_answered_and_the_others_are_not() -> None:
    found = fit(said())
    assert found.thresholds.reached
    (threshold,) = set(found.thresholds.classes.values())
    assert threshold is not None
    assert found.share.rows == COUNT
    assert 235 < found.share.answered < 260
    assert found.share.precision is not None and found.share.precision > 0.95
    assert found.thresholds.abstains("leave", threshold) is False
    assert found.thresholds.abstains("leave", threshold - 1e-6) is True


def test_more_precision_and_more_confidence_abstain_more_often() -> None:
    answered = [
        fit(said(), precision=precision, confidence=confidence).share.answered
        for precision, confidence in ((0.8, 0.9), (0.9, 0.9), (0.9, 0.999))
    ]
    assert answered[0] > answered[1] > answered[2] > 0


def test_each_class_gets_a_threshold_of_its_own_or_that_of_all_where_it_has_few_rows() -> None:
    actual = ["billing"] * 120 + ["leave"] * 120 + ["network"] * 20
    probabilities = np.full((260, 3), 0.01)
    sure = np.concatenate([np.linspace(0.9, 0.6, 120), np.linspace(0.9, 0.6, 120), np.linspace(0.9, 0.6, 20)])
    predicted = np.repeat([0, 1, 2], [120, 120, 20])
    probabilities[np.arange(260), predicted] = sure
    actual = ["network" if 120 <= row < 240 and row % 3 == 0 else label for row, label in enumerate(actual)]
    found = fit(probabilities, actual, by="class", precision=0.9)
    assert found.few == ("network",)
    assert found.unreached == ("leave",)
    assert found.thresholds.classes["billing"] == 0.0
    assert found.thresholds.classes["leave"] is None
    assert found.thresholds.classes["network"] == fit(probabilities, actual, precision=0.9).thresholds.classes["leave"]
    assert found.thresholds.abstains("leave", 0.9999) is True
    told = " ".join(abstention_words.sentences(found, 0.95))
    assert "Too few rows were taken for network" in told
    assert "In leave no threshold is shown to reach it" in told


def test_a_target_that_no_threshold_reaches_is_told_with_what_can_be_reached() -> None:
    wrong = np.arange(COUNT) % 10 == 0  # one in ten, wherever the model is sure
    probabilities = said(sure_rows=COUNT)
    probabilities[wrong] = np.roll(probabilities[wrong], 1, axis=1)
    found = fit(probabilities)
    assert not found.thresholds.reached
    assert set(found.thresholds.classes.values()) == {None}
    assert found.thresholds.abstains("leave", 0.1) is None
    assert found.reachable is not None
    precision, coverage = found.reachable
    assert 0.8 < precision < 0.9 and 0 < coverage <= 1
    assert fit(probabilities, precision=precision).thresholds.reached
    assert not fit(probabilities, precision=precision + 0.01).thresholds.reached
    told = " ".join(abstention_words.sentences(found, 0.95))
    assert f"They show {100 * precision:.3g} %" in told
    assert "has no threshold and abstains from nothing" in told
    few = fit(probabilities[:3], ACTUAL[:3])
    assert few.reachable is None
    assert "No lower precision can be shown either" in abstention_words.sentences(few, 0.95)[0]


def test_the_test_rows_tell_whether_the_target_is_met() -> None:
    found = fit(said())
    for wrong, met in ((0, True), (60, False)):
        probabilities = said(sure_rows=COUNT)
        probabilities[:wrong] = np.roll(probabilities[:wrong], 1, axis=1)
        questions = Questions(ACTUAL, ACTUAL, ACTUAL)
        on_test = abstention.on_test(found, questions, Answers(CLASSES, probabilities, "cpu"), 0.95)
        assert on_test is not None and on_test.low is not None and on_test.high is not None
        assert on_test.share.right == on_test.share.answered - wrong
        assert on_test.low <= on_test.share.right / on_test.share.answered <= on_test.high
        assert on_test.met is met
    unsure = np.full((COUNT, 3), 1 / 3)
    nothing = abstention.on_test(found, questions, Answers(CLASSES, unsure, "cpu"), 0.95)
    assert nothing is not None
    assert (nothing.share.answered, nothing.met, nothing.share.precision) == (0, None, None)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A candidate whose validation rows allow a threshold between 0.5 and 0.7, and 40 test rows in doubt of 120."""
    write_data(tmp_path, ACTUAL)
    labels = list(CLASSES) * 40
    doubtful = " ".join(WORDS.values())
    texts = [doubtful if row < 40 else f"{WORDS[label]} {row}" for row, label in enumerate(labels)]
    write_split(tmp_path, "test", labels, texts)
    write_model(tmp_path, "good")
    write_results(tmp_path, "good", ACTUAL, said())
    return tmp_path


def select(root: Path, abstain: str) -> Any:
    write_params(root, ["good"], f"{{draws: 100, abstain: {abstain}}}")
    stage.run(root, None, Record(root, "select"))
    return read_json(root / "reports/selection.json")["abstention"]


def test_the_thresholds_travel_with_the_model_and_the_reports_tell_of_them(workspace: Path) -> None:
    found = select(workspace, "{precision: 0.95}")
    assert (found["reached"], found["by"], found["confidence"]) == (True, "all", 0.95)
    assert found["test"]["rows"] == 120
    assert (found["test"]["answered"], found["test"]["precision"], found["test"]["met"]) == (80, 1.0, True)
    saved = thresholds.read(workspace / "models/selected")
    assert saved == Thresholds(0.95, 0.95, "all", found["thresholds"])
    told = "the target of 95 % is met: it answers 80 of 120"
    for file in ("reports/report.html", "reports/report.md", "models/selected/README.md"):
        text = (workspace / file).read_text(encoding="utf-8")
        assert told in text, file
        assert "Abstaining" in text


def test_without_thresholds_nothing_is_told_of_them(workspace: Path) -> None:
    select(workspace, "{precision: 0.95}")
    assert select(workspace, "null") is None
    assert not (workspace / "models/selected/thresholds.json").exists()
    assert "Abstaining" not in (workspace / "reports/report.html").read_text(encoding="utf-8")
    assert "Abstaining" not in (workspace / "reports/report.md").read_text(encoding="utf-8")


def test_each_class_stands_in_the_table_with_its_threshold(workspace: Path) -> None:
    found = select(workspace, "{precision: 0.9, by: class}")
    page = (workspace / "reports/report.html").read_text(encoding="utf-8")
    for label, threshold in found["thresholds"].items():
        assert f'<th scope="row">{label}</th><td class="number">{threshold:.4f}</td>' in page


@pytest.mark.parametrize("text", ["invoice payment", "invoice wifi vacation"])
def test_the_cards_code_abstains_as_we_do(
    workspace: Path, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    select(workspace, "{precision: 0.95}")
    card = (workspace / "models/selected/README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    monkeypatch.chdir(workspace)
    capsys.readouterr()
    names: dict[str, Any] = {}
    exec(code.replace('"a text"', repr(text)), names)
    saved = thresholds.read(workspace / "models/selected")
    assert isinstance(saved, Thresholds)
    probabilities = names["probabilities"][0]
    expected = saved.abstains(names["labels"][probabilities.argmax()], float(probabilities.max()))
    assert expected == (text != "invoice payment")
    assert capsys.readouterr().out.splitlines()[-1] == ("abstains" if expected else "answers")


def test_the_test_rows_have_no_part_in_the_thresholds(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = select(workspace, "{precision: 0.95, by: class}")["thresholds"]
    write_split(workspace, "test", CLASSES, ["cable", "invoice", "holiday"])  # all labelled wrongly
    assert select(workspace, "{precision: 0.95, by: class}")["thresholds"] == before
    events: list[str] = []
    fitted, read = abstention.fit, rows.read

    def watched_fit(*arguments: Any) -> Any:
        events.append("fit")
        return fitted(*arguments)

    def watched_read(path: Path, columns: list[str] | None = None) -> Any:
        events.append(path.name)
        return read(path, columns)

    monkeypatch.setattr(abstention, "fit", watched_fit)
    monkeypatch.setattr(rows, "read", watched_read)
    select(workspace, "{precision: 0.95}")
    assert events.index("fit") < events.index(examination.TEST.name)


@pytest.mark.parametrize("content", ["[1]", '{"precision": 0.9}', "broken"])
def test_a_spoilt_file_of_thresholds_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / thresholds.FILE).write_text(content)
    with pytest.raises(BadInput, match=r"thresholds\.json: expected thresholds that Regraft wrote"):
        thresholds.read(tmp_path)


def test_a_written_file_is_read_as_it_was(tmp_path: Path) -> None:
    one = Thresholds(0.9, 0.95, "class", {"a": 0.25, "b": None})
    thresholds.write(tmp_path, one)
    assert thresholds.read(tmp_path) == one
    write_json(tmp_path / thresholds.FILE, read_json(tmp_path / thresholds.FILE))
    assert thresholds.read(tmp_path) == one


@pytest.mark.parametrize("abstain", ["{precision: 1.0}", "{by: class}", "{precision: 0.9, by: row}"])
def test_a_target_that_makes_no_sense_is_refused(workspace: Path, abstain: str) -> None:
    with pytest.raises(ParamsError, match=r"select\.abstain\."):
        select(workspace, abstain)
