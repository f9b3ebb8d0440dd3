"""Putting models into service and taking them back, in a repository with one small stage."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from rich.console import Console

import flows
from flows import champion, history, links, promotion, summary
from flows.promotion import NotPromoted, promote, rollback
from flows.registry import Registry
from tasks.errors import BadInput

DVC_YAML = """
stages:
  select:
    cmd:
      - echo select >> ../runs
      - mkdir -p models/selected reports
      - cp source/model.txt models/selected/
      - cp source/selection.json reports/
    deps: [source]
    outs: [models/selected, reports/selection.json]
artifacts:
  model: {path: models/selected, type: model}
"""
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in {"NAME": "Ada", "EMAIL": "a@b.c"}.items()
}


class Project:
    """A repository whose stage hands out a text file as the selected model."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.git("init", "-q")
        self.repo = Repo.init(str(root))
        (root / "dvc.yaml").write_text(DVC_YAML)
        (root / "params.yaml").write_text("{}\n")
        (root / ".gitignore").write_text("/links/\n/.regraft/\n/models/\n/reports/\n/source/\n")
        self.git("add", ".")
        self.git("commit", "-qm", "begin")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout

    def select(self, model: str, verdict: str = "PROMOTE", against: str | None = None, commit: bool = True) -> None:
        """Makes this the selected model."""
        source = self.root / "source"
        source.mkdir(exist_ok=True)
        (source / "model.txt").write_text(model)
        selection = {
            "winner": model, "verdict": verdict, "reasons": [f"Because of {model}."], "metric": "macro_f1",
            "test": {"rows": 120, "macro_f1": 0.75}, "champion": {"version": against} if against else None,
        }  # fmt: skip
        (source / "selection.json").write_text(json.dumps(selection))
        self.repo._reset()
        self.repo.reproduce()
        if commit:
            self.git("add", "dvc.lock")
            self.git("commit", "-qm", model, "--allow-empty")

    def promote(self, **options: Any) -> promotion.Promotion:
        self.repo._reset()
        return promote(self.root, self.repo, **options)

    def rollback(self, *arguments: Any) -> promotion.Promotion:
        self.repo._reset()
        return rollback(self.root, self.repo, *arguments)

    def sync(self) -> None:
        self.repo._reset()
        champion.sync(self.root, self.repo)

    @property
    def in_service(self) -> str | None:
        file = self.root / "models/champion/model.txt"
        return file.read_text() if file.exists() else None

    @property
    def appointed(self) -> list[tuple[int, str]]:
        return [(one.number, one.version) for one in Registry(self.root).appointments()]

    @property
    def tags(self) -> set[str]:
        return set(self.git("tag").split())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    made = Project(tmp_path / "project")
    monkeypatch.chdir(made.root)
    yield made
    made.repo.close()


@pytest.fixture
def two(project: Project) -> Project:
    """First `one`, then `two` went into service."""
    project.select("one")
    project.promote()
    project.select("two", against="v0.1.0")
    project.promote()
    return project


def test_a_promoted_model_is_a_version_and_the_champion(project: Project) -> None:
    project.select("one")
    assert project.promote() == promotion.Promotion("v0.1.0", None, changed=True)
    assert project.tags == {"model@v0.1.0", "model#prod#1"}
    assert project.in_service == "one"
    assert json.loads((project.root / "models/champion/champion.json").read_text()) == {"version": "v0.1.0"}
    assert (project.root / "links/champion/model.txt").read_text() == "one"
    (only,) = Registry(project.root).appointments()
    assert (only.version, only.by, only.commit) == ("v0.1.0", "Ada", project.git("rev-parse", "HEAD").strip())
    assert only.record["value"] == 0.75
    assert only.record["reasons"] == ["Because of one."]


def test_the_next_one_takes_its_place_and_dvc_can_still_get_both(two: Project, tmp_path: Path) -> None:
    assert two.in_service == "two"
    assert two.appointed == [(1, "v0.1.0"), (2, "v0.2.0")]
    for version, text in {"v0.1.0": "one", "v0.2.0": "two"}.items():
        two.repo._reset()
        two.repo.artifacts.download("model", version=version, out=str(tmp_path / version))
        assert (tmp_path / version / "model.txt").read_text() == text


def test_the_champion_is_not_promoted_once_more(two: Project) -> None:
    assert two.promote() == promotion.Promotion("v0.2.0", "v0.2.0", changed=False)
    two.select("two", "HOLD", against="v0.2.0")  # as the next run says of it
    assert two.promote(force=True, reason="?") == promotion.Promotion("v0.2.0", "v0.2.0", changed=False)
    assert two.appointed == [(1, "v0.1.0"), (2, "v0.2.0")]


@pytest.mark.parametrize("verdict", ["HOLD", "REJECT"])
def test_a_verdict_against_it_is_obeyed_unless_it_is_forced_with_a_reason(project: Project, verdict: str) -> None:
    project.select("one", verdict)
    with pytest.raises(NotPromoted, match=rf"The verdict is {verdict}:\n  Because of one\."):
        project.promote()
    for reason in (None, "  "):
        with pytest.raises(BadInput, match="--force: expected a reason"):
            project.promote(force=True, reason=reason)
    assert project.tags == set()
    project.promote(force=True, reason="The old one has no licence.")
    (only,) = Registry(project.root).appointments()
    assert (only.record["event"], only.record["reason"]) == ("forced", "The old one has no licence.")


