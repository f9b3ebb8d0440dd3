"""The winner against the champion: what the champion is asked, and what the reports say of it."""

import csv
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from tasks import estimator, learned_rows, links, thresholds
from tasks.errors import BadInput
from tasks.files import read_json, write_json
from tasks.records import Record
from tasks.rules import Rules
from tasks.select import champion, stage
from tasks.thresholds import Thresholds
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


def learned_by(folder: Path, texts: list[str]) -> None:
    """Makes a champion one that has learned from these texts."""
    learned_rows.write(folder, np.unique(learned_rows.hashes(texts)))


def test_rows_that_the_champion_has_learned_from_are_left_out(workspace: Path) -> None:
    """A champion that is right about nothing but rows that it knows by heart looks no better for them."""
    texts = [f"{WORDS[label]} row {row}" for row, label in enumerate(TEST)]
    write_split(workspace, "test", TEST, texts)
    folder = put_into_service(workspace, "old")
    wrongly = make_pipeline(TfidfVectorizer(), MultinomialNB(alpha=0.1))
    wrongly.fit([WORDS["leave"], WORDS["billing"], WORDS["network"]], CLASSES)
    estimator.save(wrongly, folder / "model.skops")
    learned_by(folder, [text.upper() + "!" for text in texts[:30]])  # copies, but for case and punctuation
    report = select(workspace)
    found = report["champion"]
    assert found["left_out"] == {"rows": 30, "champion": 30, "challenger": 0}
    assert found["rows"] == 90
    assert report["verdict"] == "PROMOTE"
    assert "30 of 120 test rows were left out: 30 that the champion learned from." in report["reasons"]
    assert report["test"]["rows"] == 120, "the winner itself is examined on all of them"
    learned_by(folder, ["something else"])
    all_rows = select(workspace)
    assert all_rows["champion"]["left_out"]["rows"] == 0
    assert not any("left out" in reason for reason in all_rows["reasons"])


def test_rows_that_flip_are_named_rightly_where_others_are_left_out(workspace: Path) -> None:
    folder = put_into_service(workspace, "old")
    learned_by(folder, [f"{WORDS[label]} test {row}" for row, label in enumerate(TEST[:30])])
    wrongly = make_pipeline(TfidfVectorizer(), MultinomialNB(alpha=0.1))
    wrongly.fit([WORDS["leave"], WORDS["billing"], WORDS["network"]], CLASSES)
    estimator.save(wrongly, workspace / "models/candidates/good/model.skops")
    select(workspace)
    _, *listed = flips(workspace)
    expected = [row for row, label in enumerate(TEST) if row >= 30 and label != "network"]
    assert [name for name, *_ in listed] == [f"test-{row}" for row in expected]


def test_rows_are_known_in_the_form_in_which_the_champion_cleaned_them(workspace: Path) -> None:
    texts = [f"{WORDS[label]} https://x.y/{row}" for row, label in enumerate(TEST)]
    write_split(workspace, "test", TEST, texts)
    folder = put_into_service(workspace, "old", urls="token")
    learned_by(folder, [f"{WORDS['leave']} URL"])
    assert select(workspace)["champion"]["left_out"]["champion"] == 40


def test_too_few_rows_that_are_new_to_both_are_no_comparison(workspace: Path) -> None:
    folder = put_into_service(workspace, "old")
    texts = [f"{WORDS[label]} test {row}" for row, label in enumerate(TEST)]
    learned_by(folder, texts[:-50])
    assert select(workspace)["champion"]["rows"] == 50
    learned_by(folder, texts[:-49])
    report = select(workspace)
    assert (report["verdict"], report["champion"]["rows"]) == ("HOLD", 0)
    assert "49 test rows are left that neither has learned from, fewer than the 50" in report["reasons"][-1]
    assert "Hold good" in (workspace / "reports/report.html").read_text()
    write_params(workspace, ["good"], verdict="{unseen_rows: 49}")
    assert select(workspace)["champion"]["rows"] == 49


def test_rows_that_the_new_model_has_learned_from_are_left_out_too(workspace: Path) -> None:
    train = [f"{WORDS[label]} train {row}" for row, label in enumerate(CLASSES * 4)]
    write_split(workspace, "test", [*TEST, *CLASSES * 4], [*(f"{WORDS[label]} {label}" for label in TEST), *train])
    learned_by(put_into_service(workspace, "old"), train[:5])
    found = select(workspace)["champion"]["left_out"]
    assert found == {"rows": 12, "champion": 5, "challenger": 12}


