"""The folder `links/`: what lies outside the project, and that a change there re-runs just what depends on it."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.links import refresh
from tasks.errors import BadInput
from tasks.links import check, tokenizer_libraries
from tasks.select import champion, ladder
from tests.flows.toy import Project

REVISION = "0123456789abcdef0123456789abcdef01234567"


def _workspace(root: Path, params: str = "", deps: str = "") -> Path:
    root.mkdir(exist_ok=True)
    (root / "params.yaml").write_text(params or "seed: 1\n")
    (root / "dvc.yaml").write_text(f"stages:\n  one:\n    cmd: true\n    deps: [x{deps}]\n")
    return root


def _distribution(site: Path, version: str) -> None:
    info = site / f"toylib-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: toylib\nVersion: {version}\n")
    (info / "RECORD").write_text(f"toylib-{version}.dist-info/METADATA,,\n")


def _times(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*")}


def test_libraries_follow_what_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _distribution(tmp_path / "old", "1.0")
    _distribution(tmp_path / "new", "2.0")
    root = _workspace(tmp_path / "w", deps=", links/libraries/toylib")
    monkeypatch.syspath_prepend(tmp_path / "old")
    refresh(root)
    assert "Version: 1.0" in (root / "links/libraries/toylib").read_text()

    monkeypatch.syspath_prepend(tmp_path / "new")
    with pytest.raises(BadInput, match="another version"):
        check(root)
    refresh(root)
    check(root)
    assert "Version: 2.0" in (root / "links/libraries/toylib").read_text()


def test_a_library_that_is_not_installed_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no-such-library.*make setup"):
        refresh(_workspace(tmp_path / "w", deps=", links/libraries/no-such-library"))


def test_encoders_of_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "site/toyencoder/model"
    model.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (model / name).write_text("{}")
    (model.parent / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    (tmp_path / "folder").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "site")
    root = _workspace(
        tmp_path / "w",
        f"""
encoders:
  packaged: {{source: "package:toyencoder"}}
  exact: {{source: "package:toyencoder/model"}}
  local: {{source: "path:../folder"}}
  hub: {{source: "hub:org/name@{REVISION}"}}
  adapted: {{source: packaged, objective: mlm}}
  far: {{source: hub, objective: simcse}}
""",
    )
    refresh(root)

    links = root / "links/encoders"
    assert (links / "packaged").resolve() == (links / "exact").resolve() == model
    assert (links / "local").resolve() == tmp_path / "folder"
    assert (links / "hub/revision.txt").read_text() == f"org/name@{REVISION}\n"
    assert (links / "adapted").resolve() == model
    assert (links / "far/revision.txt").read_text() == f"org/name@{REVISION}\n"
    assert "toyencoder" not in sys.modules


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("package:no_such_package", "installed package"),
        ("package:json", "config.json"),
        ("path:nowhere", "existing folder"),
        ("hub:org/name", "40 hexadecimal"),
        ("hub:org/name@main", "40 hexadecimal"),
        ("minilm", "package:<module>"),
    ],
)
def test_an_encoder_that_cannot_be_found_is_told(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        refresh(_workspace(tmp_path / "w", f'encoders: {{one: {{source: "{source}"}}}}\n'))


@pytest.mark.parametrize(
    ("source", "message"),
    [("two", "objective none with a source of its own"), ("one", "another encoder than itself")],
)
def test_a_chain_or_a_loop_of_encoders_is_told(tmp_path: Path, source: str, message: str) -> None:
    entries = f"{{source: {source}, objective: mlm}}, two: {{source: one, objective: mlm}}"
    with pytest.raises(BadInput, match=message):
        refresh(_workspace(tmp_path / "w", f"encoders: {{one: {entries}}}\n"))


def test_every_encoder_has_an_entry_for_its_texts(tmp_path: Path) -> None:
    for name in ("far/b.txt", "far/a.txt", "w/data/source/notes.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    texts = "[../far/*.txt, data/source/notes.csv]"
    root = _workspace(
        tmp_path / "w",
        f"encoders: {{plain: {{source: 'path:../far'}}, more: {{source: plain, objective: mlm, texts: {texts}}}}}",
    )
    refresh(root)
    links = root / "links/texts"
    assert json.loads((links / "plain/index.json").read_text()) == {}
    assert json.loads((links / "more/index.json").read_text()) == {
        "../far/*.txt": ["001-a.txt", "002-b.txt"], "data/source/notes.csv": ["003-notes.csv"],
    }  # fmt: skip
    assert (links / "more/001-a.txt").resolve() == tmp_path / "far/a.txt"
    assert (links / "more/003-notes.csv").resolve() == root / "data/source/notes.csv"

    (tmp_path / "far/a.txt").unlink()
    (tmp_path / "far/b.txt").unlink()
    with pytest.raises(BadInput, match=r"Correct encoders\.more\.texts"):
        refresh(root)


VECTORS = """
features:
  far: {kind: words, vectors: "path:../far/glove.txt.gz"}
  home: {kind: word_vectors, vectors: "path:~/w2v.bin"}
  own: {kind: words, vectors: word2vec}
  terms: {kind: tfidf, augment: {swap: 0.1, vectors: word2vec}}
  near: {kind: tfidf, augment: {synonyms: 0.1, vectors: "path:../far/glove.txt.gz"}}
