"""`regraft ladder` before anything runs: what it refuses, and how it says why."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows import workspace
from flows.display import Display
from flows.ladder import make
from flows.ladder_workspace import FOLDER
from tasks.errors import ParamsError
from tests import tiny

LADDER: dict[str, Any] = {
    "plain": {"features": {"kind": "tfidf", "encoder": "none"}, "candidate": {"model": "naive_bayes"}},
    "strategies": {"model": {"candidate": {"model": "linear_svm", "C": 2.0}}},
}


def never(root: Path, targets: list[str]) -> None:
    raise AssertionError("nothing may run")


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Writes a project with this ladder, None for a project without one."""

    def write(ladder: Any) -> Path:
        (tmp_path / ".dvc").mkdir(exist_ok=True)
        (tmp_path / "dvc.yaml").write_text("stages: {}\n")
        blocks: dict[str, Any] = {} if ladder is None else {"ladder": ladder}
        tiny.params(
            tmp_path,
            ingest={"sources": ["data/source/*.csv"], "columns": {"text": "text", "label": "queue"}},
            clean={},
            encoders={"tiny": {"source": "path:encoder", "objective": "none"}},
            features={"words": {"kind": "tfidf", "encoder": "none"}},
            candidates={"own": {"features": "words", "model": "naive_bayes"}},
            students={},
            ensembles={},
            quantized={},
            evaluate={},
            select={},
            **blocks,
        )
        return tmp_path

    return write


def changed(path: str, value: Any) -> dict[str, Any]:
    tree = copy.deepcopy(LADDER)
    *parents, last = path.split(".")
    node = tree
    for key in parents:
        node = node[key]
    node[last] = value
    return tree


@pytest.mark.parametrize(
    ("ladder", "message"),
    [
        (None, "ladder: expected a block with a plain recipe and strategies (README, The ladder), given nothing"),
        (changed("colour", 1), "ladder.colour: expected no such key, given 1"),
        (
            changed("strategies.model.candidate.epochs", 3),
            "ladder.strategies.model.candidate.epochs: expected a key of",
        ),
        (changed("strategies.model.candidate.C", -1.0), "ladder, rung `+ model`: candidate.C: expected greater than 0"),
        (
            changed("strategies.model.features", {"kind": "tokens", "encoder": "bert"}),
            "ladder, rung `+ model`: features.encoder: expected one of tiny, given 'bert'",
        ),
    ],
)
def test_a_ladder_that_cannot_be_is_refused_before_anything_is_made(
    project: Callable[..., Path], ladder: Any, message: str
) -> None:
    root = project(ladder)
    with pytest.raises(ParamsError) as caught:
        make(root, Display(), never)
    assert message in str(caught.value)
    assert not (root / FOLDER).exists()


def test_the_command_s_seeds_are_checked_like_the_block_s(project: Callable[..., Path]) -> None:
    with pytest.raises(ParamsError, match=r"ladder\.seeds: expected greater than or equal to 3, given 1"):
        make(project(LADDER), Display(), never, seeds=1)


def test_no_ladder_begins_beside_a_run(project: Callable[..., Path]) -> None:
    root = project(LADDER)
    with workspace.held(root), pytest.raises(workspace.WorkspaceBusy):
        make(root, Display(), never)