def test_rows_that_the_start_of_the_new_model_has_learned_from_are_left_out_and_told(workspace: Path) -> None:
    texts = [f"{WORDS[label]} {label} {row}" for row, label in enumerate(TEST)]
    write_split(workspace, "test", TEST, texts)
    known = learned_rows.hashes(texts[:40])
    learned_rows.write(workspace / "models/candidates/good", known, learned_rows.EARLIER)
    report = select(workspace)
    told = "that good started from has learned from 40 of the 120 test rows"
    assert any(told in reason for reason in report["reasons"]), "without a champion too"
    page = re.sub(r"<[^>]*>", "", (workspace / "reports/report.html").read_text(encoding="utf-8"))
    assert told in " ".join(page.split())
    learned_by(put_into_service(workspace, "old"), ["something else"])
    report = select(workspace)
    assert report["champion"]["left_out"] == {"rows": 40, "champion": 0, "challenger": 40}
    assert any(told in reason for reason in report["reasons"])
    now = learned_rows.read(workspace / "models/selected")
    assert now is not None and np.isin(known, now).all(), "the next one would be asked about them too"


def test_a_start_that_does_not_tell_what_it_learned_from_is_told(workspace: Path) -> None:
    assert not any("does not tell all" in reason for reason in select(workspace)["reasons"])
    learned_rows.write_unknown(workspace / "models/candidates/good")
    told = "that good started from does not tell all that it has learned from"
    assert any(told in reason for reason in select(workspace)["reasons"])
    page = re.sub(r"<[^>]*>", "", (workspace / "reports/report.html").read_text(encoding="utf-8"))
    assert told in " ".join(page.split())
    assert learned_rows.is_earlier_unknown(workspace / "models/selected")


def test_a_champion_that_does_not_tell_what_it_learned_from_is_said_to_be_unknown(workspace: Path) -> None:
    put_into_service(workspace, "old")
    report = select(workspace)
    assert report["champion"]["left_out"] == {"rows": 0, "champion": None, "challenger": 0}
    assert any("does not tell which rows it learned from" in reason for reason in report["reasons"])


def test_a_selected_model_tells_what_it_learned_from(workspace: Path) -> None:
    select(workspace)
    found = learned_rows.read(workspace / "models/selected")
    assert found is not None
    texts = [f"{WORDS[label]} {split} {row}" for split, labels in (("train", CLASSES * 4), ("validation", ACTUAL))
             for row, label in enumerate(labels)]  # fmt: skip
    assert sorted(learned_rows.hashes(texts).tolist()) == found.tolist()
    assert (workspace / "models/selected" / learned_rows.FILE).stat().st_size == 128 + 8 * len(texts)
    assert not np.isin(learned_rows.hashes([f"{WORDS['leave']} test 1"]), found).any()


def test_the_same_model_with_other_thresholds_is_told_from_the_same_model(workspace: Path) -> None:
    select(workspace)
    folder = put_into_service(workspace, "other")
    shutil.rmtree(folder)
    shutil.copytree(workspace / "models/selected", folder)
    write_json(folder / champion.NOTE, {"version": "v1.0.0"})
    assert "nothing would change" in select(workspace)["reasons"][-1]
    thresholds.write(folder, Thresholds(0.9, 0.95, "all", dict.fromkeys(CLASSES, 0.5)))
    report = select(workspace)
    assert report["verdict"] == "HOLD"
    assert "but for the thresholds below which it abstains" in report["reasons"][-1]


@pytest.mark.parametrize("content", [b"", b"not an array", None])
def test_a_spoilt_list_of_learned_rows_is_refused(workspace: Path, content: bytes | None) -> None:
    path = put_into_service(workspace, "old") / learned_rows.FILE
    if content is None:
        np.save(path, np.zeros((2, 2)))
    else:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=r"learned_rows\.npy: expected a list of hashes that Regraft wrote"):
        select(workspace)


@pytest.mark.parametrize("spoilt", [champion.NOTE, "candidate.json"])
def test_half_a_champion_is_an_error_that_says_what_to_do(workspace: Path, spoilt: str) -> None:
    (put_into_service(workspace, "old") / spoilt).unlink()
    with pytest.raises(BadInput, match="links/champion: expected a link to the champion") as error:
        select(workspace)
    assert "regraft explain" in str(error.value)