"""


def test_every_feature_set_has_an_entry_for_its_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("far/glove.txt.gz", "home/w2v.bin"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    root = _workspace(tmp_path / "w", VECTORS)
    refresh(root)
    links = root / "links/vectors"
    assert (links / "far").resolve() == (links / "near").resolve() == tmp_path / "far/glove.txt.gz"
    assert (links / "home").read_text() == "home/w2v.bin"
    assert (links / "own").read_text() == (links / "terms").read_text() == "none\n"

    (root / "params.yaml").write_text("features: {far: {kind: words, vectors: random}}\n")
    refresh(root)
    assert [(path.name, path.read_text()) for path in links.iterdir()] == [("far", "none\n")]
    assert (tmp_path / "far/glove.txt.gz").exists(), "the file itself was removed, not the link"


def test_a_file_of_vectors_that_is_missing_is_told(tmp_path: Path) -> None:
    root = _workspace(tmp_path / "w", VECTORS)
    with pytest.raises(BadInput, match=r"features\.far\.vectors: expected an existing file, found \.\./far/glove"):
        refresh(root)
    (root / "params.yaml").write_text('features: {one: {kind: tfidf, augment: {vectors: "path:gone.txt"}}}\n')
    with pytest.raises(BadInput, match=r"features\.one\.augment\.vectors: expected an existing file, found gone"):
        refresh(root)


TRANSLATORS = """
features:
  both: {kind: tfidf, augment: {translate: {there: "path:../many", back: "hub:org/name@%s"}}}
  none: {kind: tfidf, augment: {swap: 0.1, translate: null}}
  bare: {kind: tfidf}
"""


def test_every_feature_set_has_entries_for_its_translators(tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    (tmp_path / "many/config.json").write_text("{}")
    root = _workspace(tmp_path / "w", TRANSLATORS % REVISION)
    refresh(root)
    links = root / "links/translators"
    assert (links / "there/both").readlink() == tmp_path / "many", "as such, or DVC would not look into it"
    assert (links / "back/both/revision.txt").read_text() == f"org/name@{REVISION}\n"
    assert (links / "libraries/both").read_text() == tokenizer_libraries()
    for part in ("there", "back", "libraries"):
        assert (links / part / "none").read_text() == (links / part / "bare").read_text() == "none\n"

    (root / "params.yaml").write_text("features: {both: {kind: tfidf}}\n")
    refresh(root)
    assert {path.name: path.read_text() for path in links.rglob("*") if path.is_file()} == {"both": "none\n"}
    assert (tmp_path / "many/config.json").exists(), "the model itself was removed, not the link"


@pytest.mark.parametrize(("there", "message"), [("path:gone", "existing folder"), ("hub:org/name", "40 hexadecimal")])
def test_a_translator_that_cannot_be_found_is_told(tmp_path: Path, there: str, message: str) -> None:
    root = _workspace(tmp_path / "w", f'features: {{one: {{augment: {{translate: {{there: "{there}"}}}}}}}}')
    with pytest.raises(BadInput, match=rf"features\.one\.augment\.translate\.there: .*{message}"):
        refresh(root)


MODELS = """
candidates:
  far: {model: transformer, warm_start: "path:../earlier"}
  cold: {model: transformer, warm_start: none}
  plain: {model: naive_bayes}
