"""Training of an encoder: it learns, every switch of it matters, and the same inputs give the same bytes."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML
from scipy.special import softmax

from tasks import encoder as encoders
from tasks import features, network, rows, snapshots
from tasks.compute import Compute
from tasks.embed import stage as embed
from tasks.features import FeatureSet
from tasks.finetune import checkpoint, loop
from tasks.finetune.networks import FittedNetwork
from tasks.finetune.params import TrainingParams, TransformerParams
from tasks.finetune.transformer import TransformerTrainer
from tasks.records import Record
from tests import tiny
from tests.imports import ROOT

CLASSES = sorted(tiny.TOPICS)
COMPUTE = Compute(seed=7, threads=1, device="cpu", precision="float32")
RECIPE: dict[str, Any] = {
    "features": "ids", "model": "transformer", "tune": "full", "epochs": 6, "batch_rows": 8, "learning_rate": 0.005,
    "head_rate_factor": 2.0, "patience": 6,
}  # fmt: skip
ALL = np.arange(48)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> FeatureSet:
    """A feature set of token ids; do not change it."""
    root = tmp_path_factory.mktemp("tokens")
    tiny.clean_rows(root)
    (root / "models/encoders").mkdir(parents=True)
    (root / "models/encoders/tiny").symlink_to(tiny_encoder)
    tiny.params(root, features={"ids": {"kind": "tokens", "encoder": "tiny", "max_tokens": 16}}, candidates={})
    embed.run(root, "ids", Record(root, "embed@ids"))
    return features.load(root / "data/features/ids")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def fit(
    tokens: FeatureSet, scratch: Path, shown: Any = ALL, compute: Compute = COMPUTE, **changes: object
) -> FittedNetwork:
    trainer = TransformerTrainer(tokens, CLASSES, compute)
    return trainer.fit(TransformerParams.model_validate(RECIPE | changes), shown, scratch)


def digest(fitted: FittedNetwork) -> str:
    whole = hashlib.sha256()
    for name, tensor in sorted(fitted.network.state_dict().items()):
        whole.update(name.encode() + tensor.numpy().tobytes())
    return whole.hexdigest()


@pytest.fixture(scope="module")
def fitted(tokens: FeatureSet, tmp_path_factory: pytest.TempPathFactory) -> FittedNetwork:
    torch.set_num_threads(1)
    return fit(tokens, tmp_path_factory.mktemp("fitted"), ALL[:40])


def test_rows_that_were_not_shown_are_predicted_right(tokens: FeatureSet, fitted: FittedNetwork) -> None:
    held = ALL[40:]
    probabilities = fitted.predict_proba(held)
    assert probabilities.shape == (8, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert np.mean(np.array(CLASSES)[probabilities.argmax(axis=1)] == tokens.labels("train")[held]) >= 0.75
    assert fitted.predict_proba(held[:0]).shape == (0, 3)
    assert (fitted.device, fitted.precision, fitted.seconds > 0) == ("cpu", "float32", True)


def test_a_fitted_network_predicts_as_it_does_once_saved_and_loaded(
    tokens: FeatureSet, fitted: FittedNetwork, tmp_path: Path
) -> None:
    assert fitted.save(tmp_path) == "network"
    loaded, max_tokens = network.load(tmp_path)
    texts = rows.read(tokens.folder.parents[1] / "clean/train.parquet")["text"].to_pylist()
    tokenizer = encoders.Tokenizer(tmp_path, max_tokens)
    logits = encoders.run_batched(loaded, tokenizer(texts), tokenizer.pad_id, 4096, "cpu")
    np.testing.assert_array_equal(softmax(logits.astype(np.float64), axis=1), fitted.predict_proba(ALL))


def test_sentence_transformers_gives_the_same_logits(tokens: FeatureSet, fitted: FittedNetwork, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    fitted.save(tmp_path)
    texts = rows.read(tokens.folder.parents[1] / "clean/train.parquet")["text"].to_pylist()
    logits = SentenceTransformer(str(tmp_path), device="cpu").encode(texts)
    ours = fitted.predict_proba(ALL)
    np.testing.assert_allclose(softmax(logits.astype(np.float64), axis=1), ours, atol=1e-5)


def test_each_fit_starts_from_the_encoder_as_it_was(tokens: FeatureSet, tmp_path: Path) -> None:
    trainer = TransformerTrainer(tokens, CLASSES, COMPUTE)
    recipe = TransformerParams.model_validate(RECIPE | {"epochs": 1})
    first = trainer.fit(recipe, ALL, tmp_path / "first")
    trainer.fit(recipe, ALL[:24], tmp_path / "other")
    assert digest(trainer.fit(recipe, ALL, tmp_path / "again")) == digest(first)


def test_a_class_without_rows_has_probability_zero(tokens: FeatureSet, tmp_path: Path) -> None:
    shown = ALL[tokens.labels("train") != "hardware"]
    found = fit(tokens, tmp_path, shown, epochs=3, class_weight={"hardware": 2.0})
    probabilities = found.predict_proba(ALL)
    assert CLASSES[1] == "hardware"
    assert (probabilities[:, 1] == 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    right = np.array(CLASSES)[probabilities[shown].argmax(axis=1)] == tokens.labels("train")[shown]
    assert right.mean() > 0.9
    with pytest.raises(ValueError, match="rows of every class"):
        found.save(tmp_path)


def test_rows_of_a_single_class_are_no_obstacle(tokens: FeatureSet, tmp_path: Path) -> None:
    shown = ALL[tokens.labels("train") == "payroll"]
    probabilities = fit(tokens, tmp_path, shown, epochs=1).predict_proba(ALL[:2])
    np.testing.assert_array_equal(probabilities, [[0, 0, 1]] * 2)


def test_bfloat16_trains_too(tokens: FeatureSet, tmp_path: Path) -> None:
    found = fit(tokens, tmp_path, compute=replace(COMPUTE, precision="bfloat16"))
    assert found.precision == "bfloat16"
    assert found.curve[-1]["validation_accuracy"] >= 0.9


CHANGES: dict[str, list[Any]] = {
    "epochs": [3], "batch_rows": [6], "accumulate": [2], "learning_rate": [0.004],
    "schedule": ["cosine", "constant"], "warmup": [0.5], "weight_decay": [0.5], "l1": [0.1], "clip_norm": [0.01, None],
    "clip_value": [0.001], "dropout": [0.5], "loss": ["focal"], "focal_gamma": [1.0], "label_smoothing": [0.0],
    "consistency": [1.0], "average_epochs": [2], "best_by": ["accuracy", "loss", "last"], "patience": [1],
    "class_weight": ["balanced", "sampled", {"access": 3.0}], "pooling": ["cls", "max"], "head_rate_factor": [3.0],
    "encoder_dropout": [0.3], "head_start": ["random"], "mixup": [0.4], "tune": ["lora", "adapter", "head"],
    "lora_rank": [2], "lora_alpha": [4.0], "lora_dropout": [0.5], "lora_targets": [["query", "value"]],
    "adapter_size": [4], "layers": [1], "freeze_embeddings": [True], "freeze_layers": [1, 2],
    "reinit_layers": [1, 2], "layer_rate_decay": [0.5], "unfreeze": ["gradual"], "unfreeze_epochs": [0.5],
    "contrastive": [{"learning_rate": 0.001, "epochs": 1}],
}  # fmt: skip
# The last four are tried elsewhere.
NO_SWITCHES = {"features", "model", "search", "seed", "bag", "layer_choice", "calibration"}
LORA = {"tune": "lora"}
NEEDS: dict[str, dict[str, object]] = {
    "focal_gamma": {"loss": "focal"}, "lora_rank": LORA, "lora_alpha": LORA, "lora_dropout": LORA,
    "lora_targets": LORA, "adapter_size": {"tune": "adapter"}, "unfreeze_epochs": {"unfreeze": "gradual"},
}  # fmt: skip
UNEVEN = ALL[:14]  # classes of 5, 5 and 4 rows


def scripted_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the four epochs scored so that each score and each patience keeps another epoch."""
    table = iter([(0.1, 0.5, 0.5), (0.3, 0.9, 0.4), (0.2, 0.8, 0.9), (0.4, 0.7, 0.6)])
    names = ("validation_loss", "validation_accuracy", "validation_macro_f1")
    monkeypatch.setattr(loop, "validation_scores", lambda *_: dict(zip(names, next(table), strict=True)))


