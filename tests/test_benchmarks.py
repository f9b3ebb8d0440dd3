"""What the benchmarks promise is asked for rightly; their figures themselves are for `make bench`."""

import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import answers, peers, quality, textbook
from benchmarks.clock import Clock, race
from benchmarks.labelled import Labelled
from benchmarks.recipes import RECIPES, SETS, Recipe
from benchmarks.workspace import params
from tasks import compute, features
from tasks import params as project_params
from tasks.embed import stage as embed
from tasks.finetune import networks
from tasks.finetune.params import TransformerParams
from tasks.finetune.transformer import TransformerTrainer
from tasks.records import Record
from tests import tiny


def check(changed: dict[str, Any]) -> Any:
    """Checks the parameters that a benchmark declares."""
    return project_params.check_tree(params(changed))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.data}-{recipe.name}")
def test_a_recipe_is_made_of_parameters_that_there_are(recipe: Recipe) -> None:
    checked = check(quality.changes(recipe, Path("there")))
    block, name = recipe.contestant.split("/")
    assert name in getattr(checked, block)
    assert set(checked.candidates) == set(recipe.ensemble["members"] if recipe.ensemble else [name])
    assert checked.ingest.test_sources == [str(Path("there") / SETS[recipe.data].test)]


def test_members_of_an_ensemble_have_other_seeds_in_each_run() -> None:
    recipe = next(recipe for recipe in RECIPES if (recipe.data, recipe.name) == ("trec6", "best"))
    runs = [set(quality.settings(recipe, seed)) - {"--set"} for seed in recipe.seeds]
    assert len(set.union(*runs)) == sum(map(len, runs)) == 3 * 4
    values = [word.split("=")[1] for run in runs for word in run]
    assert len(set(values)) == len(values), "two fits of one recipe would be the same"


def test_no_two_recipes_of_a_set_have_one_name() -> None:
    names = [(recipe.data, recipe.name) for recipe in RECIPES]
    assert len(set(names)) == len(names)


def test_a_line_is_printed_as_each_seed_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = []

    class Idle:
        def __init__(self, folder: Path, changes: Any) -> None:
            self.folder = folder

        def regraft(self, *arguments: str) -> None:
            printed.append(capsys.readouterr().out)

        def json(self, path: str) -> Any:
            return {"fit_seconds": 2.0}

    monkeypatch.setattr(quality, "Workspace", Idle)
    monkeypatch.setattr(quality, "data", Path)
    monkeypatch.setattr(answers, "on_test", lambda root, contestant: SimpleNamespace(score=lambda metric: 0.5))
    quality.run(Recipe("trec6", "best", {}, {"one": {}, "two": {}}, 0.5, ensemble={"members": ["one", "two"]}))
    printed.append(capsys.readouterr().out)
    assert printed == ["", *(f"trec6 best seed {seed}: 0.5000 in 4 s\n" for seed in (1, 2, 3))]


