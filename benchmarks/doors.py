"""The sample data through `regraft run`: from nothing, with nothing to do, and `dvc repro` with nothing to do."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.workspace import Workspace


def main(arguments: list[str]) -> None:
    """Prints wall-clock seconds; compare them within one run only."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "helpdesk", {})
        first = _seconds(lambda: workspace.regraft("run"))
        again = [_seconds(lambda: workspace.regraft("run")) for _ in range(3)]
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        command = [sys.executable, "-m", "dvc", "repro", "-q"]
        environment = os.environ | {"PATH": path}
        repro = [
            _seconds(lambda: subprocess.run(command, cwd=workspace.folder, env=environment, check=True))
            for _ in range(3)
        ]
        print(f"regraft run, from nothing    {first:7.1f} s")
        print(f"regraft run, nothing to do   {min(again):7.1f} s")
        print(f"dvc repro, nothing to do     {min(repro):7.1f} s")
        print(f"selected: {workspace.json('reports/selection.json')['winner']}")


def _seconds(work) -> float:  # type: ignore[no-untyped-def]
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
