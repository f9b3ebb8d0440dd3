"""An encoder is adapted to the domain's text: it learns, whole and alike each time, and nothing of the test rows."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tasks import block, rows
from tasks import encoder as encoders
from tasks.adapt import stage as adapt
from tasks.adapt.loop import Adaptation
from tasks.adapt.params import OBJECTIVES
from tasks.adapt.training import LIBRARIES
from tasks.errors import BadInput, ParamsError
from tasks.files import read_json, sha256
from tasks.records import Record
from tests import tiny
from tests.imports import ROOT
from tests.tasks import adapted
from tests.tasks.adapted import NAME, RECIPES, curve, declare, files, run

EACH = pytest.mark.parametrize("objective", list(RECIPES))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "w").mkdir()
    return adapted.workspace(tmp_path / "w")


@EACH
def test_it_learns_and_tells_what_it_did(root: Path, tiny_encoder: Path, objective: str) -> None:
    folder = run(root, tiny_encoder, objective)
    losses = [point["held_out_loss"] for point in curve(root)]
    told = read_json(folder / "encoder.json")
    assert losses[-1] < 0.95 * losses[0]
    assert told["head"] == {"mlm": "new", "simcse": "none", "tsdae": "new"}[objective]
    assert {point["head"] for point in curve(root)} == {told["head"]}
    assert told["held_out_loss"] == {"before": losses[0], "after": losses[-1]}
    assert [point["epoch"] for point in curve(root)] == list(range(told["params"]["epochs"] + 1))
    assert told["rows"] == {
        "train_rows": 48, "file_rows": 0, "empty": 0, "repeated": 0, "kept_out": 0, "trained_on": 38, "held_out": 10,
    }  # fmt: skip
    assert told["objective"] == objective
    assert told["sha256"] == {name: sha256(folder / name) for name in files(folder) if name != "encoder.json"}
    assert told["from"]["sha256"]["model.safetensors"] == sha256(tiny_encoder / "model.safetensors")


@EACH
def test_what_comes_out_is_an_encoder_like_the_one_that_went_in(root: Path, tiny_encoder: Path, objective: str) -> None:
    folder = run(root, tiny_encoder, objective)
    assert set(files(folder)) == {*files(tiny_encoder), "encoder.json"}
    before, after = (encoders.load_network(place).state_dict() for place in (tiny_encoder, folder))
    assert before.keys() == after.keys()
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert same == {name for name in before if name.startswith("pooler.")}, "all but the unused pooler was trained"
    texts = ["printer paper jam"]
    assert encoders.Tokenizer(folder, 16)(texts) == encoders.Tokenizer(tiny_encoder, 16)(texts)


CHANGES = [
    ("mlm", {"epochs": 2}), ("mlm", {"batch_rows": 4}), ("mlm", {"learning_rate": 0.02}), ("mlm", {"warmup": 0.5}),
    ("mlm", {"weight_decay": 0.5}), ("mlm", {"clip_norm": 0.1}), ("mlm", {"held_out": 0.3}), ("mlm", {"max_tokens": 5}),
    ("mlm", {"mask_share": 0.4}), ("mlm", {"head_rate_factor": 1.0}), ("mlm", {"encoder_dropout": 0.1}),
    ("simcse", {"pooling": "cls"}), ("simcse", {"temperature": 0.5}), ("simcse", {"encoder_dropout": 0.3}),
    ("tsdae", {"pooling": "cls"}), ("tsdae", {"delete_share": 0.3}), ("tsdae", {"head_rate_factor": 1.0}),
    ("tsdae", {"encoder_dropout": 0.1}),
]  # fmt: skip


def test_every_parameter_changes_the_weights(root: Path, tiny_encoder: Path) -> None:
    plain = {one: files(run(root, tiny_encoder, one))["model.safetensors"] for one in RECIPES}
    for objective, change in CHANGES:
        assert files(run(root, tiny_encoder, objective, **change))["model.safetensors"] != plain[objective], change
    named = {(objective, key) for objective, change in CHANGES for key in change}
    common = set(OBJECTIVES["mlm"].model_fields) & set(OBJECTIVES["simcse"].model_fields) - {"encoder_dropout"}
    wanted = {
        (one, key) for one in RECIPES for key in OBJECTIVES[one].model_fields if one == "mlm" or key not in common
    }
    elsewhere = {("mlm", key) for key in ("source", "objective", "sha256", "texts", "checkpoint_steps")}
    assert named == wanted - elsewhere - {(one, "objective") for one in RECIPES}


@EACH
@pytest.mark.parametrize("stop", [4, 7, 9])
def test_a_run_that_is_killed_goes_on_to_the_same_bytes(
    root: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, objective: str, stop: int
) -> None:
    """Five steps an epoch: within the first, within the second after a checkpoint there, and just before its end."""
    recipe = {"encoder_dropout": 0.1, "checkpoint_steps": 3, "epochs": 2}
    (tmp_path / "other").mkdir()
    whole = run(adapted.workspace(tmp_path / "other"), tiny_encoder, objective, **recipe)
    step, seen = Adaptation._step, []

    def dying(self: Adaptation, batch: Any, state: Any) -> float:
        seen.append(state.step)
        if len(seen) == stop:
            raise KeyboardInterrupt
        return step(self, batch, state)

    monkeypatch.setattr(Adaptation, "_step", dying)
    with pytest.raises(KeyboardInterrupt):
        run(root, tiny_encoder, objective, **recipe)
    assert not (root / "models/encoders" / NAME).exists()
    folder = run(root, tiny_encoder, objective, **recipe)
    assert seen[stop] == {4: 3, 7: 6, 9: 6}[stop], "it began anew, or somewhere else"
    assert files(folder) == files(whole)
    assert curve(root) == curve(tmp_path / "other")


def test_a_run_that_is_killed_after_its_training_does_not_train_again(
    root: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = files(run(root, tiny_encoder))
    monkeypatch.setattr(Adaptation, "_step", None)
    assert files(run(root, tiny_encoder)) == whole


def test_another_encoder_beside_it_takes_no_training(
    root: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run(root, tiny_encoder)
    before = files(folder), curve(root)
    monkeypatch.delattr(Adaptation, "_epoch")
    own = {"source": f"path:{tiny_encoder}", **RECIPES["mlm"]}
    declare(root, **{NAME: own, "plain": {"source": f"path:{tiny_encoder}"}})
    adapt.run(root, NAME, Record(root, f"adapt@{NAME}"))
    assert (files(folder), curve(root)) == before
    declare(root, **{NAME: own | {"checkpoint_steps": 400}})
    with pytest.raises(AttributeError, match="_epoch"):  # a key of its own: it would train
        adapt.run(root, NAME, Record(root, f"adapt@{NAME}"))


def test_another_process_gives_the_same_bytes(root: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    recipe = {"encoder_dropout": 0.1, "mask_share": 0.4}
    whole = files(run(root, tiny_encoder, **recipe))
    (root / "scratch").rename(tmp_path / "unused")
    environment = {**os.environ, "PYTHONHASHSEED": "5", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "tasks", "adapt", NAME], cwd=root, check=True, env=environment)
    assert (root / "scratch").exists(), "it did not train"
    assert files(root / "models/encoders" / NAME) == whole


def test_a_loss_that_is_no_number_is_told(root: Path, tiny_encoder: Path) -> None:
    with pytest.raises(BadInput, match=r"a finite loss .* Lower the encoder's learning_rate"):
        run(root, tiny_encoder, "simcse", temperature=1e-45)


@EACH
def test_a_batch_that_does_not_fit_names_the_key(
    root: Path, tiny_encoder: Path, objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: torch.Tensor, *arguments: object) -> None:
        torch.empty(10**15)

    monkeypatch.setattr(torch.Tensor, "backward", full)
    with pytest.raises(BadInput, match=r"encoders\.adapted\.batch_rows: expected enough memory for 8 texts.*Lower it"):
        run(root, tiny_encoder, objective)


def test_a_loss_that_does_not_fall_is_told(root: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(root, tiny_encoder, "mlm", learning_rate=1.0, clip_norm=100.0)
    assert "warning: the held-out loss did not fall" in capsys.readouterr().out


def test_more_tokens_than_the_encoder_has_positions_for_are_refused(root: Path, tiny_encoder: Path) -> None:
    with pytest.raises(BadInput, match=r"encoders\.adapted: expected positions for 65 tokens, found only 64"):
        run(root, tiny_encoder, max_tokens=65)


def test_it_can_start_from_another_encoder(root: Path, tiny_encoder: Path) -> None:
    alone = files(run(root, tiny_encoder))
    declare(root, tiny={"source": f"path:{tiny_encoder}"}, **{NAME: {"source": "tiny", **RECIPES["mlm"]}})
    for name in ("tiny", NAME):
        adapt.run(root, name, Record(root, f"adapt@{name}"))
    both = files(root / "models/encoders" / NAME)
    assert both["model.safetensors"] == alone["model.safetensors"]
    told = json.loads(both["encoder.json"])
    assert told["source"] == "tiny" and told["from"]["source"] == f"path:{tiny_encoder}"
    assert read_json(root / "plots/adapt/tiny.json") == []
    assert "from" not in read_json(root / "models/encoders/tiny/encoder.json")


def test_a_checksum_is_of_the_encoder_that_it_starts_from(root: Path, tiny_encoder: Path) -> None:
    run(root, tiny_encoder, sha256={"model.safetensors": sha256(tiny_encoder / "model.safetensors")})
    with pytest.raises(BadInput, match="expected SHA-256 0000"):
        run(root, tiny_encoder, sha256={"model.safetensors": "0" * 64})


def test_a_checksum_of_the_encoder_that_is_named_holds_here_too(root: Path, tiny_encoder: Path) -> None:
    base = {"source": f"path:{tiny_encoder}", "sha256": {"model.safetensors": "0" * 64}}
    declare(root, tiny=base, **{NAME: {"source": "tiny", **RECIPES["mlm"]}})
    with pytest.raises(BadInput, match="expected SHA-256 0000"):
        adapt.run(root, NAME, Record(root, f"adapt@{NAME}"))


def test_a_link_to_the_files_of_another_encoder_than_declared_is_noticed(
    root: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    other = tiny.encoder(tmp_path / "other", seed=1)
    declare(root, tiny={"source": f"path:{other}"}, **{NAME: {"source": "tiny", **RECIPES["mlm"]}})
    tiny.params(root, encoders={"tiny": {"source": f"path:{tiny_encoder}"}, NAME: {"source": "tiny", **RECIPES["mlm"]}})
    with pytest.raises(BadInput, match="a link to another folder"):
        adapt.run(root, NAME, Record(root, "adapt"))


def test_a_note_of_another_revision_than_declared_is_noticed(root: Path) -> None:
    for revision in ("a" * 40, "b" * 40):
        encoder = {"source": f"hub:some/tiny@{revision}"}
        tiny.params(root, encoders={"tiny": encoder, NAME: {"source": "tiny", **RECIPES["mlm"]}})
        if revision[0] == "a":
            adapted.refresh(root)
    with pytest.raises(BadInput, match="expected a note of some/tiny@bbbb"):
        adapt.run(root, NAME, Record(root, "adapt"))


def test_an_unknown_objective_is_told(root: Path) -> None:
    tiny.params(root, encoders={NAME: {"source": "path:x", "objective": "bert"}})
    with pytest.raises(ParamsError, match=r"encoders\.adapted\.objective: expected one of none, mlm, simcse, tsdae"):
        adapt.run(root, NAME, Record(root, "adapt"))


SECRET = "zanzibar"


@EACH
def test_no_text_of_a_test_row_is_learned_from(
    root: Path, tiny_encoder: Path, tmp_path: Path, objective: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A planted word is in no artifact, and the weights are those of a run that never saw its rows."""
    harmless = [f"please reset the {word}" for word in tiny.WORDS]
    held = {}
    for split in ("validation", "test"):
        path = root / f"data/clean/{split}.parquet"
        table = rows.read(path)
        planted = f"the {SECRET} login is my tax {split}"
        held[split] = [planted, *rows.strings(table, "text")[1:]]
        rows.write(path, table.set_column(1, "text", [held[split]]))
    spaced = [f"  {text.replace(' ', '  ')}\t" for split in held.values() for text in split]
    found = {}
    for name, texts in {"with": [*spaced[:9], *harmless, *spaced[9:]], "without": harmless}.items():
        adapted.write_texts(tmp_path / f"{name}.txt", texts)
        folder = run(root, tiny_encoder, objective, texts=[str(tmp_path / f"{name}.txt")])
        found[name] = files(folder)["model.safetensors"], curve(root), read_json(folder / "encoder.json")["rows"]
        written = [file for place in ("models", "plots", "scratch", "costs") for file in (root / place).rglob("*")]
        adapt_files = [file for file in written if file.is_file()]
        assert len(adapt_files) > 6
        assert not [file for file in adapt_files if SECRET.encode() in file.read_bytes()]
    assert found["with"][:2] == found["without"][:2]
    assert (found["with"][2]["kept_out"], found["without"][2]["kept_out"]) == (36, 0)
    printed = capsys.readouterr()
    assert "36 texts are those of validation or test rows, or nearly so, and are left out" in printed.out
    assert SECRET not in printed.out + printed.err


def test_the_libraries_of_a_snapshot_are_those_that_the_graph_names() -> None:
    deps = block.load(ROOT / "dvc.yaml")["stages"]["adapt"]["do"]["deps"]
    named = {Path(dep).name for dep in deps if dep.startswith("links/libraries/")}
    # The others decide which texts are read, whose digest a snapshot knows, or only limit threads.
    assert named - {"datasketch", "pyarrow", "scikit-learn", "scipy", "zhconv-rs"} == set(LIBRARIES)
