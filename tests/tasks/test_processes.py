"""Training in two processes that were started by `accelerate launch`."""

import atexit
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tasks.finetune import processes
from tests import bag
from tests.imports import ROOT

SWITCHES = {
    "batch_rows": 9, "class_weight": {"a": 3.0}, "average_epochs": 2, "best_by": "loss", "l1": 0.001, "epochs": 2,
}  # fmt: skip
PORTS = ["--main_process_port", "0"]


def test_without_a_launcher_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")  # as other programs set it too
    assert (processes.count(), processes.number(), processes.is_main()) == (1, 0, True)


def test_processes_wait_for_hours_of_work_in_the_main_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's own limit of 30 minutes would end a long contrastive tuning."""
    given: dict[str, timedelta] = {}
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda kind, **others: given.update(others))
    monkeypatch.setattr(atexit, "register", lambda function: function)
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    processes.join("cpu")
    assert given["timeout"] >= timedelta(days=1)


def main(folder: Path) -> None:
    """What each process does."""
    torch.set_num_threads(1)
    processes.join("cpu")
    process = processes.number()
    with processes.quiet_unless_main():
        # The processes start with unlike weights, and memory runs out in the second one.
        plain = bag.network(bag.Plain, seed=process)
        state = bag.train(folder / "plain", plain, bag.rows(39, seed=1), **SWITCHES)
        again = bag.network(bag.Plain, seed=5)
        bag.train(folder / "plain", again, bag.rows(39, seed=1), **SWITCHES)
        stop_after_an_epoch(folder / "stopped")
        stopped = bag.network(bag.Plain, seed=6)
        bag.train(folder / "stopped", stopped, bag.rows(39, seed=1), **SWITCHES)
        tight = bag.network(Tight if process else bag.Plain, dropout=0.3)
        divided = bag.train(folder / "tight", tight, bag.rows(39, seed=1), **SWITCHES)
    drawn = [torch.rand(1).item()]  # the generator is where the last step left it
    shown = processes.from_main(lambda: np.full((2, 2), 4.0, np.float32), (2, 2), "cpu").tolist()
    figures = {"drawn": drawn, "notes": divided.notes, "curve": state.curve, "shown": shown}
    (folder / f"{process}.json").write_text(json.dumps(figures))
    for name, network in {"plain": plain, "again": again, "stopped": stopped, "tight": tight}.items():
        save_file(network.state_dict(), folder / f"{name}{process}.safetensors")


def stop_after_an_epoch(folder: Path) -> None:
    training = bag.training(folder, bag.network(bag.Plain), bag.rows(39, seed=1), **SWITCHES)
    state = training._start()
    training._epoch(state, 0.0)
    training._end_epoch(state)
    training.checkpoints.save(state, training.network, training.optimiser)
    processes.wait()


class Tight(bag.Plain):
    """Runs out of memory with more than two rows."""

    def pooled(self, values: torch.Tensor) -> torch.Tensor:
        if self.training and len(values) > 2:
            raise MemoryError
        return values


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", *PORTS]
    command = [*launch, "-m", "tests.tasks.test_processes", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    figures = [json.loads((tmp_path / f"{process}.json").read_text()) for process in range(2)]

    def weights(name: str) -> list[dict[str, torch.Tensor]]:
        return [load_file(tmp_path / f"{name}{process}.safetensors") for process in range(2)]

    alone = bag.network(bag.Plain)
    state = bag.train(tmp_path / "alone", alone, bag.rows(39, seed=1), **SWITCHES)
    for name in ("plain", "again", "stopped", "tight"):
        for one, other in zip(*(own.values() for own in weights(name)), strict=True):
            assert torch.equal(one, other), f"{name}: the processes fell out of step"
    for name, tensor in weights("plain")[0].items():
        torch.testing.assert_close(tensor, alone.state_dict()[name], rtol=1e-4, atol=1e-5)
        assert torch.equal(tensor, weights("again")[0][name]), "a finished training must be restored in both"
        assert torch.equal(tensor, weights("stopped")[0][name]), "both processes must go on from the checkpoint"
    assert figures[0]["curve"] == figures[1]["curve"]
    for one, other in zip(figures[0]["curve"], state.curve, strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    assert figures[0]["drawn"] != figures[1]["drawn"], "both processes drew the same dropout"
    assert [own["notes"]["batch_parts"] for own in figures] == [2, 2]
    assert [own["shown"] for own in figures] == [[[4.0, 4.0], [4.0, 4.0]]] * 2
    assert done.stdout.count("epoch 2: train loss") == 3, "the main process alone writes the log"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
