"""Temperature scaling: the right temperature, kept only where it helps, and folded into the model that is saved."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from tasks import compute, model, network, predictions, rows, temperature
from tasks.embed import stage as embed
from tasks.errors import ParamsError
from tasks.features import FeatureSet
from tasks.files import read_json, sha256
from tasks.finetune import card
from tasks.finetune import stage as finetune
from tasks.finetune.calibration import calibrate
from tasks.finetune.classical import ClassicalTrainer
from tasks.finetune.cross_validation import Held, OutOfFold
from tasks.finetune.loop import Training
from tasks.finetune.params import MODELS
from tasks.finetune.trainer import Fitted, Indices, Probabilities, Split, Trainer
from tasks.folds import folds
from tasks.model import Family
from tasks.params import check_tree
from tasks.records import Record
from tasks.temperature import Part
from tests import tiny, tuning
from tests.tasks import feature_sets
from tests.tasks.test_params import DEFAULT
from tests.tuning import ALL, CLASSES, COMPUTE

Floats = Any


def drawn(count: int, classes: int = 4, seed: int = 0) -> tuple[Floats, Floats]:
    """True logits of rows, and labels that were drawn as these say."""
    generator = np.random.default_rng(seed)
    logits = 2 * generator.normal(size=(count, classes))
    chosen = (softmax(logits, axis=1).cumsum(axis=1) < generator.random(count)[:, None]).sum(axis=1)
    return logits, chosen


def part(logits: Floats, actual: Floats) -> Part:
    return Part.of(softmax(logits, axis=1)[None], actual)


@pytest.mark.parametrize("factor", [3.0, 0.4])
def test_the_temperature_is_that_of_scikit_learn(factor: float) -> None:
    logits, actual = drawn(2000)
    classifier = LogisticRegression().fit(logits, actual)
    classifier.coef_, classifier.intercept_ = factor * np.eye(4), np.zeros(4)
    theirs = CalibratedClassifierCV(FrozenEstimator(classifier), method="temperature", ensemble=False, cv=2)
    theirs.fit(logits, actual)
    ours = temperature.fit([part(factor * logits, actual)])
    assert ours == pytest.approx(1 / theirs.calibrated_classifiers_[0].calibrators[0].beta_, rel=0.01)
    assert ours == pytest.approx(factor, rel=0.1), "the temperature that the logits were made too large by"


def test_a_few_rows_that_are_all_right_do_not_make_a_model_certain() -> None:
    few = np.tile([[0.8, 0.1, 0.1]], (6, 1))
    assert 0.3 < temperature.fit([Part.of(few[None], np.zeros(6, dtype=np.int64))]) < 0.9


def test_a_temperature_helps_where_rows_that_it_was_not_fitted_to_gain() -> None:
    halves = [drawn(400, seed=1), drawn(400, seed=2)]
    found = temperature.find([part(3 * logits, actual) for logits, actual in halves])
    assert found is not None
    assert found.helps
    assert found.after <= found.crossed < found.before
    assert found.count == 800
    logits, actual = (np.concatenate(own) for own in zip(*halves, strict=True))
    for factor, loss in ((3.0, found.before), (3.0 / found.temperature, found.after)):
        own = log_softmax(factor * logits, axis=1)[np.arange(800), actual]
        assert loss == pytest.approx(-own.mean())


def test_a_temperature_that_other_rows_lose_by_is_not_kept() -> None:
    """What one half is too sure of, the other is too unsure of."""
    halves = [drawn(400, seed=1), drawn(400, seed=2)]
    wrong = zip((4.0, 0.25), halves, strict=True)
    found = temperature.find([part(factor * logits, actual) for factor, (logits, actual) in wrong])
    assert found is not None
    assert found.crosswise[0] < 1 < found.crosswise[1], "each half gets what was fitted to the other"
    assert found.after < found.before < found.crossed
    assert not found.helps


def test_rows_of_a_class_that_the_model_does_not_know_tell_nothing() -> None:
    logits, actual = drawn(300)
    known = np.insert(softmax(3 * logits, axis=1), 2, 0.0, axis=1)  # no probability of class 2 anywhere
    shifted = np.where(actual >= 2, actual + 1, actual)
    with_others = Part.of(np.concatenate([known, known[:40]])[None], np.concatenate([shifted, np.repeat([2, 5], 20)]))
    assert with_others.count == 300
    assert temperature.fit([with_others]) == pytest.approx(temperature.fit([part(3 * logits, actual)]), abs=2e-4)
    soft = temperature.softened(known[None], 2.0)
    assert (soft[:, 2] == 0).all()
    np.testing.assert_allclose(np.delete(soft, 2, axis=1), softmax(1.5 * logits, axis=1))


def test_a_probability_too_small_for_a_float_is_no_accident() -> None:
    certain = np.array([[1.0, 0.0], [0.5, 0.5], [1.0, 1e-300]])
    found = temperature.find([Part.of(certain[None], np.array([1, 0, 1]))] * 2)
    assert found is not None
    assert np.isfinite([found.before, found.after, found.crossed]).all()
    assert found.temperature == pytest.approx(20.0, rel=1e-3), "which is the highest there is"


def test_too_few_rows_give_no_temperature() -> None:
    logits, actual = drawn(1)
    assert temperature.find([]) is None
    assert temperature.find([part(logits, actual), part(logits, actual + 9)]) is None


def test_the_temperature_of_a_bag_is_right_for_the_mean_of_its_members() -> None:
    logits, actual = drawn(500)
    noise = np.random.default_rng(5).normal(size=(3, 500, 4))
    members = softmax(2 * logits + 2 * noise, axis=2)
    own = Part.of(members, actual)

    def loss(divisor: float) -> float:
        mean = softmax(np.log(members) / divisor, axis=2).mean(axis=0)
        return float(-np.log(mean[np.arange(500), actual]).mean())

    best = min(np.geomspace(0.1, 10, 2001), key=loss)
    assert temperature.fit([own]) == pytest.approx(best, rel=0.02)
    found = temperature.find([own, own])
    assert found is not None
    before, after = (temperature.softened(members, divisor).argmax(axis=1) for divisor in (1.0, found.temperature))
    assert found.changed == 2 * (before != after).sum() > 0


# Models that can be softened, by the form of their features.
SOFT = [
    ("naive_bayes", "sparse", {}), ("naive_bayes", "sparse", {"variant": "complement"}),
    ("logistic_regression", "sparse", {}), ("logistic_regression", "dense", {}), ("logistic_regression", "encoder", {}),
    ("logistic_regression", "two", {}), ("logistic_regression", "encoder", {"select": {"by": "anova", "keep": 5}}),
    ("linear_discriminant", "dense", {}), ("linear_discriminant", "two", {}),
    ("gradient_boosting", "dense", {"rounds": 5, "max_leaves": 4}),
    ("gradient_boosting", "two", {"rounds": 5, "max_leaves": 4}),
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> dict[str, FeatureSet]:
    """Feature sets of three classes (sparse, dense, encoder) and an encoder's of two; do not change them."""
    compute.limit_threads(1)
    root = tmp_path_factory.mktemp("features")
    two = {label: count for label, count in feature_sets.SIZES.items() if label != "hardware"}
    return {
        "sparse": feature_sets.sparse(root / "sparse", counts=True),
        "dense": feature_sets.dense(root / "dense"),
        "encoder": feature_sets.frozen(root / "encoder", tiny_encoder),
        "two": feature_sets.frozen(root / "two", tiny_encoder, two),
    }


