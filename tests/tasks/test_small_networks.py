"""Small networks: padding is never seen, every switch acts, training is repeated and resumed to the byte."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tasks import features, model, onnx_export
from tasks.compute import Compute
from tasks.embed import stage as embed
from tasks.errors import BadInput
from tasks.features import FeatureSet
from tasks.files import sha256
from tasks.finetune.averaging_network import AveragingNetwork
from tasks.finetune.hidden import Hidden
from tasks.finetune.networks import FittedNetwork
from tasks.finetune.params import MODELS, SmallNetworkParams, TrainingParams
from tasks.finetune.recurrent import Recurrent
from tasks.finetune.small import SmallNetworkTrainer
from tasks.finetune.text_cnn import TextCnn
from tasks.finetune.words import UNKNOWN, WordEmbedding
from tasks.records import Record
from tests import tiny
from tests.imports import ROOT

CLASSES = sorted(tiny.TOPICS)
VECTORS = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)
SMALL = {"features": "words", "epochs": 15, "batch_rows": 8, "learning_rate": 0.02, "dropout": 0.1, "best_by": "last"}
MODEL = {
    "text_cnn": {"widths": [1, 3], "filters": 6},
    "rnn": {"hidden": 6},
    "lstm": {"hidden": 6},
    "gru": {"hidden": 6},
    "average": {"hidden": 6},
}


def words(word_dropout: float = 0.0) -> WordEmbedding:
    return WordEmbedding(VECTORS, tuned=True, word_dropout=word_dropout)


COMMON = {"activation": "gelu", "dropout": 0.0}
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "text_cnn": lambda: TextCnn(words(), 3, widths=[1, 3, 7], filters=5, normalisation="none", **COMMON),
    "text_cnn, batch": lambda: TextCnn(words(), 3, widths=[2], filters=5, normalisation="batch", **COMMON),
    "average": lambda: AveragingNetwork(words(), 3, hidden=6, layers=2, normalisation="layer", **COMMON),
    "average, no layer": lambda: AveragingNetwork(words(), 3, hidden=6, layers=0, normalisation="none", **COMMON),
} | {
    f"{cell}, {pooling}, {both}": lambda cell=cell, both=both, pooling=pooling: Recurrent(
        words(), 3, cell=cell, hidden=6, layers=2, bidirectional=both, pooling=pooling, normalisation="layer", **COMMON
    )
    for cell, pooling in [("rnn", "mean"), ("lstm", "max"), ("gru", "attention"), ("lstm", "attention")]
    for both in (True, False)
}  # fmt: skip


def seeded(name: str) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS[name]().eval()


def padded(rows: list[list[int]], width: int) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return ids, mask


# The networks


@pytest.mark.parametrize("name", NETWORKS)
def test_padding_never_changes_a_rows_logits(name: str) -> None:
    network, generator = seeded(name), np.random.default_rng(1)
    rows = [generator.integers(1, 20, size=length).tolist() for length in (1, 2, 9, 4, 6)]
    with torch.inference_mode():
        alone = torch.cat([network(torch.tensor([row])) for row in rows])
        together = network(*padded(rows, 9))
        wider = network(*padded(rows, 30))
    assert alone.std(dim=0).min() > 1e-3, "the network tells these rows apart"
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(wider, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["text_cnn", "average", "lstm, max, True"])
def test_a_row_without_a_word_is_one_unknown_word(name: str) -> None:
    network = seeded(name)
    with torch.inference_mode():
        empty = network(*padded([[], [3, 4, 5]], 3))[0]
        torch.testing.assert_close(empty, network(torch.tensor([[UNKNOWN]]))[0], atol=1e-6, rtol=1e-6)


def test_padding_cannot_win_a_maximum() -> None:
    """Every word gives a filter less than zero, which is what padding would give."""
    network = TextCnn(words(), 3, widths=[1], filters=1, normalisation="none", **COMMON)
    with torch.no_grad():
        network.words.table.weight[2] = 1.0
        network.convolutions[0].weight.fill_(-1.0)
        network.convolutions[0].bias.zero_()
    seen: list[torch.Tensor] = []
    network.hidden.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network.eval()(*padded([[2], [2, 2]], 5))
    torch.testing.assert_close(seen[0], torch.tensor([[-8.0], [-8.0]]))


def test_a_filter_sees_a_text_from_its_first_word_to_its_last() -> None:
    """A filter that looks for a word in its last place finds it at the start of a text too, and the other way round."""
    network = TextCnn(words(), 3, widths=[3], filters=2, normalisation="none", **COMMON)
    with torch.no_grad():
        network.words.table.weight.zero_()
        network.words.table.weight[5] = 1.0
        network.convolutions[0].bias.zero_()
        network.convolutions[0].weight.zero_()
        network.convolutions[0].weight[0, :, 2] = 1.0
        network.convolutions[0].weight[1, :, 0] = 1.0
    seen: list[torch.Tensor] = []
    network.hidden.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network.eval()(*padded([[5, 2, 2, 2], [2, 2, 5]], 6))
    torch.testing.assert_close(seen[0], torch.full((2, 2), 8.0))


@pytest.mark.parametrize(("cell", "theirs"), [("rnn", nn.RNN), ("lstm", nn.LSTM), ("gru", nn.GRU)])
def test_reading_backwards_is_what_packed_sequences_give(cell: Any, theirs: type[nn.RNNBase]) -> None:
    torch.manual_seed(0)
    ours = Recurrent(
        words(), 3, cell=cell, hidden=6, layers=2, bidirectional=True, pooling="mean", normalisation="none", **COMMON
    ).eval()
    reference = theirs(8, 6, num_layers=2, bidirectional=True, batch_first=True)
    with torch.no_grad():
        for number, layer in enumerate(ours.layers):
            for suffix, part in (("", layer.forwards), ("_reverse", layer.backwards)):
                for name, value in part.named_parameters():
                    getattr(reference, name.replace("_l0", f"_l{number}{suffix}")).copy_(value)
    ids, mask = padded([[3, 4, 5, 6, 7], [8], [9, 10, 11]], 5)
    with torch.inference_mode():
        values, present = ours.words(ids, mask)
        packed = pack_padded_sequence(values, mask.sum(dim=1), batch_first=True, enforce_sorted=False)
        expected = pad_packed_sequence(reference(packed)[0], batch_first=True)[0]
        for layer in ours.layers:
            values = layer(values, present)
    kept = mask.bool()
    torch.testing.assert_close(values[kept], expected[kept], atol=1e-6, rtol=1e-5)


def test_recurrent_weights_start_orthogonal_and_an_lstm_starts_by_remembering() -> None:
    torch.manual_seed(0)
    network = Recurrent(
        words(), 3, cell="lstm", hidden=6, layers=1, bidirectional=True, pooling="max", normalisation="none", **COMMON
    )
    for part in (network.layers[0].forwards, network.layers[0].backwards):
        for gate in part.weight_hh_l0.detach().split(6):
            torch.testing.assert_close(gate @ gate.T, torch.eye(6), atol=1e-5, rtol=0)
        bias = (part.bias_ih_l0 + part.bias_hh_l0).detach()
        assert bias.tolist() == [0.0] * 6 + [1.0] * 6 + [0.0] * 12


def test_batch_normalisation_learns_nothing_of_padding_and_takes_a_batch_of_one_row() -> None:
    rows = [[3, 4], [5, 6, 7], [8]]
    statistics = []
    for width in (3, 12):
        network = seeded("text_cnn, batch").train()
        network(*padded(rows, width))
        statistics.append(network.hidden.norm.running_mean.clone())
    torch.testing.assert_close(statistics[0], statistics[1])
    assert statistics[0].abs().max() > 0
    torch.testing.assert_close(network(torch.tensor([[3, 4]])), network.eval()(torch.tensor([[3, 4]])))


def test_normalisation_is_over_what_it_says() -> None:
    values = torch.randn(16, 5, generator=torch.Generator().manual_seed(0)) * 3 + 2
    for kind, dim in (("batch", 0), ("layer", 1)):
        normed = Hidden(5, kind, "relu", 0.0).norm(values).detach()  # type: ignore[arg-type]
        torch.testing.assert_close(normed.mean(dim=dim), torch.zeros(normed.shape[1 - dim]), atol=1e-5, rtol=0)


def test_word_dropout_makes_words_unknown_but_never_all_of_a_row() -> None:
    torch.manual_seed(0)
    embedding = words(word_dropout=0.9)
    ids, mask = padded([[3] * 9, [4] * 2, [5]] * 200, 10)
    vectors, present = embedding(ids, mask)
    assert torch.equal(present, mask.bool())
    assert vectors[~present].abs().max() == 0
    unknown = (vectors == embedding.table.weight[UNKNOWN]).all(dim=2)
    kept = (present & ~unknown).sum(dim=1)
    assert kept.min() == 1
    share = float(unknown[::3].sum() / present[::3].sum())
    assert share == pytest.approx(0.9 - 0.9**9 / 9, abs=0.02)
    assert torch.equal(embedding.eval()(ids, mask)[0][present], embedding.table.weight[ids[present]])


# Their training


@pytest.fixture(scope="module")
def feature_set(tmp_path_factory: pytest.TempPathFactory) -> FeatureSet:
    root = tmp_path_factory.mktemp("small")
    tiny.clean_rows(root)
    tiny.params(root, features={"words": {"kind": "words", "encoder": "none", "vectors": "random", "dimensions": 8}})
    embed.run(root, "words", Record(root, "embed@words"))
    return features.load(root / "data/features/words")


def trainer(feature_set: FeatureSet, precision: str = "float32") -> SmallNetworkTrainer:
    compute = Compute(seed=7, threads=1, device="cpu", precision=precision)
    return SmallNetworkTrainer(feature_set, CLASSES, compute)


def recipe(name: str, **values: Any) -> SmallNetworkParams:
    params = MODELS[name].model_validate({**SMALL, **MODEL[name], "model": name, **values})
    assert isinstance(params, SmallNetworkParams)
    return params


def everything(feature_set: FeatureSet) -> np.ndarray[Any, Any]:
    return np.arange(len(feature_set.labels("train")))


def fitted(feature_set: FeatureSet, scratch: Path, params: SmallNetworkParams, **values: Any) -> FittedNetwork:
    return trainer(feature_set, **values).fit(params, everything(feature_set), scratch)


def weights(of: FittedNetwork) -> dict[str, torch.Tensor]:
    return of.network.state_dict()


@pytest.mark.parametrize("name", MODEL)
def test_a_network_learns_and_predicts_the_same_after_reloading(
    feature_set: FeatureSet, tmp_path: Path, name: str
) -> None:
    found = fitted(feature_set, tmp_path / "scratch", recipe(name))
    assert found.curve[-1]["validation_accuracy"] >= 0.85
    folder = tmp_path / "model"
    folder.mkdir()
    family = found.save(folder)
    about = {"rules": {}, "recipe": {"model": name}, "features": {}, "search": None, "notes": {}}
    model.write_card(folder, name=name, family=family, labels=CLASSES, **about)
    texts = [text for text, _ in tiny.texts(48, seed=0)]
    saved = model.load(folder, threads=1).predict_proba(texts)
    np.testing.assert_allclose(saved, found.predict_proba(everything(feature_set)), atol=1e-6)


SWITCHES: dict[str, list[dict[str, Any]]] = {
    "text_cnn": [{"widths": [1, 2]}, {"filters": 7}],
    "lstm": [
        {"model": "rnn"}, {"model": "gru"}, {"hidden": 7}, {"layers": 2}, {"bidirectional": False},
        {"pooling": "mean"}, {"pooling": "attention"},
    ],
    "average": [{"hidden": 7}, {"layers": 0}, {"layers": 0, "dropout": 0.6}, {"layers": 2}],
}  # fmt: skip
SHARED = [
    {"word_vectors": "static"}, {"normalisation": "batch"}, {"normalisation": "layer"}, {"activation": "gelu"},
    {"word_dropout": 0.5}, {"dropout": 0.6},
]  # fmt: skip


@pytest.mark.parametrize("name", SWITCHES)
def test_every_switch_changes_the_trained_network(feature_set: FeatureSet, tmp_path: Path, name: str) -> None:
    own = set(MODELS[name].model_fields) - set(TrainingParams.model_fields) - {"model"}
    changes = [*SWITCHES[name], *SHARED]
    assert own <= {key for change in changes for key in change}, "a field is not tried"
    found = {}
    for number, change in enumerate([{}, *changes]):
        params = recipe(str(change.get("model", name)), **MODEL[name], epochs=2).replaced(change)
        probabilities = fitted(feature_set, tmp_path / str(number), params).predict_proba(everything(feature_set))
        found[probabilities.tobytes()] = change
    assert len(found) == len(changes) + 1, f"{found.values()} are all that differ"


def test_static_vectors_stay_and_padding_stays_zero(feature_set: FeatureSet, tmp_path: Path) -> None:
    start = torch.from_numpy(np.array(feature_set.word_vectors()))
    for how in ("static", "tuned"):
        params = recipe("gru", word_vectors=how, epochs=2, weight_decay=0.5, word_dropout=0.3)
        table = weights(fitted(feature_set, tmp_path / how, params))["words.table.weight"]
        assert torch.equal(table, start) == (how == "static")
        assert not table[0].any()
        assert torch.equal(table[UNKNOWN], start[UNKNOWN]) == (how == "static"), "dropped words train the unknown one"


def test_small_networks_are_trained_in_float32_and_say_so(feature_set: FeatureSet, tmp_path: Path) -> None:
    plain = fitted(feature_set, tmp_path / "plain", recipe("lstm", epochs=1))
    asked = fitted(feature_set, tmp_path / "asked", recipe("lstm", epochs=1), precision="bfloat16")
    assert asked.precision == "float32"
    assert all(torch.equal(value, weights(asked)[name]) for name, value in weights(plain).items())


def test_weights_that_no_file_can_hold_are_refused_before_training(
    feature_set: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_export, "_LARGEST", 100)
    with pytest.raises(BadInput, match=r"expected weights of less than 2 GiB, found .*Lower max_words"):
        fitted(feature_set, tmp_path, recipe("average"))
    assert not list(tmp_path.iterdir())


# The same bytes

SCRIPT = """
import os, signal, sys
from pathlib import Path
from tasks import features
from tasks.finetune import checkpoint
from tests.tasks import test_small_networks as here
saved, save = 0, checkpoint.Checkpoints.save
def save_and_die(self, *arguments):
    global saved
    save(self, *arguments)
    saved += 1
    if saved == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
