"""Training that starts from an earlier model, whose classes may be others."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tasks import learned_rows, model
from tasks.errors import BadInput
from tasks.features import FeatureSet
from tasks.files import read_json, write_json
from tasks.finetune import stage as finetune
from tasks.finetune.checkpoint import Checkpoints
from tasks.finetune.networks import FittedNetwork
from tasks.finetune.transformer import TransformerTrainer
from tasks.quantize import stage as quantize
from tasks.records import Record
from tests import tiny, tuning
from tests.tuning import ALL, CLASSES, COMPUTE, digest, fit

WARM = {"warm_start": "path:earlier"}


@pytest.fixture(scope="module")
def ids(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> FeatureSet:
    """A feature set of token ids; do not change it."""
    return tuning.tokens(tmp_path_factory.mktemp("tokens"), tiny_encoder)


def save(fitted: FittedNetwork, folder: Path, labels: list[str]) -> Path:
    folder.mkdir()
    family = fitted.save(folder)
    about: dict[str, Any] = {"recipe": {"model": "transformer"}, "features": {}, "search": None, "notes": {}}
    model.write_card(folder, name="earlier", family=family, labels=labels, rules={}, **about)
    return folder


@pytest.fixture(scope="module")
def earlier(ids: FeatureSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the classes `access`, `gone` and `payroll`; do not change it."""
    folder = tmp_path_factory.mktemp("earlier")
    return save(fit(ids, folder / "scratch", epochs=4), folder / "model", ["access", "gone", "payroll"])


def start(ids: FeatureSet, earlier: Path, **changes: Any) -> dict[str, torch.Tensor]:
    """The weights of a network with which training starts."""
    trainer = TransformerTrainer(ids, CLASSES, COMPUTE, earlier)
    torch.manual_seed(1)
    params = tuning.params(**WARM, **changes)
    network = trainer.build(params, 3)
    trainer.start(network, params, ALL, trainer.labels(ALL), CLASSES, Checkpoints(earlier / "none", "key"))
    return network.state_dict()


@pytest.mark.parametrize("head_start", ["probe", "random"])
def test_the_encoder_and_the_rows_of_known_classes_are_kept(ids: FeatureSet, earlier: Path, head_start: str) -> None:
    found, before = start(ids, earlier, head_start=head_start), load_file(earlier / "2_Dense/model.safetensors")
    for name, tensor in load_file(earlier / "model.safetensors").items():
        assert torch.equal(found[f"encoder.{name}"], tensor), name
    for number, old in {0: 0, 2: 2}.items():  # access and payroll; hardware is new
        assert torch.equal(found["head.weight"][number], before["linear.weight"][old])
        assert torch.equal(found["head.bias"][number], before["linear.bias"][old])
    assert not torch.equal(found["head.weight"][1], before["linear.weight"][1]), "the row of a class that is gone"


def test_rows_that_a_calibration_has_divided_come_as_training_left_them(
    ids: FeatureSet, earlier: Path, tmp_path: Path
) -> None:
    """Rows of new classes know of no temperature, so that these would be too probable, or too little."""
    plain = start(ids, earlier)
    for kept, factor in ((True, 0.5), (False, 1.0)):
        calibrated = tmp_path / str(kept)
        shutil.copytree(earlier, calibrated)
        card = read_json(calibrated / "candidate.json")
        card["notes"]["calibration"] = {"kept": kept, "temperature": 0.5}
        write_json(calibrated / "candidate.json", card)
        found = start(ids, calibrated)
        for name in ("head.weight", "head.bias"):
            assert torch.equal(found[name][[0, 2]], plain[name][[0, 2]] * factor)
            assert torch.equal(found[name][1], plain[name][1])


def test_a_new_class_starts_as_the_probe_has_it(ids: FeatureSet, earlier: Path) -> None:
    probed, random = (start(ids, earlier, head_start=how)["head.weight"] for how in ("probe", "random"))
    assert torch.equal(probed[[0, 2]], random[[0, 2]])
    assert not torch.equal(probed[1], random[1])


def test_a_head_made_for_the_encoder_before_its_tuning_is_not_put_on_the_tuned_one(
    ids: FeatureSet, earlier: Path
) -> None:
    contrastive = {"epochs": 1, "learning_rate": 0.005}
    tuned, plain = (start(ids, earlier, contrastive=how) for how in (contrastive, None))
    row = load_file(earlier / "2_Dense/model.safetensors")["linear.weight"][0]
    assert torch.equal(plain["head.weight"][0], row)
    assert not torch.allclose(tuned["head.weight"][0], row, atol=1e-3)
    name = "encoder.encoder.layer.0.output.dense.weight"
    assert torch.allclose(tuned[name], plain[name], atol=0.1), "the encoder does start from the earlier model's"
    assert not torch.equal(tuned[name], plain[name])