@pytest.mark.parametrize(("name", "form", "changes"), SOFT)
def test_a_softened_model_is_saved_softened(
    made: dict[str, FeatureSet], name: str, form: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    feature_set, sizes = made[form], dict(feature_sets.SIZES)
    if form == "two":
        del sizes["hardware"]
    params: Any = MODELS[name].model_validate({"features": "f", "model": name, **changes})
    shown, classes = np.arange(sum(sizes.values())), sorted(sizes)
    plain, fitted = (
        ClassicalTrainer(feature_set, classes, COMPUTE).fit(params, shown, Path("unused")) for _ in range(2)
    )
    fitted.soften(2.5)
    before, after = plain.predict_proba(shown), fitted.predict_proba(shown)
    np.testing.assert_allclose(after, softmax(np.log(before) / 2.5, axis=1), atol=1e-6)
    assert np.abs(after - before).max() > 0.01
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))
    assert fitted.curve == plain.curve, "the learning curve is of the model as it was fitted"
    card.write(tmp_path, name, fitted.save(tmp_path), feature_set, classes, params, {})
    saved = model.load(tmp_path, threads=1).predict_proba(feature_sets.texts(sizes, seed=0)[0])
    np.testing.assert_allclose(saved, after, atol=1e-5)


@pytest.mark.parametrize("changes", [{}, {"tune": "lora"}, {"tune": "adapter"}, {"tune": "head"}], ids=str)
def test_a_softened_network_is_saved_softened(changes: dict[str, Any], tmp_path: Path, tokens: FeatureSet) -> None:
    plain, fitted = (tuning.fit(tokens, tmp_path / "scratch", epochs=1, **changes) for _ in range(2))
    fitted.soften(0.4)
    before, after = plain.predict_proba(ALL), fitted.predict_proba(ALL)
    np.testing.assert_allclose(after, softmax(np.log(before) / 0.4, axis=1), atol=1e-5)
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))
    others = {name: tensor for name, tensor in plain.network.state_dict().items() if not name.startswith("head.")}
    assert all(torch.equal(tensor, fitted.network.state_dict()[name]) for name, tensor in others.items())
    fitted.save(tmp_path)
    logits = network.load(tmp_path)[0].head.weight
    torch.testing.assert_close(logits, plain.network.get_submodule("head").weight / 0.4)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> FeatureSet:
    """A feature set of token ids; do not change it."""
    return tuning.tokens(tmp_path_factory.mktemp("tokens"), tiny_encoder)


