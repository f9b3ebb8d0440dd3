"""Training: every model learns, is saved, reloaded and repeated to the byte; interrupted training goes on."""

import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from tasks import encoder as encoders
from tasks import features, model, rows
from tasks.embed import stage as embed
from tasks.errors import BadInput
from tasks.files import read_json, sha256
from tasks.finetune import checkpoint, loop
from tasks.finetune import stage as finetune
from tasks.finetune.classical import folds
from tasks.finetune.order import epoch_batches
from tasks.finetune.params import MODELS, READS
from tasks.records import Record
from tests import tiny
from tests.imports import ROOT

FEATURES = {
    "words": {"kind": "tfidf", "encoder": "none", "min_rows": 1},
    "vectors": {"kind": "encoder", "encoder": "tiny", "max_tokens": 16},
    "ids": {"kind": "tokens", "encoder": "tiny", "max_tokens": 16},
}
CANDIDATES = {
    "naive_bayes": {"features": "words", "model": "naive_bayes"},
    "linear_svm": {"features": "words", "model": "linear_svm"},
    "logistic_regression": {"features": "words", "model": "logistic_regression"},
    "frozen": {"features": "vectors", "model": "logistic_regression", "C": 100.0},
    "finetune": {
        "features": "ids", "model": "transformer", "tune": "full", "epochs": 6, "batch_rows": 8,
        "learning_rate": 0.005, "head_rate_factor": 2.0, "patience": 6,
    },
}  # fmt: skip


def prepare(root: Path, candidates: dict[str, dict[str, object]] = CANDIDATES) -> None:
    tiny.params(root, features=FEATURES, candidates=candidates)
    for name in {str(recipe["features"]) for recipe in candidates.values()}:
        embed.run(root, name, Record(root, f"embed@{name}"))


def fit(root: Path, name: str) -> Path:
    finetune.run(root, name, Record(root, f"finetune@{name}"))
    return root / "models" / "candidates" / name


def digests(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): sha256(file) for file in sorted(folder.rglob("*")) if file.is_file()}


def test_every_model_is_tried_here() -> None:
    assert {recipe["model"] for recipe in CANDIDATES.values()} == set(MODELS) == set(READS)


@pytest.mark.parametrize("name", CANDIDATES)
def test_a_model_learns_and_predicts_the_same_after_reloading(workspace: Path, name: str) -> None:
    prepare(workspace, {name: CANDIDATES[name]})
    folder = fit(workspace, name)
    validation = rows.read(workspace / "data/clean/validation.parquet")
    saved = model.load(folder, threads=1)
    probabilities = saved.predict_proba(validation["text"].to_pylist())
    assert saved.labels == sorted(tiny.TOPICS)
    assert probabilities.shape == (len(validation), 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    accuracy = np.mean(np.array(saved.labels)[probabilities.argmax(axis=1)] == validation["label"].to_numpy())
    curve = read_json(workspace / f"plots/learning/{name}.json")
    best = max(point["validation_accuracy"] for point in curve)
    assert accuracy >= 0.9
    assert accuracy == pytest.approx(best), "the saved weights are not those that were measured"


@pytest.mark.parametrize("name", CANDIDATES)
def test_the_same_inputs_give_the_same_bytes(workspace: Path, name: str) -> None:
    prepare(workspace, {name: CANDIDATES[name]})
    first = digests(fit(workspace, name))
    curve = (workspace / f"plots/learning/{name}.json").read_bytes()
    assert digests(fit(workspace, name)) == first
    assert (workspace / f"plots/learning/{name}.json").read_bytes() == curve


def test_another_seed_gives_another_network(workspace: Path) -> None:
    prepare(workspace, {"finetune": CANDIDATES["finetune"]})
    first = digests(fit(workspace, "finetune"))
    text = (workspace / "params.yaml").read_text().replace('"seed": 7', '"seed": 8')
    (workspace / "params.yaml").write_text(text)
    assert digests(fit(workspace, "finetune")) != first


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 5}, {"batch_rows": 6}, {"learning_rate": 0.004}, {"head_rate_factor": 3.0}, {"warmup": 0.5},
        {"weight_decay": 0.5}, {"clip_norm": 0.01}, {"dropout": 0.5}, {"encoder_dropout": 0.3},
        {"label_smoothing": 0.0}, {"head_start": "random"}, {"pooling": "cls"}, {"pooling": "max"},
    ],
    ids=str,
)  # fmt: skip
def test_every_switch_of_training_changes_the_result(workspace: Path, change: dict[str, object]) -> None:
    small = CANDIDATES["finetune"] | {"epochs": 2}
    prepare(workspace, {"plain": small, "changed": small | change})
    plain, changed = digests(fit(workspace, "plain")), digests(fit(workspace, "changed"))
    assert plain["model.safetensors"] != changed["model.safetensors"]


