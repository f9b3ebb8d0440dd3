"""The flow `retrain`: when it runs what, what it decides, and what a stop leaves behind."""

import errno
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo

from flows import artifacts, decision, events, remote
from flows.display import Display
from flows.retrain import RetrainFailed
from tasks.errors import BadInput, RegraftError
from tests.flows.retrain_toy import Retrain, RetrainProject, entered, without_a_server

FIVE = ["access", "hardware", "access", "hardware", "access"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RetrainProject:
    return entered(tmp_path, monkeypatch)


@pytest.fixture
def retrain(project: RetrainProject, monkeypatch: pytest.MonkeyPatch) -> Retrain:
    return without_a_server(monkeypatch)


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What watchers are told."""
    kinds: list[str] = []
    monkeypatch.setattr(events, "emit", lambda kind, root, record: kinds.append(kind))
    monkeypatch.setattr(artifacts, "publish", lambda root, record: None)
    return kinds


def test_rows_come_in_and_each_run_says_what_it_did(project: RetrainProject, retrain: Retrain, told: list[str]) -> None:
    first = retrain()
    assert (first["decision"], first["trigger"]["causes"]) == ("PROMOTE", ["first"])
    assert first["champion"] == {"before": None, "after": "v0.1.0"}
    assert first["git"] == {"commit": project.git("rev-parse", "HEAD~1").strip(), "dirty": False}
    assert project.counted() == {"ingest": 1, "train": 1, "select": 1}
    assert project.git("status", "--porcelain") == "", "the promotion has committed dvc.lock"

    assert retrain()["decision"] == "SKIP"
    assert project.decisions[-1]["reasons"] == [
        "Nothing new: all 5 rows were known to the last decision.",
        "The champion v0.1.0 is less than a day old.",
    ]
    assert project.runs() == [], "not even the selection, which is due as the champion is another one"

    project.put([*FIVE, "access", "access"])
    assert retrain()["reasons"][0] == "2 new rows, fewer than the 3 of retrain.new_rows."
    assert project.runs() == ["ingest"]
    project.say("REJECT")
    project.put([*FIVE, "access", "access", "access"])
    third = retrain()
    assert (third["decision"], third["trigger"]["causes"]) == ("REJECT", ["new_rows"])
    assert third["reasons"] == ["3 new rows, 3 or more (retrain.new_rows).", "It is said to be so."]
    assert third["champion"] == {"before": "v0.1.0", "after": "v0.1.0"}
    assert project.counted() == {"ingest": 1, "train": 1, "select": 1}

    assert retrain()["decision"] == "SKIP", "what was rejected is not tried again"
    assert project.words == ["PROMOTE", "SKIP", "SKIP", "REJECT", "SKIP"]
    assert told == ["promoted", "skipped", "skipped", "rejected", "skipped"]
    assert json.loads(project.read("reports/decision.json")) == project.decisions[-1]
    assert len(list((project.root / decision.FOLDER).glob("known-*.npy"))) == 1


def test_new_labels_and_drift_are_reasons(project: RetrainProject, retrain: Retrain) -> None:
    retrain()
    test = {"name": "labels", "p_value": 0.5, "drifted": False, "sentence": "Labels are as they were."}
    project.found(drifted=False, reasons=[], tests=[test])
    project.change("params.yaml", "drift: null", "drift: {}")
    project.commit("drift")
    project.put([*FIVE, "assistant"])
    skipped = retrain()
    assert skipped["reasons"][1:3] == [
        "The champion does not know assistant (1 new row); retrain.new_labels asks for 2.",
        "No drift is seen (the smallest corrected p-value is 0.5).",
    ]
    assert skipped["drift"] == "reports/drift.json"
    retrain()
    told = (project.folder / "drifts").read_text()
    assert told == "5 1 --champion models/champion\n", "once for the same rows: those of the champion, and the new one"

    project.found(drifted=True, reasons=[], tests=[test | {"drifted": True, "sentence": "Labels have moved."}])
    project.put([*FIVE, "assistant", "assistant"])
    found = retrain()
    assert found["trigger"]["causes"] == ["new_labels", "drift"]
    assert "Labels have moved." in found["reasons"]
    assert not list((project.root / decision.FOLDER).glob("*er.parquet")), "rows to compare are removed"


def test_a_changed_recipe_is_a_reason_whoever_has_run_it(project: RetrainProject, retrain: Retrain) -> None:
    retrain()
    project.change("params.yaml", "strength: 1", "strength: 2")
    project.commit("stronger")
    found = retrain()
    assert found["trigger"]["causes"] == ["recipe"]
    assert "strength: 1 → 2 (train)" in found["reasons"][0]
    assert found["champion"]["after"] == "v0.2.0"

    project.change("params.yaml", "strength: 2", "strength: 3")
    project.commit("stronger still")
    with Repo(str(project.root)) as repo:
        repo.reproduce()
    project.runs()
    found = retrain(policy="never")
    assert found["trigger"]["causes"] == ["recipe"]
    assert found["decision"] == "HOLD"
    assert found["reasons"][-1] == "The policy is never. `regraft promote` puts it into service."
    assert project.runs() == []
    assert retrain()["decision"] == "SKIP"
    assert retrain(force=True, reason="A try.", policy="never")["reasons"][0] == "It was asked for: A try."


def test_a_failure_leaves_the_champion_and_the_next_run_finishes(
    project: RetrainProject, retrain: Retrain, told: list[str]
) -> None:
    retrain()
    before = project.in_service
    (project.folder / "fail").touch()
    project.put([*FIVE, *FIVE])
    with pytest.raises(RegraftError, match="train"):
        retrain()
    assert project.words == ["PROMOTE", "failed"]
    last = project.decisions[-1]
    assert last["decision"] == "HOLD"
    assert last["reasons"][-1].startswith("The retrain failed: ")
    assert last["champion"] == {"before": "v0.1.0", "after": "v0.1.0"}
    assert project.in_service == before

    (project.folder / "fail").unlink()
    project.runs()
    done = retrain()
    assert done["decision"] == "PROMOTE"
    assert done["trigger"]["causes"] == ["interrupted", "new_rows"]
    assert project.runs() == ["train", "select"]
    assert told == ["promoted", "failed", "promoted"]


def test_a_clone_knows_the_rows_of_the_champion_from_the_remote(
    project: RetrainProject, retrain: Retrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    retrain()
    project.share()  # which the champion's commit knows nothing of
    project.put([*FIVE, "access"])
    retrain()
    project.commit("a row")
    push(project)
    clone(project)
    monkeypatch.chdir(project.root)
    project.runs()
    assert retrain()["reasons"][0] == "1 new row, fewer than the 3 of retrain.new_rows."
    project.put([*FIVE, "access", "access"])
    assert retrain()["reasons"][0] == "2 new rows, fewer than the 3 of retrain.new_rows."
    assert project.runs() == ["ingest"]


def push(project: RetrainProject) -> None:
    with Repo(str(project.root)) as repo:
        remote.push(project.root, repo)


def clone(project: RetrainProject) -> Path:
    """Goes on in a clone with the same source; returns where it was cloned from."""
    origin, project.root = project.root, project.folder / "clone"
    subprocess.run(["git", "clone", "-q", str(origin), str(project.root)], check=True)
    shutil.copytree(origin / "source", project.root / "source")
    return origin


def test_sources_under_dvc_add_are_brought_in_time_and_anew(
    project: RetrainProject, retrain: Retrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.share()
    project.change("params.yaml", "sources: []", "sources: ['extra/*.csv']")

    def add(text: str) -> None:
        project.write("extra/month.csv", text)
        with Repo(str(project.root)) as repo:
            repo.add([str(project.root / "extra/month.csv")])
        project.commit(text)

    add("October")
    retrain()
    push(project)
    origin = clone(project)
    monkeypatch.chdir(project.root)
    retrain()
    assert project.read("extra/month.csv") == "October"

    project.root, here = origin, project.root
    add("November")
    push(project)
    project.root = here
    project.git("pull", "-q")
    retrain()
    assert project.read("extra/month.csv") == "November"
    project.write("extra/month.csv", "my own")
    with Repo(str(project.root)) as repo:
        assert remote.pull(project.root, repo).renewed == ()
    assert project.read("extra/month.csv") == "my own"


def test_a_drift_test_that_fails_is_told_and_made_up_for(project: RetrainProject, retrain: Retrain) -> None:
    retrain()
    project.change("params.yaml", "drift: null", "drift: {}")
    project.commit("drift")
    project.put([*FIVE, "access"])
    skipped = retrain()
    assert (skipped["decision"], skipped["failed"], skipped["drift"]) == ("SKIP", False, None)
    assert "Drift could not be tested: drift failed with exit code 1: FileNotFoundError" in skipped["reasons"][-1]
    test = {"name": "labels", "p_value": 0.001, "drifted": True, "sentence": "Labels have moved."}
    project.found(drifted=True, reasons=[], tests=[test])
    assert retrain(policy="never")["trigger"]["causes"] == ["drift"]


def test_secrets_get_into_no_file_log_or_tag(
    project: RetrainProject, retrain: Retrain, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    monkeypatch.setattr(Display, "note", lambda self, text: notes.append(text))
    with Repo(str(project.root)) as repo, repo.config.edit("local") as config:
        config["remote"] = {"vault": {"url": "ssh://host/store", "password": "dR7kQ2mmVxW9"}}
    caplog.set_level("INFO")
    retrain(force=True, reason="As dR7kQ2mmVxW9 and https://host/x?token=dR7 show.")
    tags = project.git("for-each-ref", "--format=%(contents)", "refs/tags")
    assert "It was asked for: As *** and https://host/x?token=*** show." in tags
    assert any(note.startswith("Retrains: It was asked for: As ***") for note in notes)
    for text in (tags, project.read("reports/decisions.jsonl"), caplog.text, *notes):
        assert "dR7" not in text


@pytest.mark.parametrize("kind", [BadInput, ValueError, OSError, RegraftError])
def test_an_error_that_shows_a_secret_is_raised_without_it(
    kind: type[Exception], project: RetrainProject, retrain: Retrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORE_TOKEN", "dR7kQ2mmVxW9")

    def refused(*_: Any) -> None:
        said = "https://store/x?token=dR7kQ2mmVxW9"
        if kind is RegraftError:
            raise RegraftError("It failed.") from ValueError(said)
        raise BadInput(said, "an answer", "none", "Try again.") if kind is BadInput else kind(said)

    monkeypatch.setattr("flows.grounds.gather", refused)
    with pytest.raises(RetrainFailed) as raised:
        retrain()
    assert ("***" in str(raised.value)) == (kind is not RegraftError)
    assert raised.value.__suppress_context__
    for text in (str(raised.value), project.read("reports/decisions.jsonl")):
        assert "dR7" not in text


def test_a_full_disk_is_a_failed_retrain(
    project: RetrainProject, retrain: Retrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(root: Path, record: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "reports/decision.json")

    monkeypatch.setattr(decision, "write", full)
    with pytest.raises(RetrainFailed, match=r"^reports/decision\.json: No space left on device\.$"):
        retrain()


def test_what_cannot_be_pushed_is_told_and_pushed_by_the_next_run(
    project: RetrainProject, retrain: Retrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.change("params.yaml", "{policy: auto,", "{policy: auto, push: true, commit: true,")
    project.commit("push")

    def refused(root: Path, repo: Any) -> None:
        raise BadInput("the remote", "an answer", "none", "Try again later.")

    with monkeypatch.context() as patch, pytest.raises(RegraftError, match="was not pushed: the remote: expected"):
        patch.setattr(remote, "push", refused)
        retrain()
    assert (project.words, project.decisions[0]["pushed"]) == (["PROMOTE"], False)
    assert project.in_service is not None
    pushed: list[Path] = []
    monkeypatch.setattr(remote, "push", lambda root, repo: pushed.append(root))
    assert retrain()["decision"] == "SKIP"
    retrain()
    assert pushed == [project.root], "once"
    project.put([*FIVE, "access"])
    retrain()
    assert project.git("log", "-1", "--format=%s").strip() == "Retrain: SKIP", "as ingest has changed dvc.lock"


def test_a_dirty_tree_stops_a_promotion_until_it_is_committed(project: RetrainProject, retrain: Retrain) -> None:
    project.write("select.sh", project.read("select.sh") + "# a remark\n")
    with pytest.raises(RegraftError, match=r"changes in .*select\.sh"):
        retrain()
    assert (project.words, project.appointed) == (["failed"], [])
    project.commit("a remark")
    project.runs()
    assert retrain()["decision"] == "PROMOTE"
    assert project.runs() == []
