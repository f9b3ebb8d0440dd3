"""What of an encoder is trained: the rest stays to the bit, and what is saved is a stock model that says the same."""

import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.special import softmax
from transformers import AlbertConfig, AlbertModel, BertModel, ModernBertConfig, ModernBertModel

from tasks import encoder as encoders
from tasks import network, optimiser, rows
from tasks.errors import BadInput, ParamsError
from tasks.features import FeatureSet
from tasks.files import read_json, sha256
from tasks.finetune import bottleneck, layers
from tasks.finetune.checkpoint import Checkpoints
from tasks.finetune.rates import peak_rates
from tasks.finetune.transformer import TransformerTrainer
from tasks.finetune.tuned import Tuned
from tasks.network import Classifier
from tasks.params import check_tree
from tests import tuning
from tests.imports import ROOT
from tests.tuning import ALL, CLASSES, COMPUTE, digest, fit

Weights = dict[str, torch.Tensor]
WAYS: dict[str, dict[str, Any]] = {
    "lora": {"tune": "lora", "lora_rank": 2, "lora_dropout": 0.1},
    "query": {"tune": "lora", "lora_targets": ["query"], "freeze_layers": 1},
    "adapter": {"tune": "adapter", "adapter_size": 3},
    "head": {"tune": "head"},
    "frozen": {"freeze_layers": 1},
    "embeddings": {"freeze_embeddings": True},
    "gradual": {"unfreeze": "gradual", "unfreeze_epochs": 0.5, "layer_rate_decay": 0.5},
}


@pytest.fixture(scope="module")
def ids(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> FeatureSet:
    """A feature set of token ids; do not change it."""
    return tuning.tokens(tmp_path_factory.mktemp("tokens"), tiny_encoder)


@pytest.fixture(scope="module")
def models(ids: FeatureSet, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Path]]:
    """What was fitted, and the folder that it was saved in, by the way of tuning; do not change them."""
    made = {}
    for name, changes in WAYS.items():
        folder = tmp_path_factory.mktemp(name)
        fitted = fit(ids, folder / "scratch", **changes)
        (folder / "model").mkdir()
        fitted.save(folder / "model")
        made[name] = (fitted, folder / "model")
    return made


def tuned(ids: FeatureSet, **changes: Any) -> Tuned:
    torch.manual_seed(0)
    return Tuned(encoders.load_network(ids.encoder), 3, tuning.params(**changes))


def texts(ids: FeatureSet) -> list[str]:
    return [str(text) for text in rows.read(ids.folder.parents[1] / "clean/train.parquet")["text"].to_pylist()]


def probabilities(ids: FeatureSet, classifier: Classifier) -> Any:
    tokenizer = encoders.Tokenizer(ids.encoder, 16)
    logits = encoders.run_batched(classifier, tokenizer(texts(ids)), tokenizer.pad_id, 4096, "cpu")
    return softmax(logits.astype(np.float64), axis=1)


def moved(ids: FeatureSet, folder: Path) -> set[str]:
    """The encoder's weights that training changed."""
    before, after = (load_file(path / "model.safetensors") for path in (ids.encoder, folder))
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


# Saved and loaded


@pytest.mark.parametrize("way", WAYS)
def test_what_was_fitted_predicts_the_same_once_saved(
    ids: FeatureSet, models: dict[str, tuple[Any, Path]], way: str
) -> None:
    fitted, folder = models[way]
    loaded, _ = network.load(folder)
    np.testing.assert_array_equal(probabilities(ids, loaded), fitted.predict_proba(ALL))


@pytest.mark.parametrize("way", ["lora", "adapter", "head"])
def test_sentence_transformers_gives_the_same_logits(
    ids: FeatureSet, models: dict[str, tuple[Any, Path]], way: str
) -> None:
    from sentence_transformers import SentenceTransformer

    fitted, folder = models[way]
    logits = SentenceTransformer(str(folder), device="cpu").encode(texts(ids))
    np.testing.assert_allclose(softmax(logits.astype(np.float64), axis=1), fitted.predict_proba(ALL), atol=1e-5)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft asks for it