@pytest.mark.parametrize("changes", [{}, {"tune": "head"}, {"tune": "lora"}], ids=str)
def test_a_warm_start_changes_the_result_and_is_repeated_to_the_bit(
    ids: FeatureSet, earlier: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    warm = fit(ids, tmp_path / "warm", earlier=earlier, **WARM, **changes)
    again = fit(ids, tmp_path / "again", earlier=earlier, **WARM, **changes)
    cold = fit(ids, tmp_path / "cold", **changes)
    assert digest(warm) == digest(again) != digest(cold)
    saved = model.load(save(warm, tmp_path / "model", CLASSES), threads=1)
    texts = [text for text, _ in tiny.texts(48, 0)]
    np.testing.assert_array_equal(saved.predict_proba(texts), warm.predict_proba(ALL))


def test_a_model_tells_what_the_one_before_it_has_learned_from(ids: FeatureSet, earlier: Path, tmp_path: Path) -> None:
    """So that nobody examines it on rows that its start has known."""
    first, own, later = tmp_path / "first", np.array([3, 5], np.uint64), np.array([5, 8], np.uint64)
    shutil.copytree(earlier, first)
    untold = save(fit(ids, tmp_path / "a", earlier=first, epochs=1, **WARM), tmp_path / "untold", CLASSES)
    assert not (untold / learned_rows.EARLIER).exists()
    assert learned_rows.is_earlier_unknown(untold)
    learned_rows.write(untold, own)  # its own rows; not those of the model before it
    after = save(fit(ids, tmp_path / "d", earlier=untold, epochs=1, **WARM), tmp_path / "after", CLASSES)
    assert learned_rows.of_earlier(after).tolist() == [3, 5]
    assert learned_rows.is_earlier_unknown(after)
    learned_rows.write(first, own)
    second = save(fit(ids, tmp_path / "b", earlier=first, epochs=1, **WARM), tmp_path / "second", CLASSES)
    assert learned_rows.of_earlier(second).tolist() == [3, 5]
    assert not learned_rows.is_earlier_unknown(second)
    learned_rows.write(second, later)
    third = save(fit(ids, tmp_path / "c", earlier=second, epochs=1, **WARM), tmp_path / "third", CLASSES)
    assert learned_rows.of_earlier(third).tolist() == [3, 5, 8]


def test_what_is_made_of_a_model_tells_the_same(ids: FeatureSet, earlier: Path, tmp_path: Path) -> None:
    """Its 8-bit form, and a student that it taught, know of those rows too."""
    first = tmp_path / "first"
    shutil.copytree(earlier, first)
    learned_rows.write(first, np.array([3, 5], np.uint64))
    (tmp_path / "data").symlink_to(ids.folder.parents[1])
    recipe = {"features": "ids", "model": "transformer", "tune": "full", "epochs": 1, "batch_rows": 16}
    student = recipe | {"layers": 1, "teacher": {"model": "candidates/warm", "predictions": "out_of_fold/warm"}}
    features = {"ids": {"kind": "tokens", "encoder": "tiny", "max_tokens": 16}}
    tiny.params(
        tmp_path, features=features, candidates={"warm": recipe | {"warm_start": "path:first"}},
        students={"small": student}, quantized={"int": {"model": "candidates/warm", "weights": "int8"}},
    )  # fmt: skip
    (tmp_path / "links/models").mkdir(parents=True)
    (tmp_path / "links/models/warm").symlink_to(first)
    stages: list[tuple[str, Any]] = [("warm", finetune), ("small", finetune), ("int", quantize)]
    for name, stage in stages:
        stage.run(tmp_path, name, Record(tmp_path, name))
    for place in ("candidates/warm", "students/small", "quantized/int"):
        assert learned_rows.of_earlier(tmp_path / "models" / place).tolist() == [3, 5], place
        assert not learned_rows.is_earlier_unknown(tmp_path / "models" / place)
    (first / learned_rows.FILE).unlink()
    for name, stage in stages:
        stage.run(tmp_path, name, Record(tmp_path, name))
    for place in ("candidates/warm", "students/small", "quantized/int"):
        assert learned_rows.is_earlier_unknown(tmp_path / "models" / place), place


def test_a_head_is_not_put_on_layers_that_start_anew(ids: FeatureSet, earlier: Path) -> None:
    found = start(ids, earlier, reinit_layers=1)
    before = load_file(earlier / "2_Dense/model.safetensors")["linear.weight"]
    assert not torch.allclose(found["head.weight"][0], before[0], atol=1e-3)


@pytest.mark.parametrize("known", [0, 1])
def test_of_two_classes_the_new_one_starts_as_the_probe_has_it(ids: FeatureSet, earlier: Path, known: int) -> None:
    """A regression on two classes says all in the row of the second, which may be the one that is known."""
    trainer = TransformerTrainer(ids, CLASSES, COMPUTE, earlier)
    torch.manual_seed(1)
    shown = np.flatnonzero(trainer.labels(ALL) < 2)
    network = trainer.build(tuning.params(**WARM), 2)
    names = ["access", "new"] if known == 0 else ["new", "access"]
    trainer.start(
        network, tuning.params(**WARM), shown, trainer.labels(shown), names, Checkpoints(earlier / "none", "k")
    )
    before = load_file(earlier / "2_Dense/model.safetensors")["linear.weight"]
    weight = network.get_parameter("head.weight")
    assert torch.equal(weight[known], before[0])
    assert weight[1 - known].abs().max() > 1e-3


def test_folds_start_without_the_earlier_model(ids: FeatureSet, earlier: Path, tmp_path: Path) -> None:
    """It may have learnt from the rows that they hold out."""
    part = ALL[6:]
    assert digest(fit(ids, tmp_path / "a", part, earlier=earlier, **WARM)) == digest(fit(ids, tmp_path / "b", part))


def test_rows_with_altered_copies_start_from_the_earlier_model_too(
    tiny_encoder: Path, earlier: Path, tmp_path: Path
) -> None:
    """All train rows are fewer than rows and copies together, and were once taken for a fold."""
    augmented = tuning.tokens(tmp_path / "root", tiny_encoder, augment={"copies": 1, "swap": 0.5})
    warm, cold = fit(augmented, tmp_path / "warm", earlier=earlier, **WARM), fit(augmented, tmp_path / "cold")
    assert digest(warm) != digest(cold)


def test_a_checkpoint_of_another_earlier_model_is_not_resumed(
    ids: FeatureSet, earlier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    shutil.copytree(earlier, other)
    fit(ids, tmp_path / "scratch", earlier=other, **WARM)
    capsys.readouterr()
    write_json(other / "candidate.json", read_json(other / "candidate.json") | {"labels": ["x", "y", "z"]})
    fit(ids, tmp_path / "scratch", earlier=other, **WARM)
    assert "resuming" not in capsys.readouterr().out
    fit(ids, tmp_path / "scratch", earlier=other, **WARM)
    assert "resuming" in capsys.readouterr().out


def test_a_model_of_another_architecture_is_refused(ids: FeatureSet, tmp_path: Path, earlier: Path) -> None:
    wider = save(fit(ids, tmp_path / "s", tune="adapter", adapter_size=3, epochs=1), tmp_path / "wider", CLASSES)
    with pytest.raises(BadInput, match=r"found one of `tune: adapter`, whose feed-forward layers are wider.*lora"):
        start(ids, wider)
    shutil.rmtree(wider / "adapter")
    with pytest.raises(BadInput, match=r"same architecture, .*intermediate.*\[32\], found shape \[35\]"):
        start(ids, wider)
    with pytest.raises(BadInput, match=r"warm_start: expected a model with pooling cls, found one with mean"):
        start(ids, earlier, pooling="cls")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("candidate.json", '{"family": "sklearn"}', "expected a fine-tuned encoder, found a model of family sklearn"),
        ("candidate.json", None, r"expected a folder with a trained model \(candidate.json\), found none there"),
        ("tokenizer.json", "{}", "expected a model with the encoder's tokenizer, found another tokenizer.json"),
    ],
)
def test_a_folder_that_holds_no_such_model_is_refused(
    ids: FeatureSet, earlier: Path, tmp_path: Path, file: str, content: str | None, message: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(earlier, folder)
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content)
    with pytest.raises(BadInput, match=message):
        start(ids, folder)