def test_patience_stops_and_the_best_epoch_is_kept(workspace: Path) -> None:
    # A rate this high spoils the network after it has learnt, so that a late epoch is worse than an early one.
    recipe = CANDIDATES["finetune"] | {
        "epochs": 30, "learning_rate": 0.05, "patience": 1, "best_by": "loss", "head_start": "random"
    }  # fmt: skip
    prepare(workspace, {"finetune": recipe})
    folder = fit(workspace, "finetune")
    curve = read_json(workspace / "plots/learning/finetune.json")
    losses = [point["validation_loss"] for point in curve]
    assert len(curve) < 30
    assert losses[-1] >= losses[-2] == min(losses)
    validation = rows.read(workspace / "data/clean/validation.parquet")
    saved = model.load(folder, threads=1)
    probabilities = saved.predict_proba(validation["text"].to_pylist())
    truth = np.searchsorted(saved.labels, validation["label"].to_pylist())
    assert -np.log(probabilities[np.arange(len(truth)), truth]).mean() == pytest.approx(min(losses), rel=1e-4)


KILLER = textwrap.dedent("""
    import os, signal, sys
    from pathlib import Path
    from tasks.finetune import checkpoint, loop, stage
    from tasks.records import Record
    saved = 0
    save = checkpoint.Checkpoints.save
    def save_and_die(self, *arguments):
        global saved
        save(self, *arguments)
        saved += 1
        if saved == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
    checkpoint.Checkpoints.save = save_and_die
    root = Path(sys.argv[1])
    stage.run(root, "finetune", Record(root, "finetune@finetune"))
""")


def kill_after(root: Path, saves: int) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", KILLER, str(root), str(saves)]
    return subprocess.run(command, capture_output=True, check=False)