def test_peft_puts_the_adapter_onto_the_encoder_and_gives_the_same(
    ids: FeatureSet, models: dict[str, tuple[Any, Path]]
) -> None:
    from peft import PeftModel

    fitted, folder = models["lora"]
    classifier, _ = network.load(folder)
    plain = encoders.load_network(ids.encoder)
    classifier.encoder = plain
    assert not np.allclose(probabilities(ids, classifier), fitted.predict_proba(ALL), atol=1e-3), "it learnt nothing"
    classifier.encoder = PeftModel.from_pretrained(plain, str(folder / "adapter")).eval()
    np.testing.assert_allclose(probabilities(ids, classifier), fitted.predict_proba(ALL), atol=1e-5)


def test_a_bottleneck_adapter_can_be_put_onto_the_encoder_again(
    ids: FeatureSet, models: dict[str, tuple[Any, Path]]
) -> None:
    fitted, folder = models["adapter"]
    classifier, _ = network.load(folder)
    assert read_json(folder / "config.json")["intermediate_size"] == 32 + 3
    classifier.encoder = encoders.load_network(ids.encoder)
    assert not np.allclose(probabilities(ids, classifier), fitted.predict_proba(ALL), atol=1e-3), "it learnt nothing"
    bottleneck.put_onto(classifier.encoder, folder)
    np.testing.assert_array_equal(probabilities(ids, classifier), fitted.predict_proba(ALL))


