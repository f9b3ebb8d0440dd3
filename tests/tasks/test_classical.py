"""Classical models: weights, probabilities, selection, and what is saved."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.svm import SVC, LinearSVC
from skops import io as skops_io

from tasks import compute, features, model
from tasks.compute import Compute
from tasks.errors import BadInput
from tasks.estimator import TRUSTED
from tasks.features import FeatureSet
from tasks.finetune import fitting
from tasks.finetune.classical import ClassicalFitted, ClassicalTrainer
from tasks.finetune.estimators import ESTIMATORS
from tasks.finetune.nb_svm import NbSvm, log_count_ratio
from tasks.finetune.params import MODELS, READS
from tests.tasks import feature_sets
from tests.tasks.feature_sets import RARE, SIZES

RESOURCES = Compute(seed=3, threads=1, device="cpu", precision="float32")
RECIPES: dict[str, dict[str, object]] = {
    "naive_bayes": {"model": "naive_bayes"},
    "complement": {"model": "naive_bayes", "variant": "complement"},
    "nb_svm": {"model": "nb_svm", "beta": 0.5},
    "linear_svm": {"model": "linear_svm"},
    "rbf_svm": {"model": "rbf_svm", "C": 1.0},
    "logistic_regression": {"model": "logistic_regression"},
    "lasso": {"model": "logistic_regression", "l1_ratio": 1.0, "C": 10.0},
    "random_forest": {"model": "random_forest", "trees": 30, "max_depth": 4},
    "gradient_boosting": {"model": "gradient_boosting", "rounds": 10, "max_leaves": 4},
    "linear_discriminant": {"model": "linear_discriminant"},
    "nearest_neighbours": {"model": "nearest_neighbours"},
}
CASES = [(name, form) for name, recipe in RECIPES.items() for form in READS[str(recipe["model"])]]
WEIGHTS: list[object] = ["balanced", "sampled", {RARE: 6.0}]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    compute.limit_threads(1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> dict[str, FeatureSet]:
    """Feature sets of three classes (sparse, dense, encoder) and an encoder's of two."""
    root = tmp_path_factory.mktemp("features")
    two = {label: rows for label, rows in SIZES.items() if label != "hardware"}
    return {
        "sparse": feature_sets.sparse(root / "sparse"),
        "dense": feature_sets.dense(root / "dense"),
        "encoder": feature_sets.frozen(root / "encoder", tiny_encoder),
        "two": feature_sets.frozen(root / "two", tiny_encoder, two, "cls"),
    }


def fit(feature_set: FeatureSet, name: str, rows: Any = None, **changes: object) -> ClassicalFitted:
    recipe = {"features": "f", **RECIPES[name], **changes}
    params: Any = MODELS[str(recipe["model"])].model_validate(recipe)
    labels = feature_set.labels("train")
    trainer = ClassicalTrainer(feature_set, sorted(set(labels.tolist())), RESOURCES)
    return trainer.fit(params, np.arange(len(labels)) if rows is None else np.asarray(rows), Path("unused"))


def reloaded(fitted: ClassicalFitted, folder: Path, feature_set: FeatureSet) -> model.SavedModel:
    folder.mkdir()
    labels = sorted(set(feature_set.labels("train").tolist()))
    model.write_card(
        folder, name="m", family=fitted.save(folder), labels=labels, rules={"unicode": "none"},
        recipe={"model": "m"}, features={}, search=None, notes={},
    )  # fmt: skip
    return model.load(folder, threads=1)


def test_validation_rows_of_a_class_without_train_rows_count_as_wrong(tmp_path: Path) -> None:
    made = feature_sets.sparse(tmp_path / "made")
    labels = made.labels("train")
    others = np.where(labels == "access", "hardware", labels)  # no train row of the first class is left
    features.write_rows(
        made.folder, "train", pa.table({"id": [str(row) for row in range(len(labels))], "label": others})
    )
    found = fit(features.load(made.folder), "naive_bayes")
    (point,) = found.curve
    share = np.mean(made.labels("validation") != "access")
    assert 0.5 * share < point["validation_accuracy"] <= share
    assert np.isfinite(point["validation_loss"])