def test_the_stage_starts_from_the_linked_model_alone(ids: FeatureSet, earlier: Path, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(ids.folder.parents[1])
    shutil.copytree(earlier, tmp_path / "earlier")
    tiny.params(tmp_path, features={}, candidates={"warm": tuning.RECIPE | WARM | {"tune": "lora"}})
    link = tmp_path / "links/models/warm"
    link.parent.mkdir(parents=True)
    link.write_text("none\n")
    with pytest.raises(BadInput, match=r"links/models/warm: expected a link to earlier, found none.*regraft explain"):
        finetune.run(tmp_path, "warm", Record(tmp_path, "finetune@warm"))
    link.unlink()
    link.symlink_to(tmp_path / "earlier")
    finetune.run(tmp_path, "warm", Record(tmp_path, "finetune@warm"))
    made = tmp_path / "models/candidates/warm"
    notes, costs = read_json(made / "candidate.json")["notes"], read_json(tmp_path / "costs/fit/warm.json")
    assert costs["trained_share"] == pytest.approx(notes["trained_weights"] / notes["weights"], abs=1e-6)
    assert 0 < costs["trained_share"] < 0.5
    assert (made / "adapter/adapter_model.safetensors").exists()
    shutil.rmtree(tmp_path / "earlier")
    with pytest.raises(BadInput, match=r"candidates\.warm\.warm_start: expected an existing folder, found earlier"):
        finetune.run(tmp_path, "warm", Record(tmp_path, "finetune@warm"))
