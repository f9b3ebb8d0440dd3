"""A small repository with the stages that `retrain` needs; each run of one is noted outside of it."""

import json
import logging
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest
from dvc.repo import Repo

import tasks
from flows import graph
from flows.display import Display
from flows.registry import Registry
from flows.session import Session
from tasks import rows
from tests.flows.toy import Project

Retrain = Callable[..., dict[str, Any]]

DVC_YAML = """
stages:
  ingest:
    cmd: echo ingest >> ../runs && sh kill.sh ingest && mkdir -p data/raw && cp source/rows.parquet data/raw/
    deps: [source]
    outs: [data/raw/rows.parquet]
  train:
    cmd: sh train.sh ${strength}
    deps: [data/raw/rows.parquet, train.sh]
    params: [strength]
    outs: [models/candidates]
  select:
    cmd: sh select.sh
    deps: [models/candidates, links/champion, select.sh]
    outs: [models/selected]
    metrics:
      - reports/selection.json:
          cache: true
artifacts:
  model: {path: models/selected, type: model}
"""
PARAMS_YAML = """
strength: 1
encoders: {}
ingest: {sources: []}
retrain: {policy: auto, new_rows: 3, new_labels: 2, drift: null}
"""
TRAIN = """
echo train >> ../runs
sh kill.sh train
test -e ../fail && { echo "error: no more memory"; exit 2; }
while test -e ../hold; do sleep 0.05; done
mkdir -p models/candidates
{ sha256sum < data/raw/rows.parquet; echo "$1"; } > models/candidates/model.txt
"""
# Kills whoever runs the stages, at the stage that the test names; once.
KILL = """
test "$(cat ../kill 2> /dev/null)" = "$1" || exit 0
rm ../kill
kill -9 "$(cat ../pid)"
sleep 60
exit 1
"""
# As the real one: the champion itself is held, any other model gets the verdict that the test wants.
SELECT = r"""
echo select >> ../runs
sh kill.sh select
mkdir -p models/selected reports
cp models/candidates/model.txt models/selected/
verdict=$(cat ../verdict); champion=null
if test -e links/champion/champion.json; then
  champion="{\"version\": \"$(sed -n 's/.*"version": "\(.*\)".*/\1/p' links/champion/champion.json)\"}"
  cmp -s links/champion/model.txt models/selected/model.txt && verdict=HOLD
fi
printf '{"winner": "toy", "verdict": "%s", "reasons": ["It is said to be so."], "metric": "macro_f1",
  "test": {"rows": 120, "macro_f1": 0.75}, "champion": %s}\n' "$verdict" "$champion" > reports/selection.json
"""
REAL = str(Path(tasks.__file__).parent)
TASKS = {
    "__init__.py": f"__path__.append({REAL!r})\n",
    "params.py": """
        from pathlib import Path
        from pydantic import ConfigDict
        from tasks.block import Block, load, parse, PARAMS
        class Params(Block):
            model_config = ConfigDict(extra="ignore")
            strength: int
        def check(root: Path) -> Params:
            return parse(Params, load(root / PARAMS))
        """,
    "retraining/__init__.py": f"__path__.append({REAL + '/retraining'!r})\n",
    # In place of the drift test: hands out what the test file wants it to find.
    "retraining/__main__.py": """
        import shutil, sys
        import pyarrow.parquet as pq
        before, after, target = sys.argv[1:4]
        with open("../drifts", "a") as file:
            print(pq.read_table(before).num_rows, pq.read_table(after).num_rows, *sys.argv[4:], file=file)
        shutil.copy("../drift.json", target)
        """,
}
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in {"NAME": "Ada", "EMAIL": "a@b.c"}.items()
}


