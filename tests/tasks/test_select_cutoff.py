"""The threshold of one of two classes: how it is chosen, what travels with the model, and what is said of it."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from tasks import rows, thresholds
from tasks.errors import BadInput, ParamsError
from tasks.files import read_json
from tasks.model import load
from tasks.records import Record
from tasks.select import cutoff, examination, precision, stage
from tasks.select.bootstrap import Outcome
from tasks.select.cutoff import Chosen
from tasks.select.evidence import Candidate, Evidence
from tasks.select.params import ThresholdParams
from tasks.select.tally import NAMES, Tally
from tasks.thresholds import Cutoff
from tests.tasks.evaluated_workspace import WORDS, write_data, write_model, write_params, write_results, write_split

LABELS = ("billing", "leave")
COUNT = 400
BOTH = 2 * f"{WORDS['leave']} {WORDS['billing']} " + "invoice"  # a little more of billing than of leave


def said(seed: int = 1) -> tuple[list[str], Any]:
    """Labels, a fifth of them `leave`, and probabilities that are too low for it."""
    random = np.random.default_rng(seed)
    is_leave = random.random(COUNT) < 0.2
    sure = np.clip(random.normal(np.where(is_leave, 0.45, 0.15), 0.12), 0.01, 0.99)
    return [LABELS[int(one)] for one in is_leave], np.column_stack([1 - sure, sure])


def fit(labels: list[str], probabilities: Any, knows: tuple[str, ...] = LABELS, **params: Any) -> Chosen:
    numbers = np.array([LABELS.index(label) for label in labels])
    outcome, sure = Outcome.of(numbers, probabilities), probabilities.max(axis=1)
    candidate = Candidate("one", {}, {}, None, {}, outcome, sure, Path("one"))
    evidence = Evidence("validation", labels, list(LABELS), numbers, [candidate])
    return cutoff.fit(evidence, "one", ThresholdParams.model_validate({"label": "leave", **params}), knows)


SCORES = {
    "f1": metrics.f1_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "mcc": metrics.matthews_corrcoef,
}


@pytest.mark.parametrize("metric", SCORES)
def test_no_threshold_has_a_higher_metric(metric: str) -> None:
    labels, probabilities = said()
    actual, sure = np.array(labels) == "leave", probabilities[:, 1]
    found = fit(labels, probabilities, metric=metric)
    best = max(SCORES[metric](actual, sure >= value) for value in np.unique(sure))
    assert found.cutoff.cutoff is not None
    assert SCORES[metric](actual, sure >= found.cutoff.cutoff) == pytest.approx(best)
    assert found.after.measures[metric] == pytest.approx(best)
    assert found.after.measures[metric] > found.before.measures[metric] + 0.05
    assert not np.isclose(sure, found.cutoff.cutoff, atol=1e-9).any(), "between rows, not on one"


def test_where_one_half_is_as_good_as_any_it_stays() -> None:
    labels = ["leave", "billing"] * 10
    found = fit(labels, np.array([[0.1, 0.9], [0.9, 0.1]] * 10), metric="f1")
    assert found.cutoff.cutoff == 0.5
    assert found.before == found.after


def test_measures_of_a_tally_are_those_of_scikit_learn() -> None:
    labels, probabilities = said()
    actual, answered = np.array(labels) == "leave", probabilities[:, 1] >= 0.3
    found = Tally.of(actual, answered)
    expected = {
        "precision": metrics.precision_score(actual, answered),
        "recall": metrics.recall_score(actual, answered),
        "accuracy": metrics.accuracy_score(actual, answered),
        **{name: score(actual, answered) for name, score in SCORES.items()},
    }
    assert found.measures == pytest.approx(expected)
    assert tuple(found.measures) == NAMES
    intervals = found.intervals(0.95, 500, 1)
    exact = stats.binomtest(found.found, found.found + found.missed).proportion_ci(0.95, "exact")
    assert intervals["recall"] == pytest.approx((exact.low, exact.high))
    for name, value in found.measures.items():
        assert intervals[name][0] <= value <= intervals[name][1]
    assert "precision" not in Tally(0, 5, 0, 5).intervals(0.95, 100, 1)


def test_a_precision_is_reached_surely_and_more_of_it_finds_fewer_rows() -> None:
    labels, probabilities = said()
    one, other = (fit(labels, probabilities, precision=wanted) for wanted in (0.6, 0.8))
    for found, wanted in ((one, 0.6), (other, 0.8)):
        answered = found.after.found + found.after.wrong
        assert stats.binom.cdf(found.after.wrong, answered, 1 - wanted) <= 0.05
    assert one.after.found > other.after.found > 0


def test_a_recall_is_reached_surely_by_the_highest_threshold_that_does() -> None:
    labels, probabilities = said()
    found = fit(labels, probabilities, recall=0.8)
    positives = found.after.found + found.after.missed
    assert stats.binom.cdf(found.after.missed, positives, 0.2) <= 0.05
    assert stats.binom.cdf(found.after.missed + 1, positives, 0.2) > 0.05
    assert fit(labels, probabilities, recall=0.8, confidence=0.5).after.missed > found.after.missed


def test_the_recall_holds_for_other_texts_as_often_as_was_asked_for() -> None:
    random = np.random.default_rng(4)
    below = []
    for _ in range(400):
        threshold = precision.highest_threshold(random.random(60), random.random(60), 0.9, 0.9)
        assert threshold is not None
        below.append(threshold > 0.1)  # of texts that are spread evenly, so many lie below it
    assert np.mean(below) <= 0.13


def test_what_cannot_be_shown_leaves_the_more_probable_class() -> None:
    labels, probabilities = said()
    found = fit(labels[:20], probabilities[:20], recall=0.95)
    assert found.cutoff == Cutoff("leave", "billing", None)
    assert found.before == found.after
    assert found.cutoff.chosen(LABELS, probabilities).tolist() == probabilities.argmax(axis=1).tolist()


@pytest.mark.parametrize(
    ("knows", "label", "message"),
    [
        (("billing", "leave", "network"), "leave", "expected rows of two classes, found 3 classes"),
        (("billing",), "billing", "expected rows of two classes, found 1 classes"),
        (LABELS, "spam", r"select\.threshold\.label: expected one of billing, leave, found 'spam'"),
    ],
)
def test_other_than_two_classes_and_unknown_ones_are_refused(knows: tuple[str, ...], label: str, message: str) -> None:
    labels, probabilities = said()
    with pytest.raises(BadInput, match=message):
        fit(labels, probabilities, knows, label=label, metric="f1")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two classes; the model says `leave` of a test text with its words alone, and is in doubt of one with both."""
    labels, probabilities = said()
    write_data(tmp_path, labels)
    write_split(tmp_path, "train", LABELS * 6)
    texts = [f"{WORDS['billing']} {row}" for row in range(20)] + [f"{BOTH} {row}" for row in range(10)]
    write_split(tmp_path, "test", ["billing"] * 20 + ["leave"] * 10, texts)
    write_model(tmp_path, "good", LABELS)
    write_results(tmp_path, "good", labels, probabilities, classes=LABELS)
    return tmp_path