"""


def test_every_candidate_has_an_entry_for_its_earlier_model(tmp_path: Path) -> None:
    (tmp_path / "earlier").mkdir()
    (tmp_path / "earlier/candidate.json").write_text("{}")
    root = _workspace(tmp_path / "w", MODELS)
    refresh(root)
    links = root / "links/models"
    assert (links / "far").resolve() == tmp_path / "earlier"
    assert (links / "cold").read_text() == (links / "plain").read_text() == "none\n"

    (root / "params.yaml").write_text("candidates: {far: {model: transformer}}\n")
    refresh(root)
    assert [(path.name, path.read_text()) for path in links.iterdir()] == [("far", "none\n")]
    assert (tmp_path / "earlier/candidate.json").exists(), "the model itself was removed, not the link"


@pytest.mark.parametrize(
    ("folder", "message"),
    [("../nowhere", "an existing folder"), ("models/candidates/far", "a folder that no run writes")],
)
def test_an_earlier_model_that_cannot_be_taken_is_told(tmp_path: Path, folder: str, message: str) -> None:
    root = _workspace(tmp_path / "w", MODELS.replace("../earlier", folder))
    (root / "models/candidates/far").mkdir(parents=True)
    with pytest.raises(BadInput, match=rf"candidates\.far\.warm_start: expected {message}, found {folder}"):
        refresh(root)


def test_the_champion_is_linked_once_there_is_one(tmp_path: Path) -> None:
    root = _workspace(tmp_path / "w")
    refresh(root)
    assert (root / "links/champion").read_text() == champion.NONE
    (root / "models/champion").mkdir(parents=True)
    refresh(root)
    assert (root / "links/champion").readlink() == root / "models/champion"
    (root / "models/champion").rmdir()
    refresh(root)
    assert (root / "links/champion").read_text() == champion.NONE


def test_files_of_checks_are_linked_and_none_is_an_empty_folder(tmp_path: Path) -> None:
    root = _workspace(tmp_path / "w", "evaluate: {checks: ['data/checks/*.csv', ../far.csv]}\n")
    (root / "data/checks").mkdir(parents=True)
    for file in (root / "data/checks/own.csv", tmp_path / "far.csv"):
        file.write_text("text,label\n")
    refresh(root)
    folder = root / "links/checks"
    assert json.loads((folder / "index.json").read_text()) == {
        "../far.csv": ["002-far.csv"],
        "data/checks/*.csv": ["001-own.csv"],
    }
    assert (folder / "001-own.csv").resolve() == root / "data/checks/own.csv"
    (root / "data/checks/own.csv").unlink()
    with pytest.raises(BadInput, match=r"Correct evaluate\.checks"):
        refresh(root)
    (root / "params.yaml").write_text("seed: 1\n")
    refresh(root)
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("index.json", "{}\n")]


def test_files_of_corrections_are_linked_and_none_is_an_empty_folder(tmp_path: Path) -> None:
    root = _workspace(tmp_path / "w", "clean: {corrections: ['data/corrections/*.csv']}\n")
    with pytest.raises(BadInput, match=r"Correct clean\.corrections"):
        refresh(root)
    (root / "data/corrections").mkdir(parents=True)
    (root / "data/corrections/own.csv").write_text("id,correction\n")
    refresh(root)
    assert (root / "links/corrections/001-own.csv").resolve() == root / "data/corrections/own.csv"
    (root / "params.yaml").write_text("clean: {}\n")
    refresh(root)
    assert [(path.name, path.read_text()) for path in (root / "links/corrections").iterdir()] == [
        ("index.json", "{}\n")
    ]


def test_the_ladder_is_linked_once_there_is_one(tmp_path: Path) -> None:
    root = _workspace(tmp_path)
    refresh(root)
    assert (root / "links/ladder").read_text() == ladder.NONE
    (root / "reports").mkdir()
    (root / "reports/ladder.json").write_text("{}")
    refresh(root)
    assert (root / "links/ladder").readlink() == root / "reports/ladder.json"
    (root / "reports/ladder.json").unlink()
    refresh(root)
    assert (root / "links/ladder").read_text() == ladder.NONE


def test_sources_outside_are_linked_and_those_inside_only_listed(tmp_path: Path) -> None:
    root = _workspace(tmp_path / "w")
    for name in ("w/data/source/in.csv", "out/b.csv", "out/a.csv", "out/deep/c.csv", "set/rows.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (root / "params.yaml").write_text(
        'ingest: {sources: [data/source/*.csv, "../out/*.csv", ../out/deep], '
        'test_sources: ["hub:../set", "hub:org/x@' + REVISION + ':en"]}'
    )
    refresh(root)

    folder = root / "links/sources"
    index = json.loads((folder / "index.json").read_text())
    assert index == {
        "../out/*.csv": ["001-a.csv", "002-b.csv"],
        "../out/deep": ["003-deep"],
        "data/source/*.csv": [],
        "hub:../set": ["004-set.txt", "005-set"],
        f"hub:org/x@{REVISION}:en": ["006-x.txt"],
    }
    assert (folder / "002-b.csv").read_text() == "out/b.csv"
    assert (folder / "003-deep/c.csv").read_text() == "out/deep/c.csv"
    assert (folder / "005-set/rows.csv").exists()
    assert str(tmp_path) not in (folder / "index.json").read_text()


@pytest.mark.parametrize("source", ["../out", "hub:../out"])
def test_dvc_sees_each_change_in_a_folder_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    from dvc.repo import Repo

    root = _workspace(tmp_path / "w", f'ingest: {{sources: ["{source}"]}}')
    (root / "dvc.yaml").write_text("stages: {one: {cmd: touch made, deps: [links/sources], outs: [made]}}")
    (tmp_path / "out/deep").mkdir(parents=True)
    (tmp_path / "out/a.csv").write_text("a")
    (tmp_path / "out/deep/b.csv").write_text("b")
    (tmp_path / "out/deep/up").symlink_to(tmp_path / "out")
    monkeypatch.chdir(root)
    with Repo.init(str(root), no_scm=True) as repo:
        for name, text in {"a.csv": "another", "deep/b.csv": "another", "deep/c.csv": "new"}.items():
            refresh(root)
            repo._reset()
            repo.reproduce()
            assert repo.status() == {}
            (tmp_path / "out" / name).write_text(text)
            refresh(root)
            repo._reset()
            assert "one" in repo.status(), name


@pytest.mark.parametrize(
    "source", ["data/source/drop/*.csv", "data/source/**/*.csv", "data/source/drop", "data/source/drop/a.csv"]
)
def test_dvc_sees_each_change_behind_a_folder_that_is_linked_into_the_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """DVC does not look into a linked folder in one of its dependencies, but patterns do."""
    from dvc.repo import Repo

    root = _workspace(tmp_path / "w", f'ingest: {{sources: ["{source}"]}}')
    stage = "stages: {one: {cmd: touch made, deps: [data/source, links/sources], outs: [made]}}"
    (root / "dvc.yaml").write_text(stage)
    for name in ("w/data/source", "out"):
        (tmp_path / name).mkdir(parents=True)
    (root / "data/source/own.csv").write_text("own")
    (tmp_path / "out/a.csv").write_text("a")
    (root / "data/source/drop").symlink_to(tmp_path / "out")
    monkeypatch.chdir(root)
    with Repo.init(str(root), no_scm=True) as repo:
        for name in ("a.csv", "new.csv")[: 1 if source.endswith("a.csv") else 2]:
            refresh(root)
            repo._reset()
            repo.reproduce()
            assert repo.status() == {}
            (tmp_path / "out" / name).write_text("another")
            refresh(root)
            repo._reset()
            assert "one" in repo.status(), name
    assert "own.csv" not in (root / "links/sources/index.json").read_text(), "DVC sees it anyway"


def test_names_with_brackets_are_files_and_not_patterns(tmp_path: Path) -> None:
    root = _workspace(tmp_path / "w[1]", 'ingest: {sources: ["mine/rows[2].csv", "mine/*.tsv"]}')
    for name in ("mine/rows[2].csv", "mine/a.tsv"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(name)
    refresh(root)
    index = json.loads((root / "links/sources/index.json").read_text())
    assert index == {"mine/rows[2].csv": ["001-rows[2].csv"], "mine/*.tsv": ["002-a.tsv"]}


def test_a_remote_source_is_noted_with_its_version(tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/a.csv", b"one")
    root = _workspace(tmp_path / "w", 'ingest: {sources: ["memory://bucket/*.csv"]}')
    refresh(root)
    (note,) = (root / "links/sources").glob("*.txt")
    before = note.read_text()
    assert json.loads(before)["size"] == "3"

    memory.pipe("/bucket/a.csv", b"three")
    refresh(root)
    assert note.read_text() != before
    memory.rm("/bucket/a.csv")
    with pytest.raises(BadInput, match="matches a file"):
        refresh(root)


@pytest.fixture
def page() -> Iterator[SimpleNamespace]:
    """A web page whose server says nothing of when it was changed, or how long it is."""
    seen = SimpleNamespace(text="text,label\na,x\n", length=False)

    class Server(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/csv")
            if seen.length:
                self.send_header("Content-Length", str(len(seen.text)))
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            self.wfile.write(seen.text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        seen.url = f"http://127.0.0.1:{server.server_port}/export.csv"
        yield seen
        server.shutdown()


@pytest.mark.parametrize("length", [False, True])
def test_a_web_page_without_version_or_date_is_known_by_its_content(
    tmp_path: Path, page: SimpleNamespace, length: bool
) -> None:
    page.length = length
    root = _workspace(tmp_path / "w", f'ingest: {{sources: ["{page.url}"]}}')
    refresh(root)
    (note,) = (root / "links/sources").glob("*.txt")
    before = note.read_text()
    refresh(root)
    assert note.read_text() == before
    page.text = page.text.replace("a,x", "b,x")  # as long as before
    refresh(root)
    assert note.read_text() != before


@pytest.mark.parametrize("source", ["nowhere.csv", "nothing-*.csv", "data/source/nowhere.csv", "memory://no/file.csv"])
def test_a_source_that_is_missing_is_told(tmp_path: Path, source: str) -> None:
    with pytest.raises(BadInput, match=source.replace("*", r"\*")):
        refresh(_workspace(tmp_path / "w", f'ingest: {{sources: ["{source}"]}}'))


def test_what_is_right_is_not_touched_and_what_is_stale_goes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a")
    (tmp_path / "b.csv").write_text("b")
    encoders = f'encoders: {{hub: {{source: "hub:org/name@{REVISION}"}}}}\n'
    root = _workspace(
        tmp_path / "w", encoders + "ingest: {sources: [../a.csv, ../b.csv]}\n", ", links/libraries/pytest"
    )
    refresh(root)
    before = _times(root / "links")
    refresh(root)
    assert _times(root / "links") == before

    (root / "params.yaml").write_text("ingest: {sources: [../a.csv]}\n")
    refresh(root)
    assert sorted(path.name for path in (root / "links/sources").iterdir()) == ["001-a.csv", "index.json"]
    assert list((root / "links/encoders").iterdir()) == []


def test_a_change_outside_makes_due_just_what_depends_on_it(quiet_project: Project) -> None:
    # The real way: external data and a library's version, seen by DVC through the links.
    project, site = quiet_project, quiet_project.folder / "site-packages"
    _distribution(site, "1.0")
    (project.folder / "far.csv").write_text("far")
    project.change("dvc.yaml", "deps: [source.txt]", "deps: [source.txt, links/sources]")
    project.change("dvc.yaml", "deps: [out]", "deps: [out, links/libraries/toylib]")
    project.change("params.yaml", "sources: []", "sources: [../far.csv]")
    project.environment["PYTHONPATH"] = str(site)
    project.regraft("links")
    project.dvc("repro")
    project.runs()
    project.regraft("explain", code=0)

    (site / "toylib-1.0.dist-info/METADATA").unlink()
    (site / "toylib-1.0.dist-info/RECORD").unlink()
    (site / "toylib-1.0.dist-info").rmdir()
    _distribution(site, "2.0")
    text = project.regraft("explain", code=1)
    assert "links/libraries/toylib is modified" in text
    assert "gather" not in text and "scale" not in text
    project.dvc("repro")
    assert project.runs() == ["total"]

    (project.folder / "far.csv").write_text("farther")
    assert "links/sources is modified" in project.regraft("explain", code=1)
    project.dvc("repro")
    assert project.runs() == ["gather"]  # whose output is as before, so nothing follows


def test_a_hub_name_without_a_commit_is_looked_up_so_that_a_change_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    root = _workspace(tmp_path / "w")
    (root / "params.yaml").write_text('ingest: {sources: ["hub:org/moving"]}')
    seen = []
    for commit in ("a" * 40, "b" * 40):
        answer = SimpleNamespace(sha=commit)
        monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", lambda *_, answer=answer, **__: answer)
        refresh(root)
        seen.append((root / "links/sources/001-moving.txt").read_text())
    assert seen == [f"hub:org/moving\n{commit * 40}\n" for commit in "ab"]


def test_a_hub_that_cannot_be_asked_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def away(*_: object, **__: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", away)
    root = _workspace(tmp_path / "w")
    (root / "params.yaml").write_text('ingest: {sources: ["hub:org/moving"]}')
    with pytest.raises(BadInput, match=r"no route\. Correct ingest\.sources, or pin a commit"):
        refresh(root)