@pytest.mark.parametrize(("scores", "short"), [([0.90, 0.95], False), ([0.90, 0.93], True)])
def test_the_mean_of_the_seeds_must_reach_what_was_promised(
    scores: list[float], short: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = Recipe("trec6", "one", {}, {}, 0.92)
    other = Recipe("agnews", "two", {}, {}, 1.1)
    monkeypatch.setattr(quality, "RECIPES", (recipe, other))
    monkeypatch.setattr(quality, "run", lambda recipe: quality.Result(recipe, scores, [1.0, 1.0]))
    if short:
        with pytest.raises(SystemExit, match="trec6 one"):
            quality.main(["trec6"])
    else:
        quality.main(["trec6"])
    printed = capsys.readouterr().out
    assert ("SHORT" in printed) == short
    assert "agnews" not in printed


def test_a_set_of_another_name_is_refused() -> None:
    with pytest.raises(SystemExit, match="no set trec7; there are banking77"):
        quality.main(["trec7"])


def test_all_benchmarks_run_even_if_one_falls_short(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []

    def fail(arguments: list[str]) -> None:
        sys.exit("too slow")

    monkeypatch.setattr(command, "NAMES", ("first", "second"))
    monkeypatch.setitem(sys.modules, "benchmarks.first", SimpleNamespace(main=fail))
    monkeypatch.setitem(sys.modules, "benchmarks.second", SimpleNamespace(main=ran.append))
    with pytest.raises(SystemExit, match="first: too slow"):
        command.main([])
    monkeypatch.setitem(sys.modules, "benchmarks.first", SimpleNamespace(main=int))  # int([]) is a TypeError
    with pytest.raises(SystemExit, match="first: TypeError"):
        command.main([])
    command.main(["second", "an argument"])
    assert ran == [[], [], ["an argument"]]
    with pytest.raises(SystemExit, match="no benchmark 'third'"):
        command.main(["third"])


def test_a_race_is_for_what_the_slow_one_had_at_its_end() -> None:
    slow = [(100.0, 0.9), (300.0, 0.8)]
    assert race([(5.0, 0.7), (10.0, 0.8), (20.0, 0.95)], slow).ratio == 30.0
    assert race([(5.0, 0.79)], slow).ratio == 0.0


@pytest.mark.parametrize(("seconds", "enough"), [(10.0, True), (10.1, False), (None, False)])
def test_ours_must_be_thirty_times_sooner(
    seconds: float | None, enough: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fast = [(1.0, 0.1)] if seconds is None else [(1.0, 0.1), (seconds, 0.8)]
    curves = {textbook.ours: fast, textbook.tuned: [(50.0, 0.9)], textbook.textbook: [(300.0, 0.8)]}
    monkeypatch.setattr(textbook, "alone", lambda contender, rows: curves[contender])
    if enough:
        textbook.main([])
    else:
        with pytest.raises(SystemExit, match="30 times sooner"):
            textbook.main([])
    when = "never" if seconds is None else f"after {seconds} s"
    assert f"textbook ends with 0.8000 after 300.0 s; ours has that {when}" in capsys.readouterr().out


def test_a_clock_stands_still_in_pauses() -> None:
    clock = Clock()
    with clock.paused():
        time.sleep(0.2)
    clock.note(0.5)
    assert clock.curve[0][0] < 0.1


def test_looking_at_training_changes_nothing_of_it(workspace: Path) -> None:
    tiny.params(workspace, features={"ids": {"kind": "tokens", "encoder": "tiny", "max_tokens": 16}})
    embed.run(workspace, "ids", Record(workspace, "embed@ids"))
    recipe = {"features": "ids", "model": "transformer", "tune": "full", "epochs": 2, "best_by": "last"}
    rows = np.arange(48)

    def fit(name: str) -> Any:
        feature_set = features.load(workspace / "data" / "features" / "ids")
        trainer = TransformerTrainer(feature_set, sorted(tiny.TOPICS), compute.read(workspace))
        return trainer.fit(TransformerParams.model_validate(recipe), rows, workspace / name)

    plain, clock = fit("plain"), Clock()
    with mock.patch.object(networks, "Training", textbook.watched(clock)):
        seen = fit("seen")
    np.testing.assert_array_equal(seen.predict_proba(rows), plain.predict_proba(rows))
    assert [accuracy for _, accuracy in clock.curve[1:]] == [point["validation_accuracy"] for point in plain.curve]


@pytest.mark.parametrize("dynamic", [False, True])
def test_a_peer_trains_and_is_looked_at_after_each_epoch(dynamic: bool, tiny_encoder: Path, tmp_path: Path) -> None:
    splits = []
    for seed, count in ((0, 240), (1, 60)):
        pairs = tiny.texts(count, seed)
        splits.append(Labelled([text for text, _ in pairs], [list(tiny.TOPICS).index(label) for _, label in pairs]))
    peer = peers.Peer(dynamic=dynamic, learning_rate=0.005)
    curve = peers.train(peer, tiny_encoder, *splits, threads=1, folder=tmp_path)
    assert len(curve) == 3
    assert curve[0][0] < curve[1][0] < curve[2][0]
    assert curve[-1][1] > 0.6
