"""A small DVC project whose stages note, outside of it, each time that they run."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tasks

DVC_YAML = """
stages:
  gather:
    cmd: echo gather >> ../runs && sleep ${pause} && cat source.txt > raw.txt
    deps: [source.txt]
    params: [pause]
    outs: [raw.txt]
  scale:
    foreach: ${scales}
    do:
      cmd: sh scale.sh ${key} ${item.factor}
      deps: [raw.txt, scale.sh]
      params: ["scales.${key}"]
      outs: ["out/${key}.txt"]
  total:
    cmd: echo total >> ../runs && cat out/* > total.txt
    deps: [out]
    outs: [total.txt]
"""
PARAMS_YAML = """
# a comment that must survive
pause: 0
scales:
  one: {factor: 1}
  two: {factor: 2}
  three: {factor: 3}
encoders: {}
ingest: {sources: []}
"""
SCALE = """
echo "scale@$1" >> ../runs
mkdir -p out
test -e "../fail-$1" && { echo "cannot scale by $2"; exit "$(cat "../fail-$1")"; }
while test -e "../hold-$1"; do sleep 0.05; done
echo "$(cat raw.txt) times $2" > "out/$1.txt"
"""
# The real package, with the checks that the real project has for its own parameters replaced.
TASKS = {
    "__init__.py": f"__path__.append({str(Path(tasks.__file__).parent)!r})\n",
    "params.py": """
        from pathlib import Path
        from pydantic import ConfigDict
        from tasks.block import Block, load, parse, PARAMS
        class Scale(Block):
            factor: float | int
            offset: int = 0
        class Params(Block):
            model_config = ConfigDict(extra="ignore")
            pause: float
            scales: dict[str, Scale]
        def check(root: Path) -> Params:
            return parse(Params, load(root / PARAMS))
        """,
}
_CAPTURED: Any = {"capture_output": True, "text": True, "timeout": 900}
ALL = ["gather", "scale@one", "scale@two", "scale@three", "total"]


class Project:
    """The project in `folder / "project"`.

    Attributes:
        root: the workspace.
    """

    def __init__(self, folder: Path, api: str = "") -> None:
        from dvc.repo import Repo

        self.folder, self.root = folder, folder / "project"
        self.root.mkdir()
        self.write("dvc.yaml", DVC_YAML)
        self.write("params.yaml", PARAMS_YAML)
        self.write("scale.sh", SCALE)
        self.write("source.txt", "seven\n")
        for name, text in TASKS.items():
            self.write(f"tasks/{name}", textwrap.dedent(text))
        Repo.init(str(self.root), no_scm=True).close()
        self.write(
            ".dvc/config", f"[core]\n    no_scm = true\n    analytics = false\n    site_cache_dir = {folder}/site\n"
        )
        self.write(".dvcignore", "__pycache__/\n*.pyc\n.*.partial\n")
        self.environment = self.surroundings(api)

    @staticmethod
    def surroundings(api: str) -> dict[str, str]:
        """The environment of commands, with that Prefect server or with none."""
        found = {**os.environ, "PREFECT_API_URL": api, "DVC_NO_ANALYTICS": "1", "COLUMNS": "200"}
        if not api:
            del found["PREFECT_API_URL"]
        return found

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def read(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")

    def change(self, name: str, old: str, new: str) -> None:
        assert old in self.read(name)
        self.write(name, self.read(name).replace(old, new))

    def has(self, name: str, text: str) -> bool:
        path = self.root / name
        return path.exists() and text in path.read_text(encoding="utf-8")

    def runs(self) -> list[str]:
        """What has been run since the last call, in order."""
        path = self.folder / "runs"
        names = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return names

    def counted(self) -> Counter[str]:
        return Counter(self.runs())

    def regraft(self, *arguments: str, code: int | None = 0) -> str:
        """Runs the command line in a process of its own; returns all that it wrote."""
        command = [sys.executable, "-W", "ignore", "-m", "flows", *arguments]
        done = subprocess.run(command, check=False, cwd=self.root, env=self.environment, **_CAPTURED)
        assert code is None or done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    @contextmanager
    def started(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        """Starts the command line; kills it in the end."""
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "flows", *arguments],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=_heed_ctrl_c,  # noqa: PLW1509 - the tests have one thread here
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def dvc(self, *arguments: str) -> str:
        command = [sys.executable, "-W", "ignore", "-m", "dvc", *arguments]
        done = subprocess.run(command, check=False, cwd=self.root, env=self.environment, **_CAPTURED)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout + done.stderr

    def is_clean(self) -> bool:
        return "Data and pipelines are up to date" in self.dvc("status")


def wait_until(happens: Callable[[], object], seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, "it has not happened in time"
        time.sleep(0.05)


def processes_in(folder: Path) -> list[int]:
    """Those that work in a folder, except this one."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z" and (entry / "cwd").resolve().is_relative_to(folder):
                    found.append(int(entry.name))
        except OSError:
            continue
    return found


def kill(process: "subprocess.Popen[str]") -> None:
    """As the kernel does when memory runs out: no chance to tidy up, for it or its group."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _heed_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which a shell sets to be ignored in what it runs behind