def select(root: Path, threshold: str) -> Any:
    write_params(root, ["good"], f"{{draws: 100, threshold: {threshold}}}")
    stage.run(root, None, Record(root, "select"))
    return read_json(root / "reports/selection.json")["threshold"]


def test_the_threshold_travels_with_the_model_and_the_reports_tell_of_it(workspace: Path) -> None:
    found = select(workspace, "{label: leave, metric: f1}")
    saved = thresholds.read(workspace / "models/selected")
    assert saved == Cutoff("leave", "billing", found["cutoff"])
    probabilities = load(workspace / "models/selected", 1).predict_proba([BOTH])
    assert found["cutoff"] <= probabilities[0, 1] < 0.5, "the test can tell"
    assert (found["test"]["without"]["found"], found["test"]["found"], found["test"]["missed"]) == (0, 10, 0)
    assert found["test"]["intervals"]["recall"]["low"] == pytest.approx(0.025 ** (1 / 10))
    page = (workspace / "reports/report.html").read_text(encoding="utf-8")
    card = (workspace / "models/selected/README.md").read_text(encoding="utf-8")
    markdown = (workspace / "reports/report.md").read_text(encoding="utf-8")
    for text in (page, card, markdown):
        assert f"it answers leave where the probability of that is {found['cutoff']:.4f} or more" in text
        assert "On the 30 test rows 10 of 10 such rows are found (0 without the threshold)" in text
    assert select(workspace, "null") is None
    assert not (workspace / "models/selected/thresholds.json").exists()
    assert "Threshold of" not in (workspace / "reports/report.html").read_text(encoding="utf-8")


def test_the_cards_code_answers_by_the_threshold(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    select(workspace, "{label: leave, metric: f1}")
    card = (workspace / "models/selected/README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    monkeypatch.chdir(workspace)
    for text, answer in ((BOTH, "leave"), ("invoice payment", "billing")):
        capsys.readouterr()
        exec(code.replace('"a text"', repr(text)), {})
        assert capsys.readouterr().out.split() == ["billing", answer]


def test_the_test_rows_have_no_part_in_the_threshold(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = select(workspace, "{label: leave, recall: 0.7}")
    write_split(workspace, "test", ["billing", "leave"], [WORDS["leave"], WORDS["billing"]])  # both labelled wrongly
    events: list[str] = []
    fitted, read = cutoff.fit, rows.read

    def watched_fit(*arguments: Any) -> Any:
        events.append("fit")
        return fitted(*arguments)

    def watched_read(path: Path, columns: list[str] | None = None) -> Any:
        events.append(path.name)
        return read(path, columns)

    monkeypatch.setattr(cutoff, "fit", watched_fit)
    monkeypatch.setattr(rows, "read", watched_read)
    after = select(workspace, "{label: leave, recall: 0.7}")
    assert (after["cutoff"], after["fitted"]) == (before["cutoff"], before["fitted"])
    assert after["test"]["met"] is False
    assert events.index("fit") < events.index(examination.TEST.name)


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        ("{label: leave}", "one of metric, precision and recall, not none"),
        ("{label: leave, metric: f1, recall: 0.9}", "not metric and recall"),
        ("{label: leave, metric: f1, confidence: 0.9}", "confidence with precision or recall alone"),
        ("{label: leave, precision: 1.0}", r"select\.threshold\.precision"),
        ("{label: leave, metric: f1}, abstain: {precision: 0.9}", "abstain or threshold"),
    ],
)
def test_aims_that_make_no_sense_are_refused(workspace: Path, threshold: str, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        select(workspace, threshold)
