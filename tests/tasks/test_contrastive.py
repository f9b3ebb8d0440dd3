"""Contrastive tuning: its pairs, its loss, and an encoder that tells classes apart better afterwards."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tasks import network
from tasks.errors import BadInput
from tasks.features import FeatureSet
from tasks.finetune import contrastive
from tasks.finetune.checkpoint import Checkpoints
from tests import tuning
from tests.tuning import ALL, digest, fit

TUNED: dict[str, Any] = {"epochs": 0, "contrastive": {"epochs": 3, "batch_rows": 8, "learning_rate": 0.005}}


@pytest.fixture(scope="module")
def ids(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> FeatureSet:
    """A feature set of token ids; do not change it."""
    return tuning.tokens(tmp_path_factory.mktemp("tokens"), tiny_encoder)


@pytest.fixture(scope="module")
def tuned(ids: FeatureSet, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of what TUNED gives."""
    return digest(fit(ids, tmp_path_factory.mktemp("tuned"), **TUNED))


def test_every_row_stands_beside_another_of_its_class() -> None:
    labels = np.array([0] * 7 + [1] * 4 + [2])
    batches = contrastive.couples(labels, 3, seed=1, epoch=0)
    assert len(batches) == 4
    assert set(np.concatenate(batches)) == set(range(12))
    for batch in batches:
        assert len(set(batch)) == len(batch) <= 6
        classes = np.bincount(labels[batch], minlength=3)
        assert (classes[:2] != 1).all(), "a row without a partner"
    again, other = (contrastive.couples(labels, 3, seed=1, epoch=epoch) for epoch in (0, 1))
    assert all(np.array_equal(one, same) for one, same in zip(batches, again, strict=True))
    assert any(not np.array_equal(one, same) for one, same in zip(batches, other, strict=True))


def test_pairs_of_one_class_and_others_count_alike() -> None:
    vectors = torch.tensor([[3.0, 0.0], [1.0, 1.0], [0.0, 2.0], [-1.0, 0.0]])
    labels = torch.tensor([5, 5, 2, 7])
    cosines = functional.cosine_similarity(vectors[:, None], vectors[None], dim=2)
    other = [(0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    expected = 0.5 * (cosines[0, 1] - 1) ** 2 + 0.5 * sum(cosines[pair] ** 2 for pair in other) / 5
    torch.testing.assert_close(contrastive.pair_loss(vectors, labels), expected)
    torch.testing.assert_close(contrastive.pair_loss(vectors[:2], labels[:2]), (cosines[0, 1] - 1) ** 2)
    assert contrastive.pair_loss(vectors[:1], labels[:1]) == 0


def test_tuning_brings_classes_together(ids: FeatureSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    losses = {}
    labels = torch.from_numpy(np.unique(ids.labels("train"), return_inverse=True)[1])
    for name, changes in {"plain": {"epochs": 0}, "tuned": TUNED}.items():
        fitted = fit(ids, tmp_path / name, **changes)
        encoder = network.Encoder(fitted.network.encoder)  # type: ignore[arg-type]
        with torch.inference_mode():
            vectors = torch.cat([encoder(torch.tensor([row])) for row in ids.ids("train")])
        losses[name] = float(contrastive.pair_loss(vectors, labels))
        assert [point["epoch"] for point in fitted.curve] == [0]
    assert losses["tuned"] < 0.5 * losses["plain"]
    assert "contrastive epoch 3: loss" in capsys.readouterr().out


def test_without_epochs_the_head_is_the_probe_of_the_tuned_encoder(ids: FeatureSet, tmp_path: Path) -> None:
    fitted = fit(ids, tmp_path / "fit", **TUNED)
    truth = np.searchsorted(tuning.CLASSES, ids.labels("train"))
    assert np.mean(fitted.predict_proba(ALL).argmax(axis=1) == truth) == 1.0
    (tmp_path / "model").mkdir()
    fitted.save(tmp_path / "model")
    loaded, _ = network.load(tmp_path / "model")
    assert torch.equal(loaded.head.weight, fitted.network.head.weight)  # type: ignore[arg-type, union-attr]
    assert fitted.curve[0]["train_loss"] < 0.5


def test_the_head_and_frozen_layers_are_not_tuned(ids: FeatureSet, tmp_path: Path) -> None:
    one, other = (
        fit(ids, tmp_path / str(epochs), freeze_layers=1, **TUNED | {"contrastive": {"epochs": epochs}})
        for epochs in (1, 2)
    )
    changed = [name for name, tensor in one.network.state_dict().items()
               if not torch.equal(tensor, other.network.state_dict()[name])]  # fmt: skip
    assert any(name.startswith("encoder.encoder.layer.1") for name in changed)
    assert not [name for name in changed if "layer.0" in name or "embeddings" in name]


@pytest.mark.parametrize("change", [{"epochs": 2}, {"batch_rows": 6}, {"learning_rate": 0.004}], ids=str)
def test_every_switch_of_contrastive_tuning_changes_the_result(
    ids: FeatureSet, tuned: str, tmp_path: Path, change: dict[str, Any]
) -> None:
    assert digest(fit(ids, tmp_path, **TUNED | {"contrastive": TUNED["contrastive"] | change})) != tuned


@pytest.mark.parametrize("saves", [1, 2])
@pytest.mark.parametrize("method", ["save", "finish"])
def test_tuning_that_was_interrupted_goes_on_to_the_same_bytes(
    ids: FeatureSet, tuned: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, saves: int
) -> None:
    left = [saves]
    write = getattr(Checkpoints, method)

    def write_and_stop(self: Checkpoints, *arguments: Any) -> None:
        write(self, *arguments)
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, method, write_and_stop)
        with pytest.raises(KeyboardInterrupt):
            fit(ids, tmp_path, **TUNED)
    assert digest(fit(ids, tmp_path, **TUNED)) == tuned
    assert len(list(tmp_path.rglob("state.json"))) == 1, "what is never used again must not be kept"


def test_tuning_that_does_not_fit_names_the_key(
    ids: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(vectors: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return torch.empty(10**15)

    monkeypatch.setattr(contrastive, "pair_loss", full)
    with pytest.raises(
        BadInput, match=r"contrastive\.batch_rows: expected enough memory for 32 rows at once.*Lower it"
    ):
        fit(ids, tmp_path, contrastive={})


def test_tuning_that_diverges_says_what_to_do(ids: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contrastive, "pair_loss", lambda vectors, labels: vectors.sum() * float("nan"))
    with pytest.raises(BadInput, match=r"contrastive tuning: expected a finite loss, found nan\. Lower"):
        fit(ids, tmp_path, **TUNED)