def changed(tokens: FeatureSet, scratch: Path, monkeypatch: pytest.MonkeyPatch, **changes: object) -> str:
    scripted_scores(monkeypatch)
    return digest(fit(tokens, scratch, UNEVEN, **({"epochs": 4} | changes)))


def test_every_switch_of_training_is_tried_here() -> None:
    switches = {*TrainingParams.model_fields, *TransformerParams.model_fields} - NO_SWITCHES
    assert switches == {*CHANGES, "checkpoint_steps", "warm_start"}, "test_warm_start.py tries the last"
    assert {"full", *CHANGES["tune"]} == set(get_args(TransformerParams.model_fields["tune"].annotation))


@pytest.fixture(scope="module")
def plain(tokens: FeatureSet, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Digests without any change, by the switch that needs others to matter."""
    torch.set_num_threads(1)
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, needs in {"": {}, **NEEDS}.items():
            found[name] = changed(tokens, tmp_path_factory.mktemp("plain"), patch, **needs)
    return found


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in CHANGES for value in CHANGES[name]], ids=str)
def test_every_switch_of_training_changes_the_result(
    tokens: FeatureSet, plain: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    found = changed(tokens, tmp_path, monkeypatch, **NEEDS.get(name, {}), **{name: value})
    assert found != plain[name if name in NEEDS else ""]


@pytest.mark.parametrize("change", [{}, {"checkpoint_steps": 1}], ids=str)
def test_what_is_no_switch_of_training_does_not_change_the_result(
    tokens: FeatureSet, plain: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, int]
) -> None:
    assert changed(tokens, tmp_path, monkeypatch, **change) == plain[""]


def test_another_seed_gives_another_network(
    tokens: FeatureSet, plain: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted_scores(monkeypatch)
    assert digest(fit(tokens, tmp_path, UNEVEN, replace(COMPUTE, seed=8), epochs=4)) != plain[""]


def test_a_fingerprint_knows_all_that_determines_a_training(
    monkeypatch: pytest.MonkeyPatch, tokens: FeatureSet
) -> None:
    recipe = TransformerParams.model_validate(RECIPE).model_dump()

    def key(manifest: Any = tokens.manifest, params: Any = recipe, compute: Compute = COMPUTE, shown: Any = ALL) -> str:
        return checkpoint.fingerprint(manifest, params, compute, shown)

    keys = [
        key(), key(manifest={**tokens.manifest, "sha256": {}}), key(params=recipe | {"epochs": 9}),
        key(compute=replace(COMPUTE, threads=2)), key(shown=ALL[1:]), key(shown=ALL[::-1]),
    ]  # fmt: skip
    monkeypatch.setattr(snapshots, "version", lambda name: "99")
    keys.append(key())
    monkeypatch.setattr(snapshots, "sha256", lambda file: "other code")
    keys.append(key())
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    keys.append(key())
    assert len(set(keys)) == len(keys)


def test_a_checkpoint_knows_the_libraries_that_the_graph_names() -> None:
    deps = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]["finetune"]["do"]["deps"]
    named = {Path(dep).name for dep in deps if dep.startswith("links/libraries/")}
    # The others choose what is trained, or write what was trained.
    assert named - {"onnx", "onnxruntime", "optuna", "skops"} == set(checkpoint.LIBRARIES)


def test_a_checkpoint_of_other_rows_is_not_resumed(
    tokens: FeatureSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(tokens, tmp_path, ALL[:24], epochs=1)
    capsys.readouterr()
    fit(tokens, tmp_path, ALL[24:], epochs=1)
    assert "resuming" not in capsys.readouterr().out
    assert len(list(tmp_path.glob("*/*/state.json"))) == 1, "what is never used again must not be kept"
    fit(tokens, tmp_path, ALL[24:], epochs=1)
    assert "resuming" in capsys.readouterr().out