@pytest.mark.parametrize("saves", [1, 3], ids=["within an epoch", "after an epoch"])
def test_killed_training_resumes_to_the_same_bytes(
    workspace: Path, saves: int, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = CANDIDATES["finetune"] | {"epochs": 3, "checkpoint_steps": 2, "batch_rows": 8}
    prepare(workspace, {"finetune": recipe})
    whole = digests(fit(workspace, "finetune"))
    curve = (workspace / "plots/learning/finetune.json").read_bytes()
    shutil.rmtree(workspace / "scratch")
    killed = kill_after(workspace, saves)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert any((workspace / "scratch/finetune/finetune").rglob("state.json"))
    capsys.readouterr()
    resumed = digests(fit(workspace, "finetune"))
    assert "resuming at step" in capsys.readouterr().out
    assert resumed == whole
    assert (workspace / "plots/learning/finetune.json").read_bytes() == curve
    assert len(list((workspace / "scratch/finetune/finetune").glob("*/*/state.json"))) == 1


def test_a_training_that_ended_is_not_done_again_if_its_outputs_are_lost(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the process is killed after training, before what it wrote is in DVC's cache."""
    prepare(workspace, {"finetune": CANDIDATES["finetune"]})
    whole = digests(fit(workspace, "finetune"))
    curve = (workspace / "plots/learning/finetune.json").read_bytes()
    shutil.rmtree(workspace / "models/candidates/finetune")
    monkeypatch.setattr(loop.Training, "_step", lambda *_: pytest.fail("trained again"))
    capsys.readouterr()
    assert digests(fit(workspace, "finetune")) == whole
    assert "resuming" in capsys.readouterr().out
    assert (workspace / "plots/learning/finetune.json").read_bytes() == curve


def test_training_that_diverges_says_what_to_do(workspace: Path) -> None:
    recipe = CANDIDATES["finetune"] | {"learning_rate": 1.0, "head_rate_factor": 1e30, "clip_norm": None}
    prepare(workspace, {"finetune": recipe})
    with pytest.raises(BadInput, match=r"expected a finite loss, found (nan|inf).*Lower the candidate's learning_rate"):
        fit(workspace, "finetune")


def test_a_checkpoint_knows_the_libraries_that_the_graph_names() -> None:
    deps = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]["finetune"]["do"]["deps"]
    named = {Path(dep).name for dep in deps if dep.startswith("links/libraries/")}
    assert set(checkpoint.LIBRARIES) | {"skops"} == named  # skops only writes what was trained


def test_a_checkpoint_of_other_parameters_is_not_resumed(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = CANDIDATES["finetune"] | {"epochs": 3}
    prepare(workspace, {"finetune": recipe})
    kill_after(workspace, 1)
    tiny.params(workspace, features=FEATURES, candidates={"finetune": recipe | {"learning_rate": 0.001}})
    fit(workspace, "finetune")
    assert "resuming" not in capsys.readouterr().out


def test_bfloat16_trains_and_is_recorded(workspace: Path) -> None:
    prepare(workspace, {"finetune": CANDIDATES["finetune"]})
    text = (workspace / "params.yaml").read_text().replace('"float32"', '"bfloat16"')
    (workspace / "params.yaml").write_text(text)
    with Record(workspace, "finetune@finetune") as record:
        finetune.run(workspace, "finetune", record)
    assert read_json(workspace / "costs/records/finetune@finetune.json")["notes"]["precision"] == "bfloat16"
    assert read_json(workspace / "plots/learning/finetune.json")[-1]["validation_accuracy"] >= 0.9


def test_a_model_refuses_features_that_it_cannot_read(workspace: Path) -> None:
    prepare(workspace, {"wrong": {"features": "ids", "model": "naive_bayes"}})
    with pytest.raises(BadInput, match=r"wrong\.features: expected a feature set of kind tfidf, found tokens"):
        fit(workspace, "wrong")
    assert not (workspace / "models/candidates/wrong").exists()


def test_sentence_transformers_gives_the_same_logits(workspace: Path) -> None:
    from scipy.special import softmax
    from sentence_transformers import SentenceTransformer

    prepare(workspace, {name: CANDIDATES[name] for name in ("frozen", "finetune")})
    texts = rows.read(workspace / "data/clean/test.parquet")["text"].to_pylist()
    for name in ("frozen", "finetune"):
        folder = fit(workspace, name)
        logits = SentenceTransformer(str(folder), device="cpu").encode(texts)
        ours = model.load(folder, threads=1).predict_proba(texts)
        np.testing.assert_allclose(softmax(logits.astype(np.float64), axis=1), ours, atol=1e-5)


def test_skops_loads_a_classical_model_without_our_code(workspace: Path) -> None:
    from skops import io as skops_io

    from tasks.estimator import TRUSTED

    prepare(workspace, {"linear_svm": CANDIDATES["linear_svm"]})
    folder = fit(workspace, "linear_svm")
    texts = rows.read(workspace / "data/clean/test.parquet")["text"].to_pylist()
    pipeline = skops_io.load(folder / "model.skops", trusted=list(TRUSTED))
    ours = model.load(folder, threads=1).predict_proba(texts)
    np.testing.assert_array_equal(pipeline.predict_proba([text.lower() for text in texts]), ours)


def test_a_class_with_one_train_row_can_be_fitted_and_held_out(workspace: Path) -> None:
    path = workspace / "data/clean/train.parquet"
    table = rows.read(path)
    keep = [number for number, label in enumerate(table["label"].to_pylist()) if label != "payroll" or number == 2]
    rows.write(path, table.take(keep))
    prepare(workspace, {"linear_svm": CANDIDATES["linear_svm"]})
    assert model.load(fit(workspace, "linear_svm"), threads=1).labels == sorted(tiny.TOPICS)


def test_folds_keep_every_class_in_every_train_part() -> None:
    labels = np.array(["a"] * 20 + ["b"] * 2 + ["c"] * 9)
    parts = folds(labels, seed=1)
    assert sorted(np.concatenate([held for _, held in parts])) == list(range(len(labels)))
    assert all(set(labels[train]) == {"a", "b", "c"} for train, _ in parts)


def test_an_epoch_sees_every_row_once_with_like_lengths_together() -> None:
    lengths = list(np.random.default_rng(0).integers(3, 60, size=500))
    batches = epoch_batches(lengths, 16, seed=1, epoch=0)
    assert sorted(np.concatenate(batches)) == list(range(500))
    padded = sum(len(batch) * max(lengths[row] for row in batch) for batch in batches)
    assert padded < 1.1 * sum(lengths)
    assert not np.array_equal(np.concatenate(batches), np.concatenate(epoch_batches(lengths, 16, seed=1, epoch=1)))


def test_token_budget_bounds_a_batch_and_loses_no_row() -> None:
    lengths = [3, 50, 7, 200, 12, 12, 90]
    groups = encoders.batches(lengths, token_budget=100)
    assert sorted(np.concatenate(groups)) == list(range(len(lengths)))
    assert all(len(group) == 1 or len(group) * max(lengths[row] for row in group) <= 100 for group in groups)


def test_an_unfinished_feature_set_is_not_read(workspace: Path) -> None:
    prepare(workspace, {"naive_bayes": CANDIDATES["naive_bayes"]})
    (workspace / "data/features/words" / features.MANIFEST).unlink()
    with pytest.raises(BadInput, match="expected a feature set, found none"):
        fit(workspace, "naive_bayes")


def test_nothing_is_left_of_a_stage_that_fails_while_writing(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(workspace, {"naive_bayes": CANDIDATES["naive_bayes"]})
    monkeypatch.setattr(model, "write_card", lambda *_, **__: Path("/no/such/file").stat())
    with pytest.raises(FileNotFoundError):
        fit(workspace, "naive_bayes")
    assert list((workspace / "models/candidates").iterdir()) == []
