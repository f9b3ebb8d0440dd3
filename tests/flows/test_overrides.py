"""`--set`: what it writes, what it refuses, and that the file comes back."""

from pathlib import Path
from typing import Literal

import pytest

from flows import overrides
from flows.workspace import STATE
from tasks.block import Block, load
from tasks.errors import BadInput

TEXT = """\
# the seed
seed: 13   # a comment
clean: {}
encoder: {source: "package:name"}  # unquoted, DVC's reader would not take this
candidates:
  bayes: {model: naive_bayes}
  tuned: {model: transformer, epochs: 4}
"""


class Bayes(Block):
    model: Literal["naive_bayes"]
    smoothing: float = 1.0


class Tuned(Block):
    model: Literal["transformer"]
    epochs: int = 1
    rate: float = 0.1


class Case(Block):
    lower: bool = False


class Clean(Block):
    case: Case = Case()
    limit: int | None = None


class Params(Block):
    seed: int
    clean: Clean
    encoder: dict[str, str]
    candidates: dict[str, Bayes | Tuned]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text(TEXT)
    return tmp_path


def _silent(text: str) -> None:
    raise AssertionError(text)


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("seed=7", ["seed"], 7),
        ("candidates.tuned.epochs=2", ["candidates", "tuned", "epochs"], 2),
        ("candidates.tuned.rate=1e-3", ["candidates", "tuned", "rate"], 0.001),
        ("clean.case.lower=true", ["clean", "case", "lower"], True),
        ("candidates.tuned.rate=1e-05", ["candidates", "tuned", "rate"], 0.00001),
        ("encoder.source=hub:a/b@c", ["encoder", "source"], "hub:a/b@c"),
        ("clean.limit=null", ["clean", "limit"], None),
        ("candidates.mine={model: naive_bayes, smoothing: 0.5}", ["candidates", "mine", "smoothing"], 0.5),
    ],
)
def test_a_setting_holds_during_the_run_and_the_very_bytes_come_back(
    root: Path, setting: str, path: list[str], value: object
) -> None:
    with overrides.applied(root, [setting], Params, _silent):
        node = load(root / "params.yaml")
        for part in path:
            node = node[part]
        assert node == value
        assert type(node) is type(value)
        assert load(root / "params.yaml")["seed"] in (7, 13)
    assert (root / "params.yaml").read_text() == TEXT
    assert list((root / STATE).iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("seeed=7", "Did you mean seed?"),
        ("candidates.tuned.epoch=2", r"Did you mean candidates\.tuned\.epochs\?"),
        ("candidates.tund.epochs=2", r"Did you mean candidates\.tuned\?"),
        ("clean.cases.lower=true", r"Did you mean clean\.case\?"),
        ("epochs=2", r"candidates\.tuned\.epochs"),
        ("seed.more=2", "as a whole"),
        ("seed", "key=value"),
        ("seed=", "key=value"),
        ("seed={", "YAML"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(root: Path, setting: str, message: str) -> None:
    with pytest.raises(BadInput, match=message), overrides.applied(root, [setting], Params, _silent):
        pass
    assert (root / "params.yaml").read_text() == TEXT


def test_blocks_keep_their_order(root: Path) -> None:
    """The strategies of a ladder are switched on in it, and reports follow it."""
    with overrides.applied(root, ["seed=14"], Params, _silent):
        assert list(load(root / "params.yaml")) == ["seed", "clean", "encoder", "candidates"]


def test_an_edit_during_the_run_is_left_alone(root: Path) -> None:
    said: list[str] = []
    with overrides.applied(root, ["seed=7"], Params, said.append):
        (root / "params.yaml").write_text("seed: 99\n")
    assert (root / "params.yaml").read_text() == "seed: 99\n"
    assert "edited" in said[0]
    assert (root / STATE / "params.yaml.original").read_text() == TEXT


def test_what_a_killed_run_left_is_put_back_by_the_next(root: Path) -> None:
    killed = overrides.applied(root, ["seed=7"], Params, _silent)
    killed.__enter__()
    said: list[str] = []
    with overrides.applied(root, [], Params, said.append):
        assert (root / "params.yaml").read_text() == TEXT
    assert "seed=7" in said[0]


def test_a_kill_before_the_file_was_written_leaves_nothing_to_say(root: Path) -> None:
    killed = overrides.applied(root, ["seed=7"], Params, _silent)
    killed.__enter__()
    (root / "params.yaml").write_text(TEXT)
    with overrides.applied(root, [], Params, _silent):
        pass
    assert list((root / STATE).iterdir()) == []
