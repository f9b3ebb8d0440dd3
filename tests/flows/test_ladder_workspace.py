"""The ladder's own workspace: what it shares with the project, what it does not, and that nothing leads back."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.ladder_workspace import FOLDER, prepare
from tasks.errors import BadInput
from tests.imports import ROOT

PARAMS: dict[str, Any] = {"seed": 1, "ingest": {"sources": ["data/source/*.csv"]}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with code, data, the user's own files, and everything that a run leaves."""
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    (root / ".dvc" / "config").write_text("[core]\n    analytics = false\n    no_scm = true\n")
    (root / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    (root / ".dvcignore").write_text("*.pyc\n")
    for name in (
        "params.yaml", "dvc.lock", "tasks/__init__.py", "data/source/rows.csv", "data/extra/more.csv",
        "models/encoders/none/README.md", "mine/vectors.txt",
        "data/raw/rows.parquet", "data/clean/train.parquet", "data/features/tfidf/x", "models/encoders/bert/x",
        "models/candidates/svm/x", "metrics/svm.json", "predictions/svm.parquet", "costs/records/clean.json",
        "reports/report.html", "links/sources/index.json", "scratch/x", ".venv/bin/python",
    ):  # fmt: skip
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a: 1\n")
    return root


def test_what_is_read_is_there_and_what_is_made_is_not(root: Path) -> None:
    folder = prepare(root, PARAMS)
    assert folder == root / FOLDER
    links = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink()}
    assert links == {"tasks", "data/source", "data/extra", "models/encoders/none", "mine"}
    for name in links:
        assert (folder / name).samefile(root / name)
    assert json.loads((folder / "params.yaml").read_text()) == PARAMS
    assert not (folder / "dvc.lock").exists()
    assert not (folder / "reports").exists()


def test_nothing_that_the_graph_makes_can_be_written_through_a_link(root: Path) -> None:
    folder = prepare(root, PARAMS)
    for name in ("data/clean", "data/features", "models/candidates", "models/encoders", "metrics", "costs/records"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "new").write_text("x")
        assert not (root / name / "new").exists()


def test_dvc_shares_the_cache_and_does_not_walk_through_what_no_stage_reads(root: Path) -> None:
    from dvc.repo import Repo

    folder = prepare(root, PARAMS)
    with Repo(str(root)) as project, Repo(str(folder)) as own:
        assert own.stage_cache.cache_dir == project.stage_cache.cache_dir
        assert own.cache.local.path == project.cache.local.path
        assert own.dvcignore.is_ignored_dir(str(folder / "mine"))
        assert not own.dvcignore.is_ignored_dir(str(folder / "tasks"))
        assert not own.dvcignore.is_ignored_dir(str(folder / "data" / "source"))


@pytest.mark.parametrize(("own", "copies"), [("", False), ("[cache]\n    type = copy\n", True)])
def test_what_is_made_is_on_the_disk_once_unless_the_project_wants_copies(
    root: Path, own: str, copies: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dvc.repo import Repo
    from dvc_objects.fs.generic import test_links as possible

    (root / "dvc.yaml").write_text("stages:\n  made:\n    cmd: cp mine/vectors.txt made.txt\n    outs: [made.txt]\n")
    (root / ".dvc/config").write_text((root / ".dvc/config").read_text() + own)
    folder = prepare(root, PARAMS)
    monkeypatch.chdir(folder)  # where DVC looks for the graph
    with Repo(str(folder)) as repo:
        repo.reproduce()
        (stage,) = repo.stage.collect("made")
        cached = Path(stage.outs[0].cache_path)
        cloned = bool(possible(["reflink"], repo.cache.local.fs, repo.cache.local.path, repo.fs, str(folder)))
    assert cached.is_relative_to(root / ".dvc/cache")
    assert cached.read_text() == (folder / "made.txt").read_text() == "a: 1\n"
    assert (folder / "made.txt").samefile(cached) == (not copies and not cloned)


def test_paths_that_lead_out_of_the_project_mean_the_same_place(root: Path) -> None:
    params = {
        "ingest": {
            "sources": [
                "../rows.csv", "./../rows.csv", "mine/../../rows.csv", "hub:../set@main:train", "file://../rows.csv",
                "mine/a.csv", "./mine/a.csv", "mine/../a.csv", "hub:org/set:train", "https://host/../x",
            ],
        },
        "features": {"words": {"vectors": "path:./../glove.txt", "encoder": "none"}},
        "evaluate": {"checks": ["../checks/*.csv", "data/checks/own.csv"]},
        "clean": {"salt": "../", "corrections": ["../right.csv", "data/*.csv"]},
    }  # fmt: skip
    folder = prepare(root, params)
    rows = str(root.parent / "rows.csv")
    assert json.loads((folder / "params.yaml").read_text()) == {
        "ingest": {
            "sources": [
                rows, rows, rows, f"hub:{root.parent / 'set'}@main:train", f"file://{rows}",
                "mine/a.csv", "./mine/a.csv", "mine/../a.csv", "hub:org/set:train", "https://host/../x",
            ],
        },
        "features": {"words": {"vectors": f"path:{root.parent / 'glove.txt'}", "encoder": "none"}},
        "evaluate": {"checks": [str(root.parent / "checks/*.csv"), "data/checks/own.csv"]},
        "clean": {"salt": "../", "corrections": [str(root.parent / "right.csv"), "data/*.csv"]},
    }  # fmt: skip


def test_it_follows_the_project_and_touches_nothing_that_is_right(root: Path) -> None:
    folder = prepare(root, PARAMS)
    made = folder / "data" / "clean" / "train.parquet"
    made.write_text("made here")
    before = {path: path.lstat().st_mtime_ns for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}
    prepare(root, PARAMS)
    assert {path: path.lstat().st_mtime_ns for path in before} == before
    (root / "data" / "extra" / "more.csv").unlink()
    (root / "data" / "extra").rmdir()
    (root / "new.csv").write_text("x")
    prepare(root, PARAMS)
    assert not (folder / "data" / "extra").is_symlink()
    assert (folder / "new.csv").samefile(root / "new.csv")
    assert made.read_text() == "made here"


@pytest.mark.parametrize("output", ["mine/made.txt", "mine/deep/made.txt", "mine"])
def test_a_folder_that_comes_to_hold_an_output_is_linked_no_more_and_the_user_s_files_survive(
    root: Path, output: str
) -> None:
    (root / "mine/deep").mkdir()
    (root / "mine/deep/own.txt").write_text("own")
    folder = prepare(root, PARAMS)
    assert (folder / "mine").is_symlink()
    graph = f"stages:\n  made:\n    cmd: make\n    outs: [{output}]\n"
    (root / "dvc.yaml").write_text(graph)
    prepare(root, PARAMS)
    prepare(root, PARAMS)
    assert not (folder / "mine").is_symlink()
    for name, content in (("mine/vectors.txt", "a: 1\n"), ("mine/deep/own.txt", "own")):
        assert not (root / name).is_symlink()
        assert (root / name).read_text() == content
        if output != "mine":
            assert (folder / name).samefile(root / name)


def test_nothing_is_written_through_a_link_that_leads_out(root: Path) -> None:
    folder = prepare(root, PARAMS)
    (folder / ".dvc/config").write_text("mine")
    (folder / ".dvc").rename(root / "elsewhere")
    (folder / ".dvc").symlink_to(root / "elsewhere")
    with pytest.raises(BadInput, match="a link that leads out"):
        prepare(root, PARAMS)
    assert (root / "elsewhere/config").read_text() == "mine"