def test_a_verdict_against_another_champion_counts_for_nothing(two: Project) -> None:
    two.select("three", against="v0.1.0")
    with pytest.raises(BadInput, match=r"found one against v0\.1\.0, while v0\.2\.0 is in service"):
        two.promote()
    assert two.in_service == "two"


def test_a_selection_of_other_files_is_refused(project: Project) -> None:
    project.select("one")
    (project.root / "source/model.txt").write_text("edited")
    with pytest.raises(BadInput, match=r"other files than dvc\.lock says: source"):
        project.promote()
    project.select("one")
    shutil.rmtree(project.root / "models/selected")
    with pytest.raises(BadInput, match="models/selected"):
        project.promote()
    (project.root / "reports/selection.json").unlink()
    with pytest.raises(BadInput, match="expected a selection, found none"):
        project.promote()


def test_what_the_model_was_made_of_must_be_committed(project: Project) -> None:
    project.select("one", commit=False)
    with pytest.raises(BadInput, match=r"changes in dvc\.lock\. Commit first.*--commit"):
        project.promote()
    project.promote(commit=True)
    assert "dvc.lock" in project.git("show", "--stat", "HEAD")
    assert project.git("status", "--porcelain") == ""
    (project.root / ".gitignore").write_text(f"{(project.root / '.gitignore').read_text()}/more/\n")
    project.select("two", against="v0.1.0", commit=False)
    with pytest.raises(BadInput, match=r"changes in dvc\.lock, \.gitignore"):
        project.promote(commit=True)


def test_files_that_params_name_must_be_committed_too(project: Project) -> None:
    declared = {
        "clean": {"corrections": ["data/corrections/*.csv", str(project.root.parent / "outside.csv")]},
        "evaluate": {"checks": ["data/checks.csv"]},
    }
    for name in ("data/corrections/one.csv", "data/corrections/[two].csv", "data/checks.csv", "../outside.csv"):
        (project.root / name).parent.mkdir(parents=True, exist_ok=True)
        (project.root / name).write_text("id,correction\n")
    (project.root / "params.yaml").write_text(json.dumps(declared))
    project.git("add", "params.yaml", "data/corrections/one.csv")
    project.git("commit", "-qm", "corrections")
    project.select("one")
    expected = r"changes in data/corrections/\[two\]\.csv, data/checks\.csv\. Commit first"
    for commit in (False, True):
        with pytest.raises(BadInput, match=expected):
            project.promote(commit=commit)
    project.git("add", "data/corrections")
    project.git("commit", "-qm", "more corrections")
    project.repo.add(str(project.root / "data/checks.csv"))
    with pytest.raises(BadInput, match=r"changes in data/checks\.csv\.dvc\. Commit first"):
        project.promote()
    project.git("add", "data/.gitignore", "data/checks.csv.dvc")
    project.git("commit", "-qm", "checks, whose content DVC keeps")
    assert project.promote().version == "v0.1.0"


def test_a_rollback_needs_no_training_and_takes_the_files_from_the_cache(two: Project) -> None:
    ran = (two.root.parent / "runs").read_text()
    shutil.rmtree(two.root / ".regraft")
    assert two.rollback(None, "It answers too slowly.") == promotion.Promotion("v0.1.0", "v0.2.0", changed=True)
    assert two.in_service == "one"
    assert two.appointed == [(1, "v0.1.0"), (2, "v0.2.0"), (3, "v0.1.0")]
    last = Registry(two.root).appointments()[-1]
    assert (last.record["event"], last.record["reason"], last.record["before"]) == (
        "rolled back", "It answers too slowly.", "v0.2.0",
    )  # fmt: skip
    assert two.rollback() == promotion.Promotion("v0.2.0", "v0.1.0", changed=True), "and forth again"
    assert two.rollback("v0.2.0").changed is False
    assert (two.root.parent / "runs").read_text() == ran


def test_a_rollback_to_nowhere_is_told(project: Project) -> None:
    with pytest.raises(BadInput, match="expected a model in service, found none"):
        project.rollback()
    project.select("one")
    project.promote()
    with pytest.raises(BadInput, match="expected a model that was in service before, found none"):
        project.rollback()
    with pytest.raises(BadInput, match=r"expected one of v0\.1\.0, found v9\.0\.0"):
        project.rollback("v9.0.0")


def test_a_model_whose_files_are_gone_leaves_the_champion_in_service(two: Project) -> None:
    shutil.rmtree(two.root / ".regraft")
    shutil.rmtree(two.root / ".dvc/cache")
    with pytest.raises(BadInput, match=r"model v0\.1\.0: expected its files in DVC's cache or remote"):
        two.rollback()
    assert two.appointed == [(1, "v0.1.0"), (2, "v0.2.0")]