class Said(Fitted):
    """Says what it is given, of train and of validation rows."""

    def __init__(self, validation: Floats) -> None:
        self.validation, self.notes, self.divisor = validation, {}, 1.0

    def predict_proba(self, rows: Indices, split: Split = "train") -> Probabilities:
        assert split == "validation"
        return np.asarray(self.validation[rows])

    def soften(self, temperature: float) -> None:
        self.divisor = temperature

    def save(self, folder: Path) -> Family:
        raise NotImplementedError


class Known(Trainer[Any]):
    """Knows the labels of rows, and nothing of training."""

    def __init__(self, train: Floats, validation: Floats) -> None:
        self.train, self.validation, self.compute = train, validation, COMPUTE

    def fit(self, params: Any, rows: Indices, scratch: Path) -> Fitted:
        raise NotImplementedError

    def labels(self, rows: Indices) -> Any:
        return self.train[rows]

    def validation_labels(self) -> Any:
        return self.validation


@pytest.mark.parametrize(
    ("name", "changes", "source"),
    [("logistic_regression", {}, "out-of-fold"), ("transformer", {"tune": "full"}, "out-of-fold"),
     ("transformer", {"tune": "full", "warm_start": "path:earlier"}, "validation")],
)  # fmt: skip
def test_rows_that_models_of_the_same_kind_were_not_shown_decide(
    name: str, changes: dict[str, Any], source: str
) -> None:
    """Out of fold it is too sure, on validation rows too unsure; folds start without a warm start."""
    train, validation = drawn(600, seed=1), drawn(400, seed=2)
    parts = [Held(held, softmax(3 * train[0][held], axis=1)[None]) for _, held in folds(train[1], 3, seed=1)]
    plain = softmax(3 * train[0], axis=1)
    fitted = Said(softmax(0.3 * validation[0], axis=1))
    params: Any = MODELS[name].model_validate({"features": "f", "model": name, **changes})
    held = calibrate(Known(train[1], validation[1]), fitted, params, OutOfFold(plain, 1.0, tuple(parts)))
    notes = fitted.notes["calibration"]
    assert (notes["kept"], notes["rows"]) == (True, source)
    assert notes["count"] == (600 if source == "out-of-fold" else 400)
    assert fitted.divisor == notes["temperature"] == pytest.approx(3.0 if source == "out-of-fold" else 0.3, rel=0.25)
    own = np.arange(600), train[1]
    assert -np.log(held.probabilities[own]).mean() < -np.log(plain[own]).mean()
    np.testing.assert_array_equal(held.probabilities.argmax(axis=1), plain.argmax(axis=1))


