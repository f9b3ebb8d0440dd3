"""What the report says beyond the choice: the verdict in a sentence, weak parts, confidence, and what would change."""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.special import softmax

from tasks import scores
from tasks.confidence import Bin
from tasks.records import Record
from tasks.scores import Floats, Ints
from tasks.select import behaviour, changes, evidence, reliability, riskiness, stage
from tasks.select.champion import Contest
from tasks.select.choice import choose
from tasks.select.match import Match
from tasks.select.params import SelectParams
from tasks.select.verdict import judge
from tasks.select.verdict_params import VerdictParams
from tests.tasks.evaluated_workspace import (
    CLASSES,
    answers,
    candidates,
    write_behaviour,
    write_data,
    write_model,
    write_params,
    write_results,
)

SPACE = "{http://www.w3.org/2000/svg}"
ACTUAL = list(CLASSES) * 20
FAILED = {"line": 2, "kind": "direction", "text": "my laptop", "other": "my phone", "expected": "leave", "found": "tax"}
CHECKS = {"file": "basic.csv", "rows": 3, "passed": 2, "kinds": {"direction": {"rows": 3, "passed": 2}}}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two candidates that can't be told apart, and a poor one."""
    write_params(tmp_path, ["good", "alike", "poor"], select="{draws: 100}")
    write_data(tmp_path, ACTUAL)
    for name, wrong in {"good": range(3), "alike": range(1, 4), "poor": range(0, 60, 2)}.items():
        write_model(tmp_path, name)
        write_results(tmp_path, name, ACTUAL, answers(ACTUAL, wrong), {"size_mb": 1.0 if name == "good" else 9.0})
    return tmp_path


def reports(root: Path) -> dict[str, str]:
    """The texts of the page, of the Markdown report and of the card."""
    stage.run(root, None, Record(root, "select"))
    names = {"page": "reports/report.html", "markdown": "reports/report.md", "card": "models/selected/README.md"}
    return {key: (root / name).read_text(encoding="utf-8") for key, name in names.items()}


def section(page: str, heading: str) -> str:
    """A section of the page without its tags."""
    found = page.partition(f"<h2>{heading}</h2>")[2].partition("</section>")[0]
    return " ".join(re.sub(r"<[^>]*>", " ", found).split())


def test_the_verdict_stands_on_top_in_one_sentence(workspace: Path) -> None:
    told = reports(workspace)
    (heading,) = re.findall(r"<h1>(.*?)</h1>", told["page"])
    expected = r"Promote good: macro F1 1\.0000 \(1\.0000 to 1\.0000\) on 15 test rows; there is no champion yet"
    assert re.fullmatch(expected, heading)
    assert told["markdown"].splitlines()[0] == f"# {heading}"


def test_weak_slices_come_first_and_are_told_everywhere_but_not_those_of_few_rows(workspace: Path) -> None:
    told = reports(workspace)
    weak = "month 2026-01: accuracy 0.6500 (0.5500 to 0.8500, 55 rows)"
    assert f"- {weak}" in told["markdown"]
    assert f"on parts of the validation rows: {weak}." in told["card"]
    for key in ("markdown", "card"):
        assert "b.csv" not in told[key]  # better than the whole
        assert "language none" not in told[key]  # worse, but of few rows
    table = section(told["page"], "Slices")
    assert re.search(r"month 2026-01 55 0\.6500 .*source b\.csv 55 0\.9700 .*language none few rows 5 0\.4500", table)
    assert told["page"].count('class="point harmful"') == 1  # the one whose whole interval lies below


def test_altered_texts_and_failed_checks_are_told(workspace: Path) -> None:
    write_behaviour(workspace, "good", {"validation": 0.95}, [CHECKS | {"failed": [FAILED]}])
    told = reports(workspace)
    table = section(told["page"], "Robustness and checks")
    assert "typing errors (Latin letters) 40 25 % 0.9000 0.7000 no punctuation 0 - - -" in table
    assert "Checks of basic.csv: 2 of 3 passed" in table
    assert "2 direction my laptop then my phone leave tax" in table
    assert "basic.csv: 2 of 3 checks passed" in told["markdown"]
    assert "typing errors (Latin letters) in 25 % of 40 rows." in told["card"]