STEPS: list[tuple[Any, str]] = [
    (Registry, "register"),
    (champion, "keep"),
    (Registry, "appoint"),
    (champion, "show"),
    (links, "refresh_champion"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("where", "step"), STEPS, ids=[step for _, step in STEPS])
def test_a_stop_between_any_two_steps_leaves_one_whole_champion(
    project: Project, monkeypatch: pytest.MonkeyPatch, where: Any, step: str, after: bool
) -> None:
    project.select("one")
    project.promote()
    project.select("two", against="v0.1.0")
    do: Callable[..., Any] = getattr(where, step)

    def stopped(*arguments: Any) -> Any:
        if after:
            do(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(where, step, stopped)
        project.promote()
    assert project.in_service in ("one", "two")
    project.sync()
    appointed = project.appointed[-1][1]
    assert project.in_service == {"v0.1.0": "one", "v0.2.0": "two"}[appointed]
    project.promote()
    assert (project.in_service, project.appointed) == ("two", [(1, "v0.1.0"), (2, "v0.2.0")])


def test_a_champion_that_was_damaged_or_is_of_a_clone_is_put_back(two: Project, tmp_path: Path) -> None:
    (two.root / "models/champion").unlink()
    shutil.rmtree(two.root / ".regraft")
    two.sync()
    assert two.in_service == "two"
    two.git("tag", "--delete", "model#prod#1", "model#prod#2")
    two.sync()
    assert two.in_service is None


def test_a_folder_of_the_users_is_not_replaced(project: Project) -> None:
    project.select("one")
    (project.root / "models/champion").mkdir()
    (project.root / "models/champion/mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="expected a link that regraft keeps"):
        project.promote()
    assert (project.root / "models/champion/mine.txt").read_text() == "mine"


def test_two_that_start_at_once_leave_one_champion_and_both_on_record(two: Project) -> None:
    two.select("three", against="v0.2.0")
    path = os.pathsep.join([str(Path(flows.__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
    commands = [["promote"], ["rollback", "v0.1.0"]]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "flows", *command],
            cwd=two.root,
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command in commands
    ]
    said = [process.communicate(timeout=300)[0] for process in running]
    promoted, rolled_back = (process.returncode for process in running)
    assert rolled_back == 0, said
    # Whichever came first: after a rollback the verdict is about a champion that is gone.
    assert promoted == 0 or "while v0.1.0 is in service" in " ".join(said[0].split()), said
    numbers = [number for number, _ in two.appointed]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) == (4 if promoted == 0 else 3)
    assert two.appointed[-1][1] == "v0.1.0"
    assert two.in_service == "one"


def test_the_history_tells_what_was_in_service_and_why(two: Project) -> None:
    two.rollback(None, "Too slow.")
    table = history.table(two.root)
    assert table is not None
    cells = [list(column.cells) for column in table.columns]
    assert cells[0] == ["", "", "now"]
    assert cells[1] == ["v0.1.0", "v0.2.0", "v0.1.0"]
    assert cells[4][0] == "macro_f1\n0.7500 on\n120 rows"
    assert cells[5] == [
        "promoted, by Ada",
        "promoted in place of v0.1.0, by Ada",
        "rolled back in place of v0.2.0, by Ada\nToo slow.",
    ]
    console = Console(file=io.StringIO(), width=80)
    console.print(table)
    assert "promoted in place of v0.1.0" in console.file.getvalue(), "it is not cut into pieces"  # type: ignore[attr-defined]


def test_what_is_said_of_a_promotion_offers_no_way_back_that_is_not_there() -> None:
    first, next_one = promotion.Promotion("v0.1.0", None, True), promotion.Promotion("v0.2.0", "v0.1.0", True)
    assert "rollback" not in summary.promoted(first)
    assert "takes the place of v0.1.0; `regraft rollback` undoes it" in summary.promoted(next_one)
    assert "nothing was changed" in summary.promoted(promotion.Promotion("v0.2.0", "v0.2.0", False))


def test_a_workspace_without_git_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected a git repository, found none"):
        Registry(tmp_path)


def test_a_workspace_below_the_repository_has_tags_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "team").mkdir()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    registry = Registry(tmp_path / "team")
    assert (registry.name, registry.tag) == ("team:model", "team=model")
    assert registry.appointments() == []


def test_what_tells_of_the_last_selection_alone_makes_no_other_model(tmp_path: Path) -> None:
    for place in (promotion.SELECTED, champion.FOLDER):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "model.txt").write_text("one")
        for name in ("README.md", "learned_rows.npy"):
            (tmp_path / place / name).write_text(str(place))
    assert promotion._is_champion(tmp_path)
    (tmp_path / promotion.SELECTED / "thresholds.json").write_text("{}")
    assert not promotion._is_champion(tmp_path), "it abstains otherwise"
    (tmp_path / promotion.SELECTED / "thresholds.json").rename(tmp_path / champion.FOLDER / "thresholds.json")
    assert not promotion._is_champion(tmp_path), "it would abstain no more"
    (tmp_path / champion.FOLDER / "thresholds.json").unlink()
    (tmp_path / champion.FOLDER / champion.NOTE).write_text("{}")
    assert promotion._is_champion(tmp_path), "what is noted of its service is none of it"
