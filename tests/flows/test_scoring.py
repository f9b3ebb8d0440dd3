"""The flow `score` around batch scoring: which model it brings, and what fails the run."""

import json
import logging
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows import champion, promotion, scoring
from tasks import model
from tests import tiny

LOG = logging.getLogger(__name__)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with a selected model, which nothing loads, and two versions of it in the store."""
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "models/selected").mkdir(parents=True)
    (tmp_path / "models/selected" / model.CARD).write_text("{}")
    for version in ("v0.1.0", "v0.2.0"):
        champion.keep(tmp_path, version, tmp_path / "models/selected")
    return tmp_path


def appoint(root: Path, version: str) -> None:
    """Makes the registry say that this version is in service, and nothing more."""
    me = ("-c", "user.name=T", "-c", "user.email=t@example.org")
    for arguments in (
        ("init", "-q"),
        (*me, "commit", "-q", "--allow-empty", "-m", "made"),
        ("tag", f"model@{version}"),
        ("tag", "model#prod#1"),
    ):
        subprocess.run(["git", *arguments], cwd=root, check=True)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The workspaces that DVC was asked about; no file has to come from its cache."""
    asked: list[Path] = []

    @contextmanager
    def fake(root: Path) -> Iterator[Any]:
        asked.append(root)
        yield SimpleNamespace(scm=object())

    monkeypatch.setattr(promotion, "opened", fake)
    return asked


def test_a_champion_that_was_replaced_elsewhere_does_not_answer_any_more(root: Path, opened: list[Path]) -> None:
    champion.show(root, "v0.1.0")
    appoint(root, "v0.2.0")
    scoring._bring_champion(root, LOG)
    assert champion.present(root) == "v0.2.0"
    scoring._bring_champion(root, LOG)
    assert opened == [root]  # the second time there was nothing to do


def test_a_champion_that_came_without_a_repository_answers(root: Path, opened: list[Path]) -> None:
    champion.show(root, "v0.1.0")
    scoring._bring_champion(root, LOG)
    assert (champion.present(root), opened) == ("v0.1.0", [])


def test_an_input_that_fails_fails_the_run_after_the_files_were_scored(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "inbox").mkdir()
    (root / "inbox/a.csv").write_text("message\nprinter\n")
    inputs = ["nosuch://place/rows.csv", "inbox/*.csv", "later/*.csv"]
    timing = {"inputs": inputs, "output": "scored", "cron": "0 * * * *", "settle_seconds": 0.0}
    tiny.params(
        root,
        ingest={"sources": ["unused.csv"], "columns": {"text": "message", "label": "queue"}},
        schedule={"score": timing},
    )
    scored: list[str] = []

    def score_files(job: object, places: tuple[Any, ...]) -> dict[str, str]:
        scored.extend(place.name for place in places)
        return {}

    monkeypatch.chdir(root)
    monkeypatch.setattr(scoring, "_score_files", score_files)
    monkeypatch.setattr(scoring, "get_run_logger", lambda: LOG)
    monkeypatch.setattr(scoring, "create_markdown_artifact", lambda *arguments: None)
    with pytest.raises(scoring.FilesFailed, match="an address that fsspec can open") as caught:
        scoring.score.fn()
    assert (scored, list(caught.value.files)) == (["inbox/a.csv"], inputs[:1])
    assert list(json.loads((root / "scored/summary.json").read_text())["failed_files"]) == inputs[:1]