def test_an_adapter_is_the_same_to_the_byte_in_another_process(
    ids: FeatureSet, models: dict[str, tuple[Any, Path]], tmp_path: Path
) -> None:
    """The library keeps names in sets, whose order another process does not share."""
    _, folder = models["lora"]
    command = [sys.executable, "-m", "tests.tuning", str(ids.folder), str(tmp_path), json.dumps(WAYS["lora"])]
    env = os.environ | {"PYTHONHASHSEED": "99", "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True)
    shutil.rmtree(tmp_path / "scratch")
    kept = {path.relative_to(folder): sha256(path) for path in folder.rglob("*") if path.is_file()}
    assert {path.relative_to(tmp_path): sha256(path) for path in tmp_path.rglob("*") if path.is_file()} == kept
    assert (
        sum(path.stat().st_size for path in (folder / "adapter").iterdir())
        < (folder / "model.safetensors").stat().st_size
    )


# What is trained, and what stays


def test_what_is_not_trained_stays_to_the_bit(ids: FeatureSet, models: dict[str, tuple[Any, Path]]) -> None:
    everything = moved(ids, models["gradual"][1])
    top, lower, below = "encoder.layer.1.", "encoder.layer.0.", "embeddings."
    for prefix in (top, lower, below):
        assert any(name.startswith(prefix) for name in everything), "a layer was never trained"
    assert moved(ids, models["head"][1]) == set()
    assert sha256(models["head"][1] / "model.safetensors") == sha256(ids.encoder / "model.safetensors")
    assert moved(ids, models["frozen"][1]) == {name for name in everything if name.startswith(top)}
    assert moved(ids, models["embeddings"][1]) == {name for name in everything if not name.startswith(below)}
    maps = {name for name in everything if ".dense.weight" in name or (".self." in name and name.endswith("weight"))}
    assert moved(ids, models["lora"][1]) == maps
    assert moved(ids, models["query"][1]) == {"encoder.layer.1.attention.self.query.weight"}


def test_an_adapter_leaves_the_feed_forward_layers_own_weights_alone(
    ids: FeatureSet, models: dict[str, tuple[Any, Path]]
) -> None:
    before, after = (load_file(path / "model.safetensors") for path in (ids.encoder, models["adapter"][1]))
    other = {
        name for name in before if not torch.equal(before[name], after[name][tuple(map(slice, before[name].shape))])
    }
    assert not other
    wider = {name for name in before if before[name].shape != after[name].shape}
    ends = ("intermediate.dense.weight", "intermediate.dense.bias", "output.dense.weight")
    assert wider == {f"encoder.layer.{layer}.{end}" for layer in (0, 1) for end in ends}


@pytest.mark.parametrize("changes", [WAYS["lora"], WAYS["adapter"]], ids=["lora", "adapter"])
def test_an_adapter_changes_nothing_at_first(ids: FeatureSet, changes: dict[str, Any]) -> None:
    torch.manual_seed(0)
    plain = Tuned(encoders.load_network(ids.encoder), 3, tuning.params())
    adapted = tuned(ids, **changes)
    adapted.head.load_state_dict(plain.head.state_dict())
    np.testing.assert_allclose(probabilities(ids, adapted.eval()), probabilities(ids, plain.eval()), atol=1e-6)


def test_the_trained_share_is_told(models: dict[str, tuple[Any, Path]]) -> None:
    notes = {name: fitted.notes for name, (fitted, _) in models.items()}
    whole = notes["gradual"]["weights"]
    assert notes["gradual"]["trained_weights"] == whole == notes["head"]["weights"]
    assert notes["head"]["trained_weights"] == 16 * 3 + 3
    assert notes["query"] | {"gradient_warnings": []} == {
        "weights": whole + 8 * (16 + 16), "trained_weights": 8 * (16 + 16) + 51, "gradient_warnings": [],
    }  # fmt: skip
    assert notes["adapter"]["weights"] - whole == 2 * (16 * 3 + 3 + 3 * 16)


def test_frozen_layers_keep_nothing_for_gradients(ids: FeatureSet) -> None:
    classifier = tuned(ids, freeze_layers=1)
    seen = []
    for layer in encoders.stack(classifier.encoder):
        layer.register_forward_hook(
            lambda module, given, made: seen.append((made[0] if isinstance(made, tuple) else made).requires_grad)
        )
    classifier(torch.tensor([[2, 5, 3]]))
    assert seen == [False, True]


@pytest.mark.parametrize("weight", ["balanced", "sampled", {"access": 50.0}], ids=str)
def test_a_head_that_stays_as_it_starts_weighs_its_classes(ids: FeatureSet, tmp_path: Path, weight: Any) -> None:
    """Classes of unlike size, as the first rows have: the rarer one is answered more often."""
    labels = np.array(ids.labels("train"))
    few = np.flatnonzero(labels == "access")[:3]
    shown = np.sort(np.concatenate([few, np.flatnonzero(labels != "access")]))
    answers = [
        fit(ids, tmp_path / str(number), shown, epochs=0, class_weight=setting).predict_proba(ALL)[:, 0].mean()
        for number, setting in enumerate(("none", weight))
    ]
    assert answers[1] > answers[0] + 0.02


@pytest.mark.parametrize("epochs", [1, 5])
def test_an_encoder_that_is_not_trained_runs_once_a_row(
    ids: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs: int
) -> None:
    seen = []
    forward = BertModel.forward

    def counting(self: BertModel, *arguments: Any, **named: Any) -> Any:
        seen.append(len(named["input_ids"]))
        return forward(self, *arguments, **named)

    monkeypatch.setattr(BertModel, "forward", counting)
    fit(ids, tmp_path, tune="head", epochs=epochs)
    assert sum(seen) == 48 + 18


# Rates, new layers, unfreezing


def test_each_layer_has_its_share_of_the_rate_of_the_one_above(ids: FeatureSet) -> None:
    classifier = tuned(ids, layer_rate_decay=0.5, learning_rate=0.01, head_rate_factor=3.0)
    params = tuning.params(layer_rate_decay=0.5, learning_rate=0.01, head_rate_factor=3.0)
    built = optimiser.build(peak_rates(classifier, params), 0.01)
    rates = {id(weight): group["peak"] for group in built.param_groups for weight in group["params"]}
    wanted = {"head": 0.03, "encoder.pooler": 0.01, "encoder.encoder.layer.1": 0.01, "encoder.encoder.layer.0": 0.005,
              "encoder.embeddings": 0.0025}  # fmt: skip
    for name, weight in classifier.named_parameters():
        (rate,) = [rate for prefix, rate in wanted.items() if name.startswith(f"{prefix}.")]
        assert rates[id(weight)] == pytest.approx(rate), name


def test_the_top_layers_start_anew_and_the_others_do_not(ids: FeatureSet) -> None:
    trainer = TransformerTrainer(ids, CLASSES, COMPUTE)
    states = []
    for seed, changed in [(7, 1), (7, 1), (8, 1), (7, 0)]:
        torch.manual_seed(seed)
        states.append(trainer.build(tuning.params(reinit_layers=changed), 3).state_dict())
    anew, again, other, plain = states
    assert all(torch.equal(anew[name], again[name]) for name in anew)
    differ = {name for name in plain if not torch.equal(anew[name], plain[name])} - {"head.weight", "head.bias"}
    assert differ and all(name.startswith("encoder.encoder.layer.1.") for name in differ)
    assert all(not torch.equal(anew[name], other[name]) for name in differ if name.endswith("dense.weight"))


def test_layers_are_unfrozen_one_after_the_other(
    ids: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Weights] = []
    monkeypatch.setattr(
        Checkpoints,
        "save",
        lambda self, state, network, optimiser: seen.append({k: v.clone() for k, v in network.state_dict().items()}),
    )
    fit(ids, tmp_path, unfreeze="gradual", epochs=5, best_by="macro_f1", patience=1)
    changed = [
        {name.split(".layer.")[-1][0] if ".layer." in name else name.split(".")[-3 if "embeddings" in name else 0]
         for name in before if not torch.equal(before[name], after[name])}
        for before, after in pairwise(seen)
    ]  # fmt: skip
    assert changed[0] == {"head", "1"}
    assert changed[1] == {"head", "1", "0"}
    assert {"head", "1", "0", "embeddings"} == changed[2]
    assert len(seen) >= 4, "patience must wait until all layers are trained"
    said = capsys.readouterr().out
    assert "from step 1 on, the head alone is trained" in said
    assert "from step 7 on, the top layer is trained" in said
    assert "from step 19 on, all layers are trained" in said


def test_unfreezing_that_ends_too_early_is_told(
    ids: FeatureSet, tmp_path: Path, capsys: pytest.CaptureFixture[str], models: dict[str, tuple[Any, Path]]
) -> None:
    """Two layers and the embeddings want three turns of 6 steps; 12 steps end with the top layer, patience or not."""
    slow: dict[str, Any] = {"unfreeze": "gradual", "epochs": 2, "best_by": "macro_f1", "patience": 1}
    fitted = fit(ids, tmp_path, **slow)
    sentence = str(fitted.notes["unfreezing_warning"])
    assert "came no further than that the top layer is trained" in sentence
    assert "takes 19 steps until all layers are, and there were 12" in sentence
    assert f"warning: {sentence}" in capsys.readouterr().out
    (tmp_path / "model").mkdir()
    fitted.save(tmp_path / "model")
    changed = moved(ids, tmp_path / "model")
    assert changed and all(name.startswith(("encoder.layer.1.", "pooler.")) for name in changed)
    own = {name: weight.numel() for name, weight in fitted.network.named_parameters()}
    top = sum(size for name, size in own.items() if name.startswith(("encoder.encoder.layer.1.", "encoder.pooler.")))
    assert fitted.notes["trained_weights"] == top + own["head.weight"] + own["head.bias"]
    assert fit(ids, tmp_path, **slow).notes == fitted.notes, "also where the training had ended before"
    assert "unfreezing_warning" not in models["gradual"][0].notes


@pytest.mark.parametrize("way", ["gradual", "lora", "adapter", "head", "frozen"])
@pytest.mark.parametrize("saves", [1, 4])
def test_tuning_that_was_interrupted_goes_on_to_the_same_bytes(
    ids: FeatureSet, models: dict[str, tuple[Any, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str,
    saves: int,
) -> None:  # fmt: skip
    left = [saves]
    save = Checkpoints.save

    def save_and_stop(self: Checkpoints, *arguments: Any) -> None:
        save(self, *arguments)
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            fit(ids, tmp_path, **WAYS[way], checkpoint_steps=2)
    fitted = fit(ids, tmp_path, **WAYS[way], checkpoint_steps=2)
    assert left == [0], "nothing was trained before the end"
    assert digest(fitted) == digest(models[way][0])


# What cannot be


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"freeze_layers": 3}, r"freeze_layers: expected at most 2.*found 3"),
        ({"reinit_layers": 3}, r"reinit_layers: expected at most 2.*found 3"),
        (
            {"tune": "lora", "lora_targets": ["query", "q_proj"]},
            r"lora_targets.*dense, key, query, value.*found q_proj",
        ),
        ({"freeze_layers": 1, "reinit_layers": 2}, r"freeze_layers and reinit_layers: .*at most 2.*found 1 and 2"),
        ({"freeze_layers": 2, "contrastive": {}}, r"freeze_layers: expected less than 2.*contrastive.*found 2"),
        ({"freeze_layers": 2, "tune": "adapter"}, r"freeze_layers: expected less than 2.*tune: adapter.*found 2"),
        ({"freeze_layers": 2, "tune": "lora"}, r"freeze_layers: expected less than 2.*tune: lora.*found 2"),
    ],
)
def test_layers_that_the_encoder_has_not_are_refused(
    ids: FeatureSet, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        fit(ids, tmp_path, **changes)


def test_adapters_are_refused_where_they_would_not_merge() -> None:
    config = ModernBertConfig(
        vocab_size=20, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        pad_token_id=0, cls_token_id=1, sep_token_id=2, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    with pytest.raises(BadInput, match=r"feed-forward layers as in BERT.*found ModernBertModel.*tune: lora"):
        bottleneck.attach(ModernBertModel(config), 4)


def test_layers_that_are_one_layer_run_several_times_are_refused() -> None:
    config = AlbertConfig(
        vocab_size=20, embedding_size=8, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2,
    )  # fmt: skip
    classifier = Classifier(AlbertModel(config), 3)
    with pytest.raises(BadInput, match="expected one stack of 2 layers"):
        layers.layers_above(classifier)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tune": "adapters"}, "tune: expected 'full', 'lora', 'adapter' or 'head', given 'adapters'"),
        ({"tune": "head", "freeze_layers": 2}, "expected no freeze_layers with tune: head"),
        ({"tune": "head", "unfreeze": "gradual"}, "expected no unfreeze with tune: head"),
        ({"tune": "lora", "reinit_layers": 1}, "expected reinit_layers with tune: full alone"),
        ({"warm_start": "models/x"}, "warm_start: expected none, or path:<folder>, given 'models/x'"),
        ({"layer_rate_decay": 1.5}, "layer_rate_decay: expected less than or equal to 1"),
        ({"tune": "lora", "lora_targets": []}, "lora_targets: "),
        ({"lora_rank": 4}, "expected tune: lora where there is lora_rank"),
        ({"tune": "lora", "freeze_embeddings": True}, "expected no freeze_embeddings with tune: lora"),
        ({"tune": "head", "encoder_dropout": 0.1}, "expected no encoder_dropout with tune: head"),
        ({"focal_gamma": 1.0}, "expected loss: focal where there is focal_gamma"),
        ({"search": {"space": {"focal_gamma": [1.0, 3.0]}}}, "expected loss: focal where there is focal_gamma"),
        ({"search": {"space": {"warm_start": ["none", "path:x"]}}}, "not warm_start"),
        ({"tune": "lora", "adapter_size": 4}, "expected tune: adapter where there is adapter_size"),
        ({"unfreeze_epochs": 0.5}, "expected unfreeze: gradual where there is unfreeze_epochs"),
        ({"search": {"space": {"lora_rank": [4, 8]}}}, "expected tune: lora where there is lora_rank"),
        ({"epochs": 0, "head_start": "random"}, "expected head_start: probe with epochs: 0"),
        (
            {"epochs": 0, "head_start": "random", "warm_start": "path:x"},
            "expected head_start: probe with epochs: 0",
        ),
        ({"epochs": 0, "mixup": 0.4}, "expected no mixup with epochs: 0, which trains nothing"),
        ({"epochs": 0, "encoder_dropout": 0.1}, "expected no encoder_dropout with epochs: 0"),
        ({"epochs": 0, "search": {"space": {"l1": [0.0, 0.1]}}}, "expected no l1 with epochs: 0"),
        (
            {"epochs": 0, "contrastive": {}, "unfreeze": "gradual"},
            "expected no unfreeze with epochs: 0, which trains nothing after contrastive",
        ),
        ({"mixup": 0.005}, "mixup: expected 0 or at least 0.01, below which nothing is mixed, given 0.005"),
        ({"search": {"space": {"mixup": {"low": 0.0, "high": 1.0}}}}, "0 or at least 0.01"),
    ],
)
def test_values_that_do_not_go_together_are_refused(changes: dict[str, object], message: str) -> None:
    tree = {
        "seed": 7, "threads": 1, "device": "cpu", "precision": "float32",
        "encoders": {"tiny": {"source": "package:x", "objective": "none"}},
        "features": {"ids": {"kind": "tokens", "encoder": "tiny"}},
        "candidates": {"tuned": tuning.RECIPE | changes}, "ingest": {"sources": ["a.csv"],
        "columns": {"text": "text", "label": "label", "time": None, "id": None}},
    }  # fmt: skip
    with pytest.raises(ParamsError) as caught:
        check_tree(tree)
    assert message in str(caught.value)


