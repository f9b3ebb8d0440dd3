"""Freeing space: what is needed stays, by whatever it is needed; the rest goes; a stop does no harm."""

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

import flows
from flows import gc, hashes, promotion, remote, retention, runs, workspace
from flows.explain import survey
from flows.graph import Graph
from flows.retention import InUse
from flows.store import Store
from tasks.errors import BadInput, ParamsError
from tasks.retraining.retention_params import RetentionParams

DVC_YAML = """
stages:
  finetune:
    foreach: ${candidates}
    do:
      cmd:
        - echo ${key} >> ../runs
        - mkdir -p models/candidates/${key}
        - cat source/rows.txt > models/candidates/${key}/model.txt
        - echo ${item} >> models/candidates/${key}/model.txt
      deps: [source/rows.txt]
      params: ["candidates.${key}"]
      outs: ["models/candidates/${key}"]
  select:
    cmd:
      - echo select >> ../runs
      - mkdir -p models/selected reports
      - cat models/candidates/*/model.txt > models/selected/model.txt
      - cp source/selection.json reports/
    deps: [models/candidates, source/selection.json]
    outs: [models/selected, reports/selection.json]
artifacts:
  model: {path: models/selected, type: model}
"""
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in {"NAME": "Ada", "EMAIL": "a@b.c"}.items()
}
ONE = RetentionParams(runs=1, best=0)
IGNORED = ("links", ".regraft", "models", "reports", "source", "scratch")