def test_the_error_without_the_temperature_is_that_of_the_former_probabilities(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    former = softmax(generator.normal(size=(60, 3)) + 2.0 * np.eye(3)[np.arange(60) % 3], axis=1)
    notes = {"kept": True, "temperature": 2.0, "rows": "validation", "count": 60, "log_loss": 0.5}
    notes |= {"log_loss_calibrated": 0.4, "log_loss_cross_checked": 0.41}
    write_params(tmp_path, ["soft"])
    write_data(tmp_path, ACTUAL)
    write_model(tmp_path, "soft", notes={"calibration": notes})
    write_results(tmp_path, "soft", ACTUAL, softmax(np.log(former) / 2.0, axis=1))
    known = evidence.read(tmp_path, candidates(["soft"]))
    found = reliability.read(tmp_path, known, known.named("soft"), 0.95)
    assert found.before == pytest.approx(scores.ece(known.actual, former), abs=1e-9)
    assert found.error == pytest.approx(scores.ece(known.actual, softmax(np.log(former) / 2.0, axis=1)), abs=1e-9)
    assert found.error != pytest.approx(found.before, abs=1e-3)
    assert "a temperature of 2, fitted to 60 validation rows: log loss 0.5000 without" in found.temperature


@pytest.mark.parametrize(
    ("card", "told"),
    [
        ({"notes": {"calibration": {"kept": False, "reason": "too few rows"}}}, "No temperature was fitted"),
        ({}, "No temperature was looked for"),
    ],
)
def test_without_a_temperature_there_is_no_former_error(workspace: Path, card: dict[str, object], told: str) -> None:
    write_model(workspace, "plain", **card)
    write_results(workspace, "plain", ACTUAL, answers(ACTUAL, range(3)))
    known = evidence.read(workspace, candidates(["plain"]))
    found = reliability.read(workspace, known, known.named("plain"), 0.95)
    assert found.before is None
    assert found.temperature.startswith(told)
    assert "former" not in found.picture


def test_the_reliability_diagram_puts_bins_where_they_are_and_shows_their_rows() -> None:
    bins = [Bin(0.4, 0.5, 10, 0.45, 0.2), Bin(0.9, 1.0, 40, 0.95, 0.95)]
    drawn = ElementTree.fromstring(reliability.draw(bins, 0.95, before=[Bin(0.9, 1.0, 50, 0.99, 0.8)]))
    points = {str(one.get("class")): one for one in drawn.iter(f"{SPACE}circle")}
    low, high = [one for one in drawn.iter(f"{SPACE}circle") if one.get("class") == "point winner"]
    assert float(str(low.get("cx"))) < float(str(high.get("cx")))
    assert float(str(low.get("cy"))) > float(str(high.get("cy")))  # SVG counts downwards
    assert "without temperature" in str(points["point hollow former"].findtext(f"{SPACE}title"))
    heights = [float(str(bar.get("height"))) for bar in drawn.iter(f"{SPACE}rect")]
    assert heights[1] == pytest.approx(4 * heights[0])
    (diagonal,) = [line for line in drawn.iter(f"{SPACE}line") if line.get("class") == "limit"]
    assert float(str(diagonal.get("y1"))) > float(str(diagonal.get("y2")))


def test_risk_against_coverage_is_of_the_winner_and_the_tied_and_no_others(workspace: Path) -> None:
    known = evidence.read(workspace, candidates(["good", "alike", "poor"]))
    found = riskiness.read(known, choose(known, SelectParams(draws=100), seed=1))
    assert [(one.name, one.kind) for one in found] == [("good", "winner"), ("alike", "tied")]
    assert found[0].area == known.named("good").measures["aurc"]
    assert found[0].errors[0] == pytest.approx(0.05)
    drawn = ElementTree.fromstring(riskiness.draw(found))
    assert [str(line.get("class")) for line in drawn.iter(f"{SPACE}polyline")] == ["risk tied", "risk winner"]
    table = section(reports(workspace)["page"], "Risk against coverage")
    assert re.search(r"good 0\.0500 0\.050( 0\.050)+ alike 0\.0500", table)


def probabilities(predicted: Ints) -> Floats:
    return np.where(np.arange(3) == predicted[:, None], 0.8, 0.1)


def test_what_changes_is_counted_by_class_and_the_worst_loss_comes_first() -> None:
    actual: Ints = np.array([0] * 4 + [1] * 4 + [2] * 2)
    old: Ints = np.array([0, 0, 0, 0, 1, 0, 0, 0, 2, 2])
    new: Ints = np.array([0, 0, 1, 1, 0, 1, 1, 1, 2, 2])
    match = Match(CLASSES, np.ones((2, 3), dtype=np.bool_), actual, probabilities(old), probabilities(new))
    found = changes.by_class(match)
    counted = [(one.label, one.rows, one.champion, one.challenger, one.won, one.lost) for one in found]
    assert counted == [("billing", 4, 4, 2, 0, 2), ("network", 2, 2, 2, 0, 0), ("leave", 4, 1, 3, 3, 1)]
    assert [one.difference for one in found] == [-0.5, 0.0, 0.5]
    verdict = judge(match, VerdictParams(), "accuracy", draws=100, seed=1)
    contest = Contest(verdict, classes=tuple(found))
    assert ([one.label for one in contest.lost], [one.label for one in contest.gained]) == (["billing"], ["leave"])
    assert contest.positive_flips == 3
    assert len(verdict.flips) == sum(one.lost for one in found) == 3


def test_classes_that_one_of_the_two_does_not_know_are_not_compared() -> None:
    actual: Ints = np.array([0, 1, 2])
    known = np.array([[True, True, False], [True, True, True]])
    match = Match(CLASSES, known, actual, probabilities(actual), probabilities(actual))
    assert [one.label for one in changes.by_class(match)] == ["billing", "leave"]


def test_behaviour_is_read_of_the_rows_that_were_compared(workspace: Path) -> None:
    write_behaviour(workspace, "good", {"validation": 0.9, "out_of_fold": 0.6})
    found = [behaviour.read(workspace, "good", which).slices for which in ("validation", "out_of_fold")]
    assert [one.accuracy for one in found] == [0.9, 0.6]
    assert [one.weakest(1)[0].split(" (")[0] for one in found] == [
        "month 2026-01: accuracy 0.6000",
        "month 2026-01: accuracy 0.3000",
    ]
