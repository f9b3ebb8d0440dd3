"""Estimators on disk: the same bytes everywhere, small, and nothing loaded that could do harm."""

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier
from skops import io as skops_io

from tasks import compute, estimator
from tasks.compute import Compute
from tasks.errors import BadInput
from tasks.finetune import selection
from tasks.finetune.estimators import ESTIMATORS
from tasks.finetune.params import MODELS, FeatureSelection
from tests.imports import ROOT
from tests.tasks import feature_sets

SMALL = {"random_forest": {"trees": 5}, "gradient_boosting": {"rounds": 3}}
SIZES = {"access": 20, "hardware": 15, "payroll": 10}


def fitted(name: str) -> Any:
    """A pipeline from texts to classes, with a choice of features and one of the classical models."""
    texts, names = feature_sets.texts(SIZES, seed=0)
    labels = np.array(names)
    vectorizer = TfidfVectorizer(stop_words=["the"])
    X = vectorizer.fit_transform(texts)
    select = selection.fit(FeatureSelection(by="chi2" if len(name) % 2 else "anova", keep=8), X, labels)
    X = select.transform(X)
    params: Any = MODELS[name].model_validate({"features": "f", "model": name, **SMALL.get(name, {})})
    row = ESTIMATORS[name]
    dense = X.toarray() if name in ("gradient_boosting", "linear_discriminant") else X
    origins = np.arange(len(labels))
    model = row.fit(row.build(params, 1), dense, labels, None, Compute(1, 1, "cpu", "float32"), origins)
    return Pipeline([("features", vectorizer), ("select", select), ("classifier", model)])


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each classical model's file."""
    compute.limit_threads(1)
    found = {}
    for name in ESTIMATORS:
        estimator.save(fitted(name), folder / name)
        found[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    return found


def test_every_model_has_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    here = digests(tmp_path)
    code = "import json, sys; from pathlib import Path; from tests.tasks import test_estimator as t; " \
        "print(json.dumps(t.digests(Path(sys.argv[1]))))"  # fmt: skip
    (tmp_path / "other").mkdir()
    environment = os.environ | {"PYTHONHASHSEED": "77"}
    command = [sys.executable, "-c", code, str(tmp_path / "other")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == here


def test_a_forest_is_packed(tmp_path: Path) -> None:
    forest = fitted("random_forest")
    estimator.save(forest, tmp_path / "model.skops")
    assert (tmp_path / "model.skops").stat().st_size < len(skops_io.dumps(forest)) / 5


def test_a_file_with_other_types_is_refused(tmp_path: Path) -> None:
    class Stranger(DecisionTreeClassifier):  # type: ignore[misc]
        pass

    tree = Stranger().fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(ValueError, match=r"not on the trusted list: .*Stranger"):
        estimator.save(tree, tmp_path / "model.skops")
    (tmp_path / "model.skops").write_bytes(skops_io.dumps(tree))
    with pytest.raises(BadInput, match="a model file that Regraft wrote, found Untrusted types"):
        estimator.load(tmp_path / "model.skops")


FORGERIES = [
    ("random_forest", "left_child", 10_000),
    ("random_forest", "right_child", 0),  # back to the root: a walk without end
    ("random_forest", "feature", 10_000),
    ("gradient_boosting", "left", 10_000),
    ("gradient_boosting", "right", 0),
    ("gradient_boosting", "feature_idx", 10_000),
    ("gradient_boosting", "is_categorical", 1),
]


@pytest.mark.parametrize(("name", "field", "value"), FORGERIES)
def test_a_forged_tree_is_refused(name: str, field: str, value: int, tmp_path: Path) -> None:
    """scikit-learn would follow the numbers out of the tree's memory, or in a circle."""
    content = skops_io.dumps(fitted(name))
    forged = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(forged, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            array: Any = np.load(io.BytesIO(data), allow_pickle=False) if member.endswith(".npy") else np.empty(0)
            if array.dtype.names and field in array.dtype.names:
                array[field][0] = value
                out = io.BytesIO()
                np.save(out, array)
                data = out.getvalue()
            new.writestr(member, data)
    (tmp_path / "model.skops").write_bytes(forged.getvalue())
    with pytest.raises(BadInput, match="expected a model file that Regraft wrote, found a tree that"):
        estimator.load(tmp_path / "model.skops")


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_bytes(b"no zip file")
    with pytest.raises(BadInput, match="a model file that Regraft wrote"):
        estimator.load(tmp_path / "model.skops")


TEXTS = ["the printer is on fire", "the mouse is not", "a mouse printer"]


def test_terms_are_written_as_one_array_and_read_as_scikit_learn_would(tmp_path: Path) -> None:
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3)).fit(TEXTS)
    before = dict(vectorizer.vocabulary_)
    estimator.save(Pipeline([("terms", vectorizer)]), tmp_path / "file")
    assert (vectorizer.vocabulary, vectorizer.vocabulary_) == (None, before)  # the caller's own stays as it was
    assert b"pri" not in zipfile.ZipFile(tmp_path / "file").read("schema.json")
    unseen = ["printers on mice", "", "fire"]
    expected = vectorizer.transform(unseen).toarray()
    stock = skops_io.load(tmp_path / "file", trusted=list(estimator.TRUSTED))
    for loaded in (estimator.load(tmp_path / "file"), stock):
        np.testing.assert_array_equal(loaded.transform(unseen).toarray(), expected)
        assert loaded[0].vocabulary_ == before
        assert loaded.get_feature_names_out().tolist() == vectorizer.get_feature_names_out().tolist()


def test_terms_that_an_array_would_cut_are_kept_whole(tmp_path: Path) -> None:
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 2)).fit(["a\0", "b"])
    estimator.save(vectorizer, tmp_path / "file")
    assert estimator.load(tmp_path / "file").vocabulary_ == vectorizer.vocabulary_