def test_every_classical_model_is_tried_here() -> None:
    forms = {"sparse", "dense"}
    assert {recipe["model"] for recipe in RECIPES.values()} == set(ESTIMATORS)
    assert set(ESTIMATORS) == {name for name, read in READS.items() if set(read) <= forms}


@pytest.mark.parametrize(("name", "form"), CASES)
def test_every_class_weight_changes_predictions_and_finds_more_of_the_rare_class(
    made: dict[str, FeatureSet], name: str, form: str
) -> None:
    labels = made[form].labels("train")
    shown, held = np.arange(0, len(labels), 2), np.arange(1, len(labels), 2)
    rare = sorted(SIZES).index(RARE)

    def found(setting: object) -> tuple[Any, float]:
        predicted = fit(made[form], name, shown, class_weight=setting).predict_proba(held)
        recall = recall_score(labels[held] == RARE, predicted.argmax(axis=1) == rare)
        return predicted, float(recall)

    plain, recall = found("none")
    for setting in WEIGHTS:
        weighted, own = found(setting)
        assert np.abs(weighted - plain).max() > 0.01, setting
        assert own >= recall, setting
        assert weighted[:, rare].mean() > plain[:, rare].mean(), setting


@pytest.mark.parametrize(("name", "form"), CASES)
def test_probabilities_are_probabilities_and_better_than_chance(
    made: dict[str, FeatureSet], name: str, form: str
) -> None:
    fitted = fit(made[form], name)
    probabilities = fitted.predict_proba(np.arange(20))
    assert probabilities.shape == (20, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    (point,) = fitted.curve
    assert point["validation_accuracy"] > 0.68  # the share of the largest class is 0.694
    assert fitted.gradients == []
    assert fitted.seconds > 0


@pytest.mark.parametrize(("name", "form"), [*CASES, ("linear_svm", "encoder"), ("rbf_svm", "encoder")])
def test_what_is_saved_predicts_texts_as_the_fitted_model_predicts_their_features(
    made: dict[str, FeatureSet], name: str, form: str, tmp_path: Path
) -> None:
    fitted = fit(made[form], name)
    texts, labels = feature_sets.texts(SIZES, seed=0)
    assert labels == made[form].labels("train").tolist()
    found = reloaded(fitted, tmp_path / "model", made[form]).predict_proba(texts)
    # Dense features are stored in float32, and the inverse distances of near twins differ by as much as they are long.
    tolerance = 1e-9 if form == "sparse" else 1e-3 if name == "nearest_neighbours" else 1e-5
    np.testing.assert_allclose(found, fitted.predict_proba(np.arange(len(texts))), atol=tolerance)


# Linear models with a softmax are a layer of the network; what else reads the vectors is kept beside the encoder.
FAMILIES = [
    ("logistic_regression", {}, "network"),
    ("linear_svm", {}, "network"),
    ("linear_discriminant", {}, "network"),
    ("logistic_regression", {"select": {"by": "anova", "keep": 5}}, "vectors"),
    ("rbf_svm", {}, "vectors"),
    ("gradient_boosting", {}, "vectors"),
    ("nearest_neighbours", {}, "vectors"),
]


@pytest.mark.parametrize("features", ["encoder", "two"])
@pytest.mark.parametrize(("name", "changes", "family"), FAMILIES)
def test_sentence_transformers_and_skops_give_the_same_without_our_code(
    made: dict[str, FeatureSet], name: str, changes: dict[str, object], family: str, features: str, tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    fitted = fit(made[features], name, **changes)
    saved = reloaded(fitted, tmp_path / "model", made[features])
    assert saved.family == family
    texts = feature_sets.texts(SIZES, seed=5)[0][:30]
    outputs = SentenceTransformer(str(tmp_path / "model"), device="cpu").encode(texts)
    if family == "network":
        theirs = softmax(outputs.astype(np.float64), axis=1)
    else:
        classifier = skops_io.load(tmp_path / "model" / "classifier.skops", trusted=list(TRUSTED))
        theirs = classifier.predict_proba(outputs)
        assert list(classifier.classes_) == saved.labels
    np.testing.assert_allclose(saved.predict_proba(texts), theirs, atol=1e-5)


def test_skops_loads_a_model_of_terms_without_our_code(made: dict[str, FeatureSet], tmp_path: Path) -> None:
    fitted = fit(made["sparse"], "nb_svm", select={"by": "chi2", "keep": 8})
    saved = reloaded(fitted, tmp_path / "model", made["sparse"])
    pipeline = skops_io.load(tmp_path / "model" / "model.skops", trusted=list(TRUSTED))
    assert {type(step).__module__.split(".")[0] for _, step in pipeline.steps} == {"sklearn"}
    texts = feature_sets.texts(SIZES, seed=5)[0]
    np.testing.assert_array_equal(pipeline.predict_proba(texts), saved.predict_proba(texts))
    assert set(pipeline.predict(texts)) <= set(SIZES)


def test_the_log_count_ratio_is_that_of_the_paper() -> None:
    X = sp.csr_matrix([[1, 0, 1], [1, 1, 0], [0, 1, 1]])
    found = log_count_ratio(X, np.array([True, True, False]), np.array([1.0, 1.0, 2.0]), alpha=1.0)
    p, q = np.array([3, 2, 2]), np.array([1, 3, 3])  # counts, that of the last row twice, plus alpha
    np.testing.assert_allclose(found, np.log((p / 7) / (q / 7)))


@pytest.mark.parametrize("classes", [2, 3])
def test_nb_svm_is_an_svm_on_scaled_terms_with_interpolated_weights(classes: int) -> None:
    generator = np.random.default_rng(0)
    X, y = sp.csr_matrix(generator.poisson(0.5, (60, 12)).astype(float)), np.arange(60) % classes
    fitted = NbSvm(alpha=0.5, beta=0.3, C=2.0, random_state=1).fit(X, y)
    ratio = log_count_ratio(X, y == classes - 1, np.ones(60), 0.5)
    svm = LinearSVC(C=2.0, random_state=1).fit(X @ sp.diags(ratio), y == classes - 1)
    weights = 0.7 * np.abs(svm.coef_).mean() + 0.3 * svm.coef_[0]
    scores = fitted.decision_function(X)
    last = scores if classes == 2 else scores[:, -1]
    np.testing.assert_allclose(last, (X @ sp.diags(ratio)) @ weights + svm.intercept_)


@pytest.mark.parametrize("sizes", [SIZES, {"access": 40, "payroll": 20}, {"access": 30, "hardware": 20, "payroll": 1}])
@pytest.mark.parametrize("name", ["nb_svm", "linear_svm", "rbf_svm"])
def test_temperature_scaling_leaves_the_predictions_of_the_plain_machine(
    name: str, sizes: dict[str, int], tmp_path: Path
) -> None:
    feature_set = feature_sets.sparse(tmp_path / "f", sizes)
    X, labels = feature_set.matrix("train"), feature_set.labels("train")
    plain = {
        "nb_svm": NbSvm(beta=0.5, random_state=3),
        "linear_svm": LinearSVC(random_state=3),
        "rbf_svm": SVC(C=1.0, break_ties=True),
    }[name].fit(X, labels)
    fitted = fit(feature_set, name)
    probabilities = fitted.predict_proba(np.arange(len(labels)))
    scores = plain.decision_function(X)
    scores = np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores
    # One factor makes the scores log-odds: the quotient of differences is the same in all rows.
    ratios = np.diff(np.log(probabilities)) / np.diff(scores)
    spread = ratios[np.abs(np.diff(scores)) > 1e-2]
    assert spread.min() > 0
    np.testing.assert_allclose(spread, np.median(spread), rtol=1e-2 if sizes.get(RARE) == 1 else 1e-6)


def test_a_folded_machine_gives_what_scikit_learns_calibrated_one_gives(made: dict[str, FeatureSet]) -> None:
    from sklearn.calibration import CalibratedClassifierCV

    from tasks.folds import folds

    X, labels = made["sparse"].matrix("train"), made["sparse"].labels("train")
    weights = np.where(labels == RARE, 3.0, 1.0)
    for chosen in (labels != "", labels != "hardware"):
        part, own, weight = X[chosen], labels[chosen], weights[chosen]
        machine = CalibratedClassifierCV(
            NbSvm(random_state=3), method="temperature", ensemble=False, cv=folds(own, 5, 3)
        ).fit(part, own, sample_weight=weight)
        folded = fitting.calibrate(NbSvm(random_state=3), part, own, weight, RESOURCES, np.arange(len(own)))
        assert type(folded) is LogisticRegression
        np.testing.assert_allclose(folded.predict_proba(part), machine.predict_proba(part), atol=1e-9)


def test_elastic_net_lies_between_and_l1_makes_weights_vanish(made: dict[str, FeatureSet]) -> None:
    X, labels = made["sparse"].matrix("train"), made["sparse"].labels("train")

    def zeros(ratio: float) -> int:
        params: Any = MODELS["logistic_regression"].model_validate(
            {"features": "f", "model": "logistic_regression", "l1_ratio": ratio}
        )
        row = ESTIMATORS["logistic_regression"]
        return int((row.fit(row.build(params, 3), X, labels, None, RESOURCES, np.arange(len(labels))).coef_ == 0).sum())

    assert 0 == zeros(0.0) < zeros(0.5) < zeros(1.0)


def test_weighted_rows_of_l1_count_as_repeated_ones_and_the_solver_arrives(made: dict[str, FeatureSet]) -> None:
    """The solver saga never arrives if it is given weights above 1."""
    X, labels = made["sparse"].matrix("train"), made["sparse"].labels("train")
    weights = np.where(labels == RARE, 7, 1)

    def loss(rows: Any, weight: Any) -> float:
        regression = LogisticRegression(solver="saga", l1_ratio=1.0, tol=1e-3, max_iter=3000, random_state=1)
        fitted = fitting.descend(regression, X[rows], labels[rows], weight, RESOURCES, rows)
        assert fitted.n_iter_ < 3000
        assert fitted.C == 1.0
        own = fitted.predict_proba(X)[np.arange(144), np.searchsorted(fitted.classes_, labels)]
        return float(-(weights @ np.log(own)) + np.abs(fitted.coef_).sum())

    repeated = loss(np.repeat(np.arange(144), weights), None)
    assert loss(np.arange(144), weights) == pytest.approx(repeated, rel=1e-2)


def test_a_class_that_the_rows_lack_has_probability_0(made: dict[str, FeatureSet], tmp_path: Path) -> None:
    labels = made["sparse"].labels("train")
    for name in ("linear_svm", "naive_bayes"):
        fitted = fit(made["sparse"], name, np.flatnonzero(labels != "hardware"), class_weight="balanced")
        probabilities = fitted.predict_proba(np.arange(len(labels)))
        assert (probabilities[:, sorted(SIZES).index("hardware")] == 0).all()
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        with pytest.raises(ValueError, match="classes"):
            fitted.save(tmp_path)


@pytest.mark.parametrize("name", RECIPES)
def test_rows_of_one_class_alone_always_give_that_class(made: dict[str, FeatureSet], name: str) -> None:
    feature_set = made[READS[str(RECIPES[name]["model"])][0]]
    fitted = fit(feature_set, name, np.flatnonzero(feature_set.labels("train") == RARE)[:3])
    np.testing.assert_array_equal(fitted.predict_proba(np.arange(5)), np.tile([0.0, 0.0, 1.0], (5, 1)))


@pytest.mark.parametrize("name", RECIPES)
def test_more_classes_than_pairs_of_rows(name: str, tmp_path: Path) -> None:
    """Each class has one row: only a linear discriminant cannot be fitted to that, and says so."""
    sizes = dict.fromkeys(SIZES, 1)
    reads = READS[str(RECIPES[name]["model"])][0]
    feature_set = feature_sets.sparse(tmp_path / "f", sizes)
    if reads == "dense":
        feature_set.manifest["form"] = "dense"
        np.save(feature_set.folder / "train.npy", np.eye(3, 5, dtype=np.float32))
    if name == "linear_discriminant":
        with pytest.raises(BadInput, match="more rows than classes, found 3 rows of 3 classes"):
            fit(feature_set, name)
        return
    probabilities = fit(feature_set, name).predict_proba(np.arange(3))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_the_only_row_of_a_class_counts_once(tmp_path: Path) -> None:
    feature_set = feature_sets.sparse(tmp_path / "f", {"access": 30, "hardware": 20, "payroll": 1})
    X, labels = feature_set.matrix("train"), feature_set.labels("train")
    fitted = fitting.calibrate(SVC(C=1.0, break_ties=True), X, labels, None, RESOURCES, np.arange(len(labels)))
    scores = fitted.calibrated_classifiers_[0].estimator.decision_function(X)
    plain = SVC(C=1.0, gamma=fitted.calibrated_classifiers_[0].estimator._gamma, break_ties=True).fit(X, labels)
    np.testing.assert_allclose(scores, plain.decision_function(X), atol=0.01)


@pytest.mark.parametrize("name", ["logistic_regression", "linear_svm"])
def test_the_units_of_word_vectors_do_not_matter_to_linear_models(name: str, tmp_path: Path) -> None:
    feature_set = feature_sets.dense(tmp_path / "f")
    rows = np.arange(60)
    plain = fit(feature_set, name).predict_proba(rows)
    file = feature_set.folder / "train.npy"
    np.save(file, np.load(file) * np.array([1e-2, 1, 10, 1e-3, 1, 2], dtype=np.float32))
    np.testing.assert_allclose(fit(feature_set, name).predict_proba(rows), plain, atol=1e-4)


@pytest.mark.parametrize("by", ["chi2", "anova"])
def test_selection_keeps_the_features_that_tell_the_classes_apart(by: str) -> None:
    from tasks.finetune import selection
    from tasks.finetune.params import FeatureSelection

    labels = np.array(["a", "b"] * 20)
    X = np.random.default_rng(0).random((40, 5))
    X[:, 1], X[:, 3] = 1.0, labels == "a"  # one never changes, one says it all
    selector = selection.fit(FeatureSelection.model_validate({"by": by, "keep": 1}), sp.csr_matrix(X), labels)
    np.testing.assert_array_equal(selector.get_support(), [False, False, False, True, False])


def test_selection_looks_at_the_rows_that_the_model_is_fitted_to_alone(made: dict[str, FeatureSet]) -> None:
    few, all_rows = (
        fit(made["sparse"], "logistic_regression", rows, select={"by": "chi2", "keep": 6})
        for rows in (np.arange(12), None)
    )
    first, second = (fitted._steps[0][1].get_support() for fitted in (few, all_rows))
    assert first.sum() == second.sum() == 6
    assert not np.array_equal(first, second)


def test_more_features_asked_for_than_there_are_keeps_all_and_says_so(
    made: dict[str, FeatureSet], capsys: pytest.CaptureFixture[str]
) -> None:
    plain = fit(made["sparse"], "naive_bayes")
    selected = fit(made["sparse"], "naive_bayes", select={"by": "chi2", "keep": 500})
    rows = np.arange(20)
    np.testing.assert_array_equal(selected.predict_proba(rows), plain.predict_proba(rows))
    assert "select.keep: all 13 features are kept, as there are no 500" in capsys.readouterr().out


def test_more_neighbours_than_rows_lets_all_vote(
    made: dict[str, FeatureSet], capsys: pytest.CaptureFixture[str]
) -> None:
    fitted = fit(made["sparse"], "nearest_neighbours", neighbours=1000, votes="uniform")
    assert "all 144 rows vote" in capsys.readouterr().out
    shares = np.array(list(dict(sorted(SIZES.items())).values())) / 144
    np.testing.assert_allclose(fitted.predict_proba(np.arange(2)), np.tile(shares, (2, 1)))


def test_balanced_neighbours_vote_in_even_shares_where_all_vote(made: dict[str, FeatureSet]) -> None:
    rows = np.arange(144)
    fitted = fit(made["sparse"], "nearest_neighbours", rows, neighbours=144, votes="uniform", class_weight="balanced")
    np.testing.assert_allclose(fitted.predict_proba(np.arange(1)), [[1 / 3, 1 / 3, 1 / 3]], atol=0.02)


def test_a_solver_that_does_not_converge_is_logged_once(
    made: dict[str, FeatureSet], capsys: pytest.CaptureFixture[str]
) -> None:
    fit(made["sparse"], "logistic_regression", max_iter=1, C=1e4)
    assert capsys.readouterr().out.count("warning:") == 1


def test_an_unknown_class_in_class_weight_is_refused(made: dict[str, FeatureSet]) -> None:
    with pytest.raises(BadInput, match=r"class_weight: .* found 'pay'"):
        fit(made["sparse"], "linear_svm", class_weight={"pay": 2.0})


def test_the_threads_of_a_forest_change_nothing(made: dict[str, FeatureSet]) -> None:
    one = fit(made["sparse"], "random_forest")
    params: Any = MODELS["random_forest"].model_validate({"features": "f", **RECIPES["random_forest"]})
    two = ClassicalTrainer(made["sparse"], sorted(SIZES), Compute(3, 2, "cpu", "float32"))
    rows = np.arange(144)
    np.testing.assert_array_equal(one.predict_proba(rows), two.fit(params, rows, Path("unused")).predict_proba(rows))


COMMON = {
    "features",
    "model",
    "search",
    "class_weight",
    "select",
    "seed",
    "calibration",
    "learning_curve",
}  # these have tests of their own
SWITCHES: dict[str, dict[str, object]] = {
    "naive_bayes": {"variant": "complement", "alpha": 5.0},
    "nb_svm": {"alpha": 9.0, "C": 0.01, "beta": 0.1},
    "linear_svm": {"C": 0.01},
    "rbf_svm": {"C": 0.05, "gamma": 9.0},
    "logistic_regression": {"C": 0.01, "l1_ratio": 1.0, "max_iter": 1},
    "random_forest": {"trees": 3, "max_depth": 1, "min_leaf_rows": 20},
    "gradient_boosting": {"rounds": 2, "learning_rate": 0.9, "max_leaves": 2, "min_leaf_rows": 40, "l2": 50.0},
    "linear_discriminant": {"shrinkage": 0.9},
    "nearest_neighbours": {"neighbours": 2, "votes": "uniform", "metric": "euclidean"},
}


def test_every_switch_of_every_classical_model_is_listed() -> None:
    assert set(SWITCHES) == set(ESTIMATORS)
    for name, switches in SWITCHES.items():
        assert set(switches) == set(MODELS[name].model_fields) - COMMON, name


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, keys in SWITCHES.items() for key in keys])
def test_every_switch_of_a_classical_model_changes_its_predictions(
    made: dict[str, FeatureSet], name: str, key: str
) -> None:
    feature_set = made["sparse" if "sparse" in READS[name] and key != "metric" else "dense"]
    rows = np.arange(len(feature_set.labels("train")))
    shown, held = rows[::2], rows[1::2]  # the nearest neighbour of a row that was shown is the row itself
    params = {"features": "f", "model": name}
    trainer = ClassicalTrainer(feature_set, sorted(SIZES), RESOURCES)
    plain = trainer.fit(MODELS[name].model_validate(params), shown, Path("unused")).predict_proba(held)
    changed = MODELS[name].model_validate(params | {key: SWITCHES[name][key]})
    assert not np.allclose(trainer.fit(changed, shown, Path("unused")).predict_proba(held), plain, atol=1e-4)


def test_chi_squared_does_not_rank_dense_features(made: dict[str, FeatureSet]) -> None:
    with pytest.raises(BadInput, match=r"select\.by: expected anova for dense features"):
        fit(made["dense"], "linear_svm", select={"by": "chi2", "keep": 3})