class Project:
    """A repository with two candidates and a selection, which learn a text."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "-q", "-b", "main")
        Repo.init(str(root)).close()
        config = (root / ".dvc/config").read_text()
        (root / ".dvc/config").write_text(f"{config}[core]\n    analytics = false\n    site_cache_dir = {root}-site\n")
        (root / "dvc.yaml").write_text(DVC_YAML)
        (root / "params.yaml").write_text("candidates: {first: 1, second: 2}\nretention: {runs: 2, best: 0}\n")
        (root / ".gitignore").write_text("".join(f"/{name}/\n" for name in IGNORED))
        self.git("add", ".")
        self.git("commit", "-qm", "begin")
        self.graph = Graph(root, lambda _: None)

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout

    def run(self, text: str, first: float = 0.5, second: float = 0.6, *, commit: bool = False) -> str:
        """A run on other rows, with these values of its candidates; returns the hash of the selected model."""
        (self.root / "source").mkdir(exist_ok=True)
        (self.root / "source/rows.txt").write_text(f"{text}\n")
        scores = {"first": first, "second": second}
        selection = {
            "winner": "second", "verdict": "PROMOTE", "reasons": [], "metric": "macro_f1", "champion": None,
            "test": {"rows": 9, "macro_f1": 0.5}, "text": text,
            "candidates": [{"name": name, "validation": {"macro_f1": value}} for name, value in scores.items()],
        }  # fmt: skip
        (self.root / "source/selection.json").write_text(json.dumps(selection))
        with self.graph.locked() as repo:
            pass
        repo.reproduce()
        runs.record(self.root)
        if commit:
            self.git("add", "dvc.lock")
            self.git("commit", "-qm", text)
        return self.md5("models/selected/model.txt")

    def promote(self) -> None:
        self.graph.repo._reset()
        promotion.promote(self.root, self.graph.repo, force=True, reason="a test")

    def md5(self, name: str) -> str:
        import hashlib

        return hashlib.md5((self.root / name).read_bytes()).hexdigest()

    def has(self, name: str) -> bool:
        return hashes.Cache(Path(self.graph.repo.cache.local.path)).path(name).exists()

    def plan(self, keep: RetentionParams = ONE, **options: Any) -> gc.Plan:
        return gc.plan(self.graph, keep, **options)

    def gc(self, keep: RetentionParams = ONE, **options: Any) -> int:
        freed = gc.free(self.graph, self.plan(keep, **options), keep, **options)
        assert not self.plan(keep, **options).parts, "a second one finds nothing"
        return freed

    def executed(self) -> list[str]:
        """The stages that were run since the last call."""
        file = self.root.parent / "runs"
        names = file.read_text().split() if file.exists() else []
        file.unlink(missing_ok=True)
        return sorted(names)

    def is_up_to_date(self) -> bool:
        return not any(finding.due for finding in survey(self.graph, self.graph.items()).values())

    def regraft(self, *arguments: str, code: int = 0, answer: str = "") -> str:
        environment = {**os.environ, "PYTHONPATH": str(Path(flows.__file__).parents[1]), "COLUMNS": "200"}
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "flows", *arguments],
            cwd=self.root, env=environment, input=answer, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    made = Project(tmp_path / "project")
    yield made
    made.graph.close()


def test_models_that_were_in_service_stay_for_ever_and_what_nothing_needs_goes(project: Project) -> None:
    served = []
    for text in ("one", "two"):
        served.append(project.run(text, commit=True))
        project.promote()
    dropped = [project.run(text) for text in ("three", "four")]
    project.git("checkout", "-q", "dvc.lock")
    project.run("five", commit=True)
    project.executed()

    assert project.gc() > 0
    assert all(project.has(name) for name in served)
    assert not any(project.has(name) for name in dropped)
    assert project.is_up_to_date()
    assert project.graph.repo.status() == {}
    for version, text in {"v0.1.0": "one", "v0.2.0": "two"}.items():
        project.graph.repo._reset()
        promotion.rollback(project.root, project.graph.repo, version)
        assert text in (project.root / "models/champion/model.txt").read_text()
    assert project.executed() == []

    project.run("two")  # its files are there, and so is what the run cache knows of them
    assert project.executed() == []
    project.run("three")
    assert project.executed() == ["first", "second", "select"]


def test_what_a_branch_a_tag_or_an_experiment_names_stays(project: Project) -> None:
    main = project.run("main", commit=True)
    project.git("checkout", "-qb", "other")
    branch = project.run("branch", commit=True)
    tag = project.run("tag", commit=True)
    project.git("tag", "-a", "release", "-m", "an annotated one")
    project.git("reset", "-q", "--hard", "HEAD~1")
    lost = project.run("lost", commit=True)
    experiment = project.run("experiment", commit=True)
    project.git("update-ref", "refs/exps/ab/cd/mine", "HEAD")
    project.git("reset", "-q", "--hard", "HEAD~2")
    project.git("checkout", "-q", "main")
    project.run("now")
    assert project.gc() > 0
    assert [project.has(name) for name in (main, branch, tag, experiment)] == [True] * 4
    assert not project.has(lost)


def test_the_last_runs_stay_each_counted_once(project: Project) -> None:
    first, second = project.run("one"), project.run("two")
    project.run("three")
    project.run("two")  # so that it is the last but one
    project.run("four")
    project.gc(RetentionParams(runs=2, best=0))
    assert not project.has(first)
    assert project.has(second)
    assert project.has(project.md5("models/selected/model.txt"))
    assert len(list((project.root / runs.FOLDER).glob("*.json"))) == 2


def test_runs_that_were_only_committed_count_too(project: Project) -> None:
    first = project.run("one", commit=True)
    second = project.run("two", commit=True)
    shutil.rmtree(project.root / runs.FOLDER)
    head = project.git("rev-parse", "HEAD").strip()
    project.git("reset", "-q", "--hard", "HEAD~2")
    project.git("tag", "kept", head)  # or git's history would not reach it
    found = runs.committed(retention._registry(project.root, project.graph.repo), 5)  # type: ignore[arg-type]
    assert [[name in run.names for name in _lists(project, first, second)] for run in found] == [
        [False, True],
        [True, False],
    ]


def _lists(project: Project, *names: str) -> list[str]:
    """The hashes of the lists of folders that hold a file of these."""
    cache = hashes.Cache(Path(project.graph.repo.cache.local.path))
    lists = [path.parent.name + path.name for path in cache.folder.glob("*/*.dir")]
    return [next(one for one in lists if name in cache.inside(one)) for name in names]


def test_the_best_candidates_of_earlier_runs_stay(project: Project) -> None:
    project.run("good", first=0.9, second=0.1)
    good = [project.md5(f"models/candidates/{name}/model.txt") for name in ("first", "second")]
    project.run("bad", first=0.2, second=0.3)
    bad = [project.md5(f"models/candidates/{name}/model.txt") for name in ("first", "second")]
    project.run("now")
    project.executed()
    project.gc(RetentionParams(runs=1, best=1))
    assert [project.has(name) for name in (*good, *bad)] == [True, False, False, False]
    project.run("good", first=0.9, second=0.1)
    assert project.executed() == ["second", "select"]  # the best one is taken from the run cache


def test_a_selection_that_dvc_lock_does_not_name_tells_nothing_of_its_candidates(project: Project) -> None:
    project.run("one")
    (project.root / "reports/selection.json").write_text("{}")
    run = runs.present(project.root)
    assert run is not None and run.candidates == ()


def test_the_ladder_s_files_stay(project: Project) -> None:
    ladder = project.run("ladder")
    folder = project.root / ".regraft/ladder"
    folder.mkdir(parents=True)
    shutil.copy(project.root / "dvc.lock", folder)
    project.run("now")
    project.gc()
    assert project.has(ladder)


def test_files_added_by_hand_stay(project: Project) -> None:
    (project.root / "texts.txt").write_text("mine\n")
    project.graph.repo.add(str(project.root / "texts.txt"))
    project.run("one")
    project.gc()
    assert project.has(project.md5("texts.txt"))


def test_a_stop_in_the_middle_does_no_harm(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.run("one")
    project.run("two")

    def killed(name: str) -> Any:
        whole = getattr(Store, name)

        def half(self: Store, entries: Any) -> None:
            whole(self, list(entries)[:1])
            raise KeyboardInterrupt

        return half

    for name in ("remove_runs", "remove_runs", "remove", "remove"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Store, name, killed(name))
            project.gc()
        assert project.is_up_to_date()
    project.executed()
    project.run("one")  # what is half gone is not taken for whole
    project.run("two")
    assert (project.root / "models/candidates/first/model.txt").read_text() == "two\n1\n"
    project.gc()
    assert project.is_up_to_date()


def test_nothing_is_freed_that_came_to_be_needed_while_a_person_was_asked(project: Project) -> None:
    one = project.run("one", commit=True)
    project.git("reset", "-q", "--hard", "HEAD~1")
    project.run("two")
    plan = project.plan()
    project.git("branch", "back", "HEAD@{1}")
    gc.free(project.graph, plan, ONE)
    assert project.has(one)


def test_dvc_at_work_stops_it(project: Project) -> None:
    project.run("one")
    project.run("two")
    entry = {"pid": os.getpid(), "cmd": "dvc repro"}
    others = [project.root / ".dvc/tmp/exps" / name for name in ("some", "standalone/tmp1")]
    for folder in others:
        (folder / ".dvc/tmp").mkdir(parents=True)
    for table in (folder / ".dvc/tmp/rwlock" for folder in (project.root, *others)):
        table.write_text(json.dumps({"write": {"/some/file": entry}}))
        os.utime(table, (2**31, 2**31))  # later than this process began, as it would be
        with pytest.raises(InUse, match=r"a command of DVC is at work here\. Nothing was freed"):
            project.plan()
        table.unlink()
    assert project.plan().parts


def test_a_cache_that_others_may_use_is_left_alone(project: Project, tmp_path: Path) -> None:
    project.graph.close()
    with project.graph.repo.config.edit("repo") as config:
        config["cache"]["dir"] = str(tmp_path / "elsewhere")
    project.graph = Graph(project.root, lambda _: None)
    project.run("one")
    project.run("two")
    with pytest.raises(BadInput, match=r"found .*elsewhere.*which others may use\. .*--own-cache"):
        project.plan()
    assert project.gc(own_cache=True) > 0
    assert project.is_up_to_date()


def test_checkpoints_go_when_what_they_are_of_is_done(project: Project) -> None:
    project.run("one")
    for name in ("first", "second", "gone"):
        folder = project.root / "scratch/finetune" / name / "key"
        folder.mkdir(parents=True)
        (folder / "weights").write_text("x" * 100)
    (project.root / "scratch/ingest").mkdir()
    shutil.rmtree(project.root / "models/candidates/second")  # so that a run would make it again
    assert project.gc() >= 200
    left = sorted(path.name for path in (project.root / "scratch").glob("*/*"))
    assert left == ["second"]
    assert (project.root / "scratch/ingest").is_dir()


def test_a_copy_of_a_model_goes_only_if_the_cache_has_its_files(project: Project) -> None:
    selected = []
    for text in ("one", "two", "three"):
        selected.append(project.run(text, commit=True))
        project.promote()
    hashes.Cache(Path(project.graph.repo.cache.local.path)).path(selected[1]).unlink()
    project.gc()
    copies = sorted(path.name for path in (project.root / ".regraft/champions").iterdir())
    assert copies == ["v0.2.0", "v0.3.0"]  # of which the first cannot be had otherwise, and the other is in service


def test_what_killed_commands_left_goes(project: Project) -> None:
    project.run("one")
    partial = project.root / ".regraft/champions/.v0.1.0.partial"
    partial.mkdir(parents=True)
    half = Path(project.graph.repo.cache.local.path) / "ab" / ".xyz.tmp"
    half.parent.mkdir(exist_ok=True)
    half.write_text("half")
    assert project.gc() == 4
    assert not partial.exists() and not half.exists()


def test_the_remote_is_freed_only_when_asked_and_keeps_what_a_clone_needs(project: Project, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    project.graph.close()
    with project.graph.repo.config.edit("local") as config:
        config["remote"]["shared"] = {"url": str(store)}
        config["core"]["remote"] = "shared"
    project.graph = Graph(project.root, lambda _: None)
    served = project.run("one", commit=True)
    project.promote()
    dropped = project.run("two")
    remote.push(project.root, project.graph.repo)
    project.run("three", commit=True)
    remote.push(project.root, project.graph.repo)
    there = {name: store / "files/md5" / name[:2] / name[2:] for name in (served, dropped)}

    project.gc()
    assert not project.has(dropped) and there[dropped].exists()
    # The remote alone may know what is in a folder: then all that is in it stays.
    cache = Path(project.graph.repo.cache.local.path)
    for path in cache.glob("*/*.dir"):
        path.unlink()
    assert gc.free(project.graph, project.plan(with_remote=True), ONE, with_remote=True) > 0
    assert there[served].exists() and not there[dropped].exists()

    project.graph.close()
    shutil.rmtree(project.root / ".dvc/cache")
    shutil.rmtree(project.root / "models/selected")
    project.graph = Graph(project.root, lambda _: None)
    assert remote.pull(project.root, project.graph.repo).missing == ()
    assert project.is_up_to_date()


def test_without_a_remote_none_can_be_freed(project: Project) -> None:
    project.run("one")
    with pytest.raises(BadInput, match=r"--remote: expected a remote, found none"):
        project.plan(with_remote=True)


def test_the_command_says_what_it_would_free_and_asks_first(project: Project) -> None:
    names = [project.run(text) for text in ("one", "two", "three")]
    said = project.regraft("gc", "--keep-runs", "1", "--dry-run")
    assert "files of the cache" in said and "the last 1 runs" in said
    assert "Free" in project.regraft("gc", "--keep-runs", "1", answer="n\n")
    project.regraft("gc", "--keep-runs", "1", code=1)  # nobody there to answer
    assert all(project.has(name) for name in names)

    with workspace.held(project.root):
        assert "another regraft command is at work here" in project.regraft("gc", "--yes", code=2)
    assert all(project.has(name) for name in names)

    assert "freed." in project.regraft("gc", "--yes")  # by params.yaml: the last two
    assert [project.has(name) for name in names] == [False, True, True]
    assert "There is nothing to free." in project.regraft("gc", "--yes")


POLICIES: list[tuple[str, dict[str, Any], Callable[[RetentionParams], bool]]] = [
    ("{}", {}, lambda found: (found.runs, found.best) == (10, 5)),
    ("retention: {runs: 3}", {}, lambda found: (found.runs, found.best) == (3, 5)),
    ("retention: {runs: 3, best: 2}", {"last_runs": 7, "best": 0}, lambda found: (found.runs, found.best) == (7, 0)),
]


@pytest.mark.parametrize(("text", "own", "holds"), POLICIES)
def test_the_command_line_goes_before_the_parameters(
    tmp_path: Path, text: str, own: dict[str, int], holds: Callable[[RetentionParams], bool]
) -> None:
    (tmp_path / "params.yaml").write_text(text)
    assert holds(retention.policy(tmp_path, **own))


def test_a_wrong_policy_is_told(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("retention: {runs: 0, days: 3}")
    with pytest.raises(ParamsError, match=r"retention\.runs.*\n.*retention\.days: expected no such key"):
        retention.policy(tmp_path)