def test_a_search_may_try_a_switch_together_with_what_it_switches() -> None:
    space = {"tune": ["full", "lora"], "lora_rank": [4, 8], "mixup": [0.0, 0.4]}
    declared = tuning.params(lora_alpha=8.0, search={"space": space})
    assert declared.replaced({"tune": "full", "lora_rank": 4}).tune == "full"
    assert tuning.params(epochs=0, mixup=0.4, search={"space": {"epochs": [0, 1]}}).replaced({"epochs": 0}).mixup
    assert tuning.params(epochs=0, contrastive={}, encoder_dropout=0.1).encoder_dropout
    declared = tuning.params(search={"space": {"loss": ["cross_entropy", "focal"], "focal_gamma": [1.0, 3.0]}})
    assert declared.replaced({"loss": "cross_entropy", "focal_gamma": 3.0}).loss == "cross_entropy"


def test_an_encoder_of_the_other_kind_of_names_can_have_adapters() -> None:
    from transformers import DistilBertConfig, DistilBertModel

    torch.manual_seed(0)
    encoder = DistilBertModel(DistilBertConfig(vocab_size=20, dim=16, hidden_dim=32, n_layers=2, n_heads=2)).eval()
    given = torch.tensor([[1, 2, 3]])
    before = encoder(input_ids=given).last_hidden_state
    bottleneck.attach(encoder, 4)
    torch.testing.assert_close(encoder(input_ids=given).last_hidden_state, before)
    with torch.no_grad():
        for weight in (weight for weight in encoder.parameters() if weight.requires_grad):
            weight.normal_()
    changed = encoder(input_ids=given).last_hidden_state
    assert not torch.allclose(changed, before, atol=0.1)
    adapter = bottleneck.merge(encoder)
    torch.testing.assert_close(encoder(input_ids=given).last_hidden_state, changed, rtol=1e-4, atol=1e-4)
    assert adapter.encoder_config == {"hidden_dim": 36}
