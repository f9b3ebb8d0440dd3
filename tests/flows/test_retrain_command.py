"""The command `regraft retrain`, in processes of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.retrain_toy import RetrainProject


@pytest.fixture
def project(tmp_path: Path, prefect_api: str) -> RetrainProject:
    return RetrainProject(tmp_path, prefect_api)


def test_the_command_skips_without_loading_a_model_and_ends_with_its_exit_code(project: RetrainProject) -> None:
    assert "In service now: v0.1.0" in project.regraft("retrain")
    project.write(
        "probe.py",
        "import sys\nfrom flows.__main__ import app\napp(['retrain'], standalone_mode=False)\n"
        "heavy = {name.split('.')[0] for name in sys.modules} & {'torch', 'transformers', 'sklearn', 'scipy'}\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)\n",
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "probe.py"],
        check=False, cwd=project.root, env=project.environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Decision: SKIP" in done.stdout
    project.put(["access", "hardware"] * 5)
    (project.folder / "fail").touch()
    project.environment["STORE_TOKEN"] = "no more memory"
    assert "error: ***" in project.regraft("retrain", code=1), "nor does what a stage says show a secret"
    del project.environment["STORE_TOKEN"]
    text = project.regraft("retrain", code=1)
    assert "no more memory" in text
    assert "`regraft retrain` tries it again" in text
    listed = project.regraft("history")
    for part in ("Models in service", "promoted, by Ada", "Decisions of retrain", "SKIP", "failed"):
        assert part in listed