def test_what_gains_nothing_stays_as_it_is() -> None:
    """What says nothing of the classes gains by no temperature."""
    _, actual = drawn(400)
    fitted, held = Said(np.full((400, 4), 0.25)), OutOfFold(np.empty((0, 4)), 0.0)
    params: Any = MODELS["naive_bayes"].model_validate({"features": "f", "model": "naive_bayes"})
    assert calibrate(Known(actual, actual), fitted, params, held) is held
    assert fitted.divisor == 1.0
    assert fitted.notes["calibration"]["kept"] is False
    assert "gain nothing" in fitted.notes["calibration"]["reason"]


FEATURES = {
    "terms": {"kind": "tfidf", "encoder": "none", "min_rows": 1},
    "words": {"kind": "words", "encoder": "none", "dimensions": 8, "epochs": 2},
}
CNN: dict[str, Any] = {
    "features": "words", "model": "text_cnn", "widths": [1, 2], "filters": 8, "epochs": 4, "batch_rows": 8,
    "learning_rate": 0.02, "dropout": 0.1,
}  # fmt: skip
REGRESSION = {"features": "terms", "model": "logistic_regression"}
RECIPES = {"regression": REGRESSION, "cnn": CNN, "bag": CNN | {"bag": {"members": 2}}}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    tiny.clean_rows(tmp_path)
    return tmp_path


def run(root: Path, recipe: dict[str, Any], number: int = 0) -> Path:
    """Trains candidate `one`, with so many folds."""
    tiny.params(root, features=FEATURES, candidates={"one": recipe}, cross_validation={"folds": number})
    if not (root / "data/features" / recipe["features"]).exists():
        embed.run(root, recipe["features"], Record(root, "embed"))
    finetune.run(root, "one", Record(root, "finetune@one"))
    return root / "models/candidates/one"


def said(root: Path) -> Floats:
    asked = [str(text) for text in rows.read(root / "data/clean/validation.parquet")["text"].to_pylist()]
    return model.load(root / "models/candidates/one", threads=1).predict_proba(asked)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("number", [0, 3])
def test_a_candidate_is_calibrated_when_it_is_trained(workspace: Path, name: str, number: int) -> None:
    run(workspace, RECIPES[name] | {"calibration": "none"}, number)
    plain, curve = said(workspace), sha256(workspace / "plots/learning/one.json")
    table = rows.read(workspace / "predictions/out_of_fold/one.parquet")
    assert "calibration" not in read_json(workspace / "models/candidates/one/candidate.json")["notes"]
    notes = read_json(run(workspace, RECIPES[name], number) / "candidate.json")["notes"]["calibration"]
    assert notes["kept"], notes
    assert (notes["rows"], notes["count"]) == (("out-of-fold", 48) if number else ("validation", 18))
    assert notes["log_loss_cross_checked"] < notes["log_loss"]
    assert sha256(workspace / "plots/learning/one.json") == curve
    truth = rows.read(workspace / "data/clean/validation.parquet")["label"].to_pylist()
    own = np.arange(18), np.searchsorted(CLASSES, truth)
    calibrated = said(workspace)
    if not number:
        assert -np.log(plain[own]).mean() == pytest.approx(notes["log_loss"], abs=1e-4)
        assert -np.log(calibrated[own]).mean() == pytest.approx(notes["log_loss_calibrated"], abs=1e-4)
    if name != "bag":
        wanted = softmax(np.log(plain) / notes["temperature"], axis=1)
        np.testing.assert_allclose(calibrated, wanted, atol=1e-5)
        np.testing.assert_array_equal(calibrated.argmax(axis=1), plain.argmax(axis=1))
    _check_out_of_fold(workspace, table, number, one_member=name != "bag")