class RetrainProject(Project):
    """The repository in `folder / "project"`, with five rows of two labels."""

    def __init__(self, folder: Path, api: str = "") -> None:
        self.folder, self.root = folder, folder / "project"
        self.root.mkdir()
        for name, text in {
            "dvc.yaml": DVC_YAML,
            "params.yaml": PARAMS_YAML,
            "train.sh": TRAIN,
            "select.sh": SELECT,
            "kill.sh": KILL,
            ".gitignore": "/links/\n/.regraft/\n/models/\n/reports/\n/source/\n/data/\n__pycache__/\n",
            ".dvcignore": "__pycache__/\n*.pyc\n.*.partial\n",
            **{f"tasks/{name}": textwrap.dedent(text) for name, text in TASKS.items()},
        }.items():
            self.write(name, text)
        self.environment = self.surroundings(api) | IDENTITY
        self.say("PROMOTE")
        self.git("init", "-q")
        Repo.init(str(self.root)).close()
        self.write(".dvc/config", f"[core]\n    analytics = false\n    site_cache_dir = {folder}/site\n")
        self.put(["access", "hardware", "access", "hardware", "access"])
        self.commit("begin")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    def commit(self, message: str) -> None:
        self.git("add", ".")
        self.git("commit", "-qm", message)

    def put(self, labels: Sequence[str]) -> None:
        """Makes these the labels of all rows; a row's id and text follow from its place."""
        count = len(labels)
        columns = {
            "id": [f"row-{number}" for number in range(count)],
            "text": [f"text {number}" for number in range(count)],
            "label": list(labels),
            "time": [None] * count,
            "source": ["toy.csv"] * count,
            "row": list(range(1, count + 1)),
            "official_test": [False] * count,
        }
        (self.root / "source").mkdir(exist_ok=True)
        rows.write(self.root / "source/rows.parquet", pa.table(columns, schema=rows.RAW))

    def share(self) -> None:
        """Sets a remote."""
        (self.folder / "store").mkdir()
        with Repo(str(self.root)) as repo, repo.config.edit() as config:
            config["remote"] = {"store": {"url": str(self.folder / "store")}}
            config["core"]["remote"] = "store"
        self.commit("a remote")

    def say(self, verdict: str) -> None:
        """Makes this the verdict on the next model."""
        (self.folder / "verdict").write_text(f"{verdict}\n")

    def found(self, **drift: Any) -> None:
        """Makes this what the drift test finds."""
        (self.folder / "drift.json").write_text(json.dumps(drift))

    @property
    def decisions(self) -> list[dict[str, Any]]:
        path = self.root / "reports/decisions.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def words(self) -> list[str]:
        return ["failed" if one["failed"] else one["decision"] for one in self.decisions]

    @property
    def appointed(self) -> list[tuple[int, str]]:
        return [(one.number, one.version) for one in Registry(self.root).appointments()]

    @property
    def in_service(self) -> str | None:
        path = self.root / "models/champion/model.txt"
        return path.read_text() if path.exists() else None


def entered(folder: Path, monkeypatch: pytest.MonkeyPatch, api: str = "") -> RetrainProject:
    """A repository that is the current folder, and whose `tasks.params` this process knows too."""
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    made = RetrainProject(folder, api)
    stub = ModuleType("tasks.params")
    exec(textwrap.dedent(TASKS["params.py"]), stub.__dict__)
    monkeypatch.setitem(sys.modules, "tasks.params", stub)
    monkeypatch.chdir(made.root)
    return made


def without_a_server(monkeypatch: pytest.MonkeyPatch) -> Retrain:
    """Carries out what the flow does, in this process; DVC runs the stages, so that no server is needed."""
    from flows import grounds, retraining
    from flows.retrain import carry_out

    def bring_up(session: Session, targets: Sequence[str] = (), *_: object, **__: object) -> None:
        with graph.readable():
            session.graph.repo.reproduce(list(targets) or None)

    for module in (grounds, retraining):
        monkeypatch.setattr(module, "bring_up", bring_up)
        monkeypatch.setattr(module, "step", lambda name, do: do())
    monkeypatch.setattr(grounds, "get_run_logger", lambda: logging.getLogger("test"))

    def run(force: bool = False, reason: str | None = None, policy: Any = None) -> dict[str, Any]:
        options = retraining.Options(force, reason, policy)
        return carry_out(retraining.Retraining(Path.cwd(), Display(), options, str(uuid4()), logging.getLogger("test")))

    return run
