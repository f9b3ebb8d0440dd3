"""The whole stage in two processes, by the command that the README names."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from tasks import model
from tasks.files import read_json
from tests.imports import ROOT
from tests.tasks.test_finetune import CANDIDATES, fit, outputs, prepare, texts

LAUNCH = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]


def test_the_stage_in_two_processes_gives_what_it_gives_in_one(workspace: Path) -> None:
    # Without dropout, of which each process draws its own.
    prepare(workspace, {"finetune": {**CANDIDATES["finetune"], "dropout": 0.0}}, {"folds": 2})
    command = [*LAUNCH, "--main_process_port", "0", "-m", "tasks", "finetune", "finetune"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=workspace, env=environment, capture_output=True, check=False, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("finetune: validation accuracy") == 1, "the main process alone writes the log"
    asked = texts(workspace, "validation")
    together = model.load(workspace / "models/candidates/finetune", threads=1).predict_proba(asked)
    assert all((workspace / name).exists() for name in outputs("finetune"))
    assert read_json(workspace / "costs/records/finetune@finetune.json")["seconds"] > 0
    shutil.rmtree(workspace / "scratch")
    fit(workspace, "finetune")
    alone = model.load(workspace / "models/candidates/finetune", threads=1).predict_proba(asked)
    np.testing.assert_allclose(together, alone, atol=1e-3)