def _check_out_of_fold(root: Path, plain: Any, number: int, *, one_member: bool) -> None:
    """Each fold's predictions have the temperature of the rows of the other folds."""
    found = rows.read(root / "predictions/out_of_fold/one.parquet")
    assert found.num_rows == plain.num_rows == (48 if number else 0)
    if not number:
        return
    labels = np.array(plain["label"].to_pylist())
    actual, before = np.searchsorted(CLASSES, labels), predictions.probabilities(plain)
    parts = folds(labels, number, COMPUTE.seed)
    if not one_member:
        assert not np.allclose(predictions.probabilities(found), before)
        return
    assert found["predicted"].to_pylist() == plain["predicted"].to_pylist()
    for shown, held in parts:
        own = temperature.fit([Part.of(before[shown][None], actual[shown])])
        wanted = softmax(np.log(before[held]) / own, axis=1)
        np.testing.assert_allclose(predictions.probabilities(found)[held], wanted, atol=1e-3)


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [({"model": "random_forest", "trees": 5}, "shares of votes"), ({"model": "nearest_neighbours"}, "shares of votes"),
     ({"model": "linear_svm"}, "when it is fitted"), ({"model": "nb_svm"}, "when it is fitted")],
)  # fmt: skip
def test_the_card_says_why_a_model_is_not_softened(workspace: Path, recipe: dict[str, Any], reason: str) -> None:
    folder = run(workspace, {"features": "terms", **recipe})
    notes = read_json(folder / "candidate.json")["notes"]["calibration"]
    assert notes["kept"] is False
    assert reason in notes["reason"]
    if "votes" in reason:
        before = sha256(folder / "model.skops")
        run(workspace, {"features": "terms", **recipe, "calibration": "none"})
        assert sha256(folder / "model.skops") == before


def test_a_model_of_votes_refuses_a_temperature(made: dict[str, FeatureSet]) -> None:
    params: Any = MODELS["nearest_neighbours"].model_validate({"features": "f", "model": "nearest_neighbours"})
    trainer = ClassicalTrainer(made["dense"], sorted(feature_sets.SIZES), COMPUTE)
    with pytest.raises(ValueError, match="shares of votes"):
        trainer.fit(params, np.arange(144), Path("unused")).soften(2.0)


def test_to_calibrate_or_not_takes_no_new_training(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(workspace, CNN, 2)
    before = said(workspace)

    def steps(*_: object) -> None:
        raise AssertionError("it was trained before")

    monkeypatch.setattr(Training, "_step", steps)
    run(workspace, CNN | {"calibration": "none"}, 2)
    assert not np.allclose(said(workspace), before)
    run(workspace, CNN, 2)
    np.testing.assert_array_equal(said(workspace), before)


def test_a_calibrated_model_is_made_again_to_the_byte(workspace: Path) -> None:
    folder = run(workspace, RECIPES["bag"], 2)
    table = workspace / "predictions/out_of_fold/one.parquet"
    made = {file: sha256(file) for file in [table, *folder.rglob("*")] if file.is_file()}
    shutil.rmtree(workspace / "scratch")
    run(workspace, RECIPES["bag"], 2)
    assert {file: sha256(file) for file in made} == made


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("linear_svm", {"calibration": "none"}, r"linear_svm\.calibration: expected 'temperature', given 'none'"),
        ("frozen", {"calibration": "isotonic"}, r"frozen\.calibration: expected 'temperature' or 'none'"),
        ("frozen", {"search": {"space": {"calibration": ["none"]}}}, "not calibration"),
    ],
)
def test_a_calibration_that_cannot_be_is_refused(name: str, changes: dict[str, Any], message: str) -> None:
    candidates = DEFAULT["candidates"] | {name: DEFAULT["candidates"][name] | changes}
    with pytest.raises(ParamsError, match=message):
        check_tree(DEFAULT | {"candidates": candidates})
