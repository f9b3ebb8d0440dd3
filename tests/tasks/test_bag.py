"""Bags and soups: several trainings of one recipe answer as one model, which says the same once it is saved."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tasks import features, model, rows
from tasks.embed import stage as embed
from tasks.errors import BadInput, ParamsError
from tasks.features import FeatureSet
from tasks.files import read_json, sha256
from tasks.finetune import stage as finetune
from tasks.finetune.bag import BaggingTrainer, FittedBag
from tasks.finetune.networks import FittedNetwork, NetworkTrainer
from tasks.finetune.transformer import TransformerTrainer
from tasks.params import check_tree
from tasks.records import Record
from tests import tiny, tuning
from tests.tasks.test_params import DEFAULT
from tests.tuning import ALL, CLASSES, COMPUTE

WORDS = {"kind": "words", "encoder": "none", "dimensions": 8, "epochs": 2}
CNN: dict[str, Any] = {
    "features": "words", "model": "text_cnn", "widths": [1, 2], "filters": 8, "epochs": 4, "batch_rows": 8,
    "learning_rate": 0.02, "dropout": 0.1,
}  # fmt: skip
BAG, SOUP = {"members": 3}, {"members": 2, "combine": "soup"}


@pytest.fixture(scope="module")
def ids(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> FeatureSet:
    """A feature set of token ids; do not change it."""
    return tuning.tokens(tmp_path_factory.mktemp("tokens"), tiny_encoder)


def fit(ids: FeatureSet, scratch: Path, shown: Any = ALL, **changes: Any) -> FittedBag:
    torch.set_num_threads(1)
    trainer = BaggingTrainer(TransformerTrainer(ids, CLASSES, COMPUTE))
    fitted = trainer.fit(tuning.params(**{"epochs": 1, **changes}), shown, scratch)
    assert isinstance(fitted, FittedBag)
    return fitted


def networks(fitted: FittedBag) -> list[FittedNetwork]:
    return list(fitted._networks)


def digests(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): sha256(file) for file in sorted(folder.rglob("*")) if file.is_file()}


def shown_to_members(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, list[int]]]:
    """Seeds and rows of all trainings from now on."""
    noted: list[tuple[int, list[int]]] = []
    plain = NetworkTrainer._fit

    def fitted(self: Any, params: Any, shown: Any, scratch: Path) -> FittedNetwork:
        noted.append((self.compute.seed, shown.tolist()))
        return plain(self, params, shown, scratch)

    monkeypatch.setattr(NetworkTrainer, "_fit", fitted)
    return noted


def test_members_differ_by_their_seeds_alone(ids: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = shown_to_members(monkeypatch)
    fitted = fit(ids, tmp_path, bag=BAG)
    assert len({seed for seed, _ in noted}) == 3
    assert all(shown == ALL.tolist() for _, shown in noted)
    parts = [network.predict_proba(ALL) for network in networks(fitted)]
    assert not np.allclose(parts[0], parts[1])
    np.testing.assert_allclose(fitted.predict_proba(ALL), np.mean(parts, axis=0))
    assert fitted.notes["members"] == 3


def test_members_differ_by_the_fold_that_they_are_not_shown(
    ids: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = ids.labels("train")
    single = np.flatnonzero(labels == "payroll")[:1]
    rows_of_others = np.flatnonzero(labels != "payroll")
    shown = np.sort(np.concatenate([single, rows_of_others]))
    noted = shown_to_members(monkeypatch)
    fit(ids, tmp_path, shown, bag=BAG | {"by": "folds"})
    assert len({seed for seed, _ in noted}) == 1
    assert all(single[0] in own for _, own in noted), "each member must know the class of a single row"
    for row in rows_of_others:
        assert sum(row in own for _, own in noted) == 2, "all but one of three members are shown it"


def test_rows_of_as_many_classes_cannot_be_parted(ids: FeatureSet, tmp_path: Path) -> None:
    labels = ids.labels("train")
    one_each = np.array([np.flatnonzero(labels == name)[0] for name in CLASSES])
    with pytest.raises(BadInput, match=r"a bag by folds: expected a class with two rows or more.*by: seeds"):
        fit(ids, tmp_path, one_each, bag=BAG | {"by": "folds"})


def test_what_went_wrong_in_any_member_is_told(ids: FeatureSet, tmp_path: Path) -> None:
    members = networks(fit(ids, tmp_path, bag=BAG))
    members[1].notes |= {"batch_parts": 4, "unfreezing_warning": "too short"}
    members[2].notes |= {"batch_parts": 2}
    notes = FittedBag(tuning.params(), members, members).notes
    assert (notes["batch_parts"], notes["unfreezing_warning"]) == (4, "too short")


def test_a_soup_is_one_network_with_the_mean_of_the_weights(ids: FeatureSet, tmp_path: Path) -> None:
    mean = fit(ids, tmp_path / "a", bag=SOUP | {"combine": "mean"})
    first, second = (dict(network.network.state_dict()) for network in networks(mean))
    (soup,) = networks(fit(ids, tmp_path / "b", bag=SOUP))
    for name, tensor in soup.network.state_dict().items():
        wanted = (first[name] + second[name]) / 2 if tensor.is_floating_point() else first[name]
        torch.testing.assert_close(tensor, wanted)
    assert not torch.equal(first["head.weight"], second["head.weight"])


@pytest.mark.parametrize("tune", ["lora", "head"])
def test_a_soup_of_what_is_trained_in_part_is_saved_whole(ids: FeatureSet, tmp_path: Path, tune: str) -> None:
    fitted = fit(ids, tmp_path / "scratch", bag=SOUP, tune=tune)
    folder = tmp_path / "model"
    folder.mkdir()
    assert fitted.save(folder) == "network"
    assert not (folder / "adapter").exists(), "the mean of weights has no adapter of its own"
    if tune == "head":
        assert sha256(folder / "model.safetensors") == sha256(ids.encoder / "model.safetensors")


def prepare(root: Path, encoder: Path, **candidates: Any) -> None:
    tiny.clean_rows(root)
    shutil.copytree(encoder, root / "models/encoders/tiny")
    sets = {"words": WORDS, "ids": {"kind": "tokens", "encoder": "tiny", "max_tokens": 16}}
    tiny.params(root, features=sets, candidates=candidates, students={})
    for name in sorted({recipe["features"] for recipe in candidates.values()}):
        embed.run(root, name, Record(root, f"embed@{name}"))


def run(root: Path, name: str) -> Path:
    finetune.run(root, name, Record(root, f"finetune@{name}"))
    return root / "models/candidates" / name


@pytest.mark.parametrize(
    ("recipe", "family"),
    [(CNN | {"bag": BAG}, "ensemble"), (tuning.RECIPE | {"bag": BAG | {"by": "folds"}, "epochs": 1}, "ensemble"),
     (tuning.RECIPE | {"bag": SOUP, "epochs": 1}, "network")],
    ids=["small by seeds", "encoder by folds", "soup"],
)  # fmt: skip
def test_a_bag_is_one_saved_model_and_made_again_to_the_byte(
    tmp_path: Path, tiny_encoder: Path, recipe: dict[str, Any], family: str
) -> None:
    prepare(tmp_path, tiny_encoder, bagged=recipe | {"class_weight": "sampled"})
    folder = run(tmp_path, "bagged")
    made = digests(folder)
    saved = model.load(folder, threads=1)
    assert (saved.family, saved.labels) == (family, CLASSES)
    table = rows.read(tmp_path / "data/clean/validation.parquet")
    asked = [str(text) for text in table["text"].to_pylist()]
    right = np.array(CLASSES)[saved.predict_proba(asked).argmax(axis=1)] == table["label"].to_numpy()
    assert right.mean() >= 0.8
    assert read_json(folder / "candidate.json")["notes"]["members"] == recipe["bag"]["members"]
    shutil.rmtree(tmp_path / "scratch")
    assert digests(run(tmp_path, "bagged")) == made


def test_a_finished_member_is_not_trained_again(
    tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tasks.finetune.loop import Training

    prepare(tmp_path, tiny_encoder, bagged=CNN | {"bag": BAG})
    whole = digests(run(tmp_path, "bagged"))
    shutil.rmtree(tmp_path / "scratch")
    step, made = Training._step, [0]

    def counted(self: Training, batch: Any, state: Any) -> float:
        made[0] += 1
        if made[0] == 60:  # of 3 members, each with 4 epochs of 6 steps
            raise KeyboardInterrupt
        return step(self, batch, state)

    monkeypatch.setattr(Training, "_step", counted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, "bagged")
    assert made[0] == 60
    assert digests(run(tmp_path, "bagged")) == whole
    assert made[0] - 60 == 72 - 54, "the third member goes on from its first epoch's end, and the others are there"


def test_each_fold_of_a_cross_validation_has_a_bag_of_its_own(tmp_path: Path, tiny_encoder: Path) -> None:
    prepare(tmp_path, tiny_encoder, bagged=CNN | {"bag": {"members": 2}, "epochs": 3})
    text = (tmp_path / "params.yaml").read_text().replace('{"folds": 0}', '{"folds": 2}')
    (tmp_path / "params.yaml").write_text(text)
    run(tmp_path, "bagged")
    table = rows.read(tmp_path / "predictions/out_of_fold/bagged.parquet")
    assert table["id"].to_pylist() == features.load(tmp_path / "data/features/words").row_ids("train")
    assert np.mean(table["predicted"].to_numpy() == table["label"].to_numpy()) >= 0.6


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("text_cnn", {"bag": SOUP}, "candidates.text_cnn: expected combine: mean for a small network"),
        ("finetune", {"bag": SOUP, "head_start": "random"}, "combine: mean with head_start: random"),
        ("finetune", {"bag": SOUP, "reinit_layers": 1}, "combine: mean with reinit_layers"),
        ("finetune", {"bag": SOUP, "tune": "adapter"}, "combine: mean with tune: adapter"),
        ("finetune", {"bag": BAG | {"by": "folds"}, "warm_start": "path:x"}, "bag by seeds with warm_start"),
        ("finetune", {"bag": BAG, "epochs": 0, "tune": "full"}, "at least one epoch with a bag by seeds"),
        ("finetune", {"search": {"space": {"bag": [None]}}}, "a search over keys of Transformer, not bag"),
        ("finetune", {"layer_choice": "spaced"}, "expected layers where there is layer_choice"),
        ("finetune", {"bag": {"members": 1}}, "candidates.finetune.bag.members: expected greater than or equal to 2"),
        ("naive_bayes", {"bag": BAG}, "candidates.naive_bayes.bag: expected no such key"),
    ],
)
def test_a_bag_that_cannot_be_is_refused(name: str, changes: dict[str, Any], message: str) -> None:
    candidates = DEFAULT["candidates"] | {name: DEFAULT["candidates"][name] | changes}
    with pytest.raises(ParamsError, match=message):
        check_tree(DEFAULT | {"candidates": candidates})
