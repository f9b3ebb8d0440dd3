"""The winner against the champion: what the champion is asked, and what the reports say of it."""

import csv
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from tasks import estimator, links
from tasks.errors import BadInput
from tasks.files import read_json, write_json
from tasks.records import Record
from tasks.rules import Rules
from tasks.select import champion, stage
from tests.tasks.evaluated_workspace import (
    CLASSES,
    WORDS,
    answers,
    write_data,
    write_model,
    write_params,
    write_results,
    write_split,
)

ACTUAL = list(CLASSES) * 20
TEST = list(CLASSES) * 40


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A candidate that answers every test row rightly."""
    write_params(tmp_path, ["good"])
    write_data(tmp_path, ACTUAL)
    write_split(tmp_path, "test", TEST)
    write_model(tmp_path, "good")
    write_results(tmp_path, "good", ACTUAL, answers(ACTUAL, range(3)))
    return tmp_path


def put_into_service(root: Path, name: str, labels: Any = CLASSES, **rules: Any) -> Path:
    """Makes a champion of a model that is trained with these labels for the words of `CLASSES`."""
    folder = root / "models/champion"
    folder.parent.mkdir(exist_ok=True)
    write_model(root, name, labels)
    shutil.move(root / "models/candidates" / name, folder)
    write_json(folder / "cleaning.json", Rules(**rules).model_dump())
    write_json(folder / champion.NOTE, {"version": "v0.3.0"})
    (root / links.CHAMPION).unlink()
    (root / links.CHAMPION).symlink_to(folder)
    return folder


def select(root: Path) -> Any:
    stage.run(root, None, Record(root, "select"))
    return read_json(root / "reports/selection.json")


def flips(root: Path) -> list[list[str]]:
    with (root / champion.FLIPS).open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_without_a_champion_the_winner_goes_into_service(workspace: Path) -> None:
    found = select(workspace)
    assert (found["verdict"], found["champion"]) == ("PROMOTE", None)
    assert "no champion yet" in found["reasons"][-1]
    assert flips(workspace) == [["id", "text", "label", "predicted"]]
    assert "Against the champion" not in (workspace / "reports/report.html").read_text()


def test_a_winner_that_alone_knows_a_class_is_promoted(workspace: Path) -> None:
    put_into_service(workspace, "old", ["billing", "network"])
    found = select(workspace)
    assert found["verdict"] == "PROMOTE"
    assert (found["champion"]["version"], found["champion"]["name"]) == ("v0.3.0", "old")
    assert found["champion"]["rows"] == 80
    assert any("Only the new model knows leave (40 test rows)" in reason for reason in found["reasons"])


def test_a_champion_is_asked_the_same_rows_cleaned_as_it_was_trained(workspace: Path) -> None:
    # Upper-case texts: a champion that lowers its texts has all of them right, as the winner that reads them so.
    write_split(workspace, "test", TEST, [WORDS[label].upper() for label in TEST])
    put_into_service(workspace, "old", lower=True)
    found = select(workspace)["champion"]
    assert (found["rows"], found["test"]["accuracy"]) == (120, 1.0)
    assert found["challenger"] == {
        name: value
        for name, value in read_json(workspace / "reports/selection.json")["test"].items()
        if name in found["challenger"]
    }


def test_the_same_model_changes_nothing(workspace: Path) -> None:
    folder = put_into_service(workspace, "other")
    shutil.rmtree(folder)
    shutil.copytree(workspace / "models/candidates/good", folder)
    shutil.copyfile(workspace / "data/clean/rules.json", folder / "cleaning.json")
    write_json(folder / champion.NOTE, {"version": "v1.0.0"})
    found = select(workspace)
    assert found["verdict"] == "HOLD"
    assert "It is the champion v1.0.0 itself" in found["reasons"][-1]
    (folder / "cleaning.json").write_text((folder / "cleaning.json").read_text().replace("false", "true", 1))
    assert "itself" not in select(workspace)["reasons"][-1], "other cleaning makes another model of it"


def test_a_worse_winner_is_rejected_and_the_rows_that_it_loses_are_listed(workspace: Path) -> None:
    put_into_service(workspace, "old")
    wrongly = make_pipeline(TfidfVectorizer(), MultinomialNB(alpha=0.1))
    wrongly.fit([WORDS["leave"], WORDS["billing"], WORDS["network"]], CLASSES)  # billing and leave changed places
    estimator.save(wrongly, workspace / "models/candidates/good/model.skops")
    found = select(workspace)
    assert found["verdict"] == "REJECT"
    assert found["champion"]["test"]["accuracy"] == 1.0
    assert found["champion"]["challenger"]["accuracy"] == pytest.approx(1 / 3)
    assert {loss["label"] for loss in found["champion"]["lost_recall"]} == {"billing", "leave"}
    header, *listed = flips(workspace)
    assert header == ["id", "text", "label", "predicted"]
    assert len(listed) == found["champion"]["negative_flips"] == 80
    assert all((label, predicted) in [("billing", "leave"), ("leave", "billing")] for _, _, label, predicted in listed)
    page = (workspace / "reports/report.html").read_text()
    assert "Against the champion v0.3.0" in page
    headline = r"<h1>Reject good, champion v0\.3\.0 stays: macro F1 .*; it is surely worse than the champion</h1>"
    assert re.search(headline, page)
    changed = [(one["label"], one["champion"], one["challenger"], one["lost"]) for one in found["champion"]["classes"]]
    assert changed == [("billing", 40, 0, 40), ("leave", 40, 0, 40), ("network", 40, 40, 0)]
    assert found["champion"]["positive_flips"] == 0
    shown = page.partition("Rows that change sides")[2].partition("</section>")[0]
    assert shown.count('<td class="text">') == 5 and "these are the first 5" in shown
    assert listed[0][1] in shown
    assert "champion v0.3.0 stays" in (workspace / "reports/report.md").read_text()


@pytest.mark.parametrize("spoilt", [champion.NOTE, "candidate.json"])
def test_half_a_champion_is_an_error_that_says_what_to_do(workspace: Path, spoilt: str) -> None:
    (put_into_service(workspace, "old") / spoilt).unlink()
    with pytest.raises(BadInput, match="links/champion: expected a link to the champion") as error:
        select(workspace)
    assert "regraft explain" in str(error.value)