checkpoint.Checkpoints.save = save_and_die
here.whole_training(features.load(Path(sys.argv[1])), Path(sys.argv[2]))
"""


def whole_training(feature_set: FeatureSet, folder: Path) -> str:
    """Trains with everything that is random or kept between steps; the digest of the model."""
    params = recipe("lstm", epochs=3, checkpoint_steps=2, normalisation="batch", word_dropout=0.2, average_epochs=2)
    trainer(feature_set).compute.apply()
    (folder / "model").mkdir(parents=True, exist_ok=True)
    fitted(feature_set, folder / "scratch", params).save(folder / "model")
    return sha256(folder / "model/model.onnx")


def in_another_process(feature_set: FeatureSet, folder: Path, saves: int, seed: str) -> tuple[int, str]:
    """Does the same, dies after so many checkpoints; the exit status and what it wrote."""
    command = [sys.executable, "-c", SCRIPT, str(feature_set.folder), str(folder), str(saves)]
    env = os.environ | {"PYTHONHASHSEED": seed}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=env)
    return done.returncode, done.stdout + done.stderr


def test_killed_training_resumes_to_the_same_bytes_in_another_process(feature_set: FeatureSet, tmp_path: Path) -> None:
    whole = whole_training(feature_set, tmp_path / "whole")
    status, said = in_another_process(feature_set, tmp_path / "killed", saves=4, seed="1")
    assert status == -signal.SIGKILL, said
    status, said = in_another_process(feature_set, tmp_path / "killed", saves=1000, seed="2")
    assert status == 0, said
    assert "resuming at step 8 of 18" in said
    assert sha256(tmp_path / "killed/model/model.onnx") == whole


@pytest.mark.parametrize("name", ["text_cnn", "gru", "average"])
def test_the_same_training_gives_the_same_bytes(feature_set: FeatureSet, tmp_path: Path, name: str) -> None:
    digests = []
    for run in ("first", "second"):
        folder = tmp_path / run / "model"
        folder.mkdir(parents=True)
        fitted(feature_set, tmp_path / run / "scratch", recipe(name, epochs=2)).save(folder)
        digests.append(sha256(folder / "model.onnx"))
    assert digests[0] == digests[1]
