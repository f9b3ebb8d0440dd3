"""Counted and weighted terms: what each weighting means, and their reduction to a few directions."""

from pathlib import Path

import numpy as np
import pytest

from tasks import estimator, features, rows
from tasks.embed import stage as embed
from tasks.embed import tfidf
from tasks.embed.params import TfidfParams
from tasks.errors import BadInput
from tasks.records import Record
from tests import tiny

TEXTS = {"train": ["a a b", "b c", "a c c", "b b"], "validation": ["a zebra", ""]}


def made(folder: Path, **changes: object) -> features.FeatureSet:
    recipe = {"kind": "tfidf", "encoder": "none", "min_rows": 1, "words": [1, 1], "characters": None}
    params = TfidfParams.model_validate(recipe | changes)
    folder.mkdir(exist_ok=True)
    entries = tfidf.make(folder, TEXTS, params, seed=3)
    features.write_manifest(folder, {"kind": "tfidf", "form": params.form, **entries})
    return features.load(folder)


def test_counts_and_binary_are_what_they_are_called(tmp_path: Path) -> None:
    counts = made(tmp_path / "counts", weighting="counts")
    np.testing.assert_array_equal(counts.matrix("train").toarray(), [[2, 1, 0], [0, 1, 1], [1, 0, 2], [0, 2, 0]])
    np.testing.assert_array_equal(counts.matrix("validation").toarray(), [[1, 0, 0], [0, 0, 0]])
    binary = made(tmp_path / "binary", weighting="binary")
    np.testing.assert_array_equal(binary.matrix("train").toarray(), [[1, 1, 0], [0, 1, 1], [1, 0, 1], [0, 1, 0]])


def test_directions_are_those_of_the_singular_values(tmp_path: Path) -> None:
    counts = made(tmp_path / "counts", weighting="counts").matrix("train").toarray()
    reduced = made(tmp_path / "reduced", weighting="counts", dimensions=2)
    assert (reduced.form, reduced.matrix("train").dtype) == ("dense", np.float32)
    _, sizes, directions = np.linalg.svd(counts)
    found = np.abs(reduced.matrix("train"))
    np.testing.assert_allclose(found, np.abs(counts @ directions[:2].T), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), sizes[:2], rtol=1e-4)


@pytest.mark.parametrize("changes", [{}, {"weighting": "counts"}, {"dimensions": 2}], ids=str)
def test_the_saved_vectorizer_makes_the_same_matrix(tmp_path: Path, changes: dict[str, object]) -> None:
    feature_set = made(tmp_path / "set", **changes)
    vectorizer = estimator.load(feature_set.vectorizer)
    for split, texts in TEXTS.items():
        saved, again = feature_set.matrix(split), vectorizer.transform(texts)
        assert saved.dtype == again.dtype
        np.testing.assert_array_equal(*((m.toarray() if hasattr(m, "toarray") else m) for m in (saved, again)))


def test_the_seed_of_the_project_decides_the_directions(workspace: Path) -> None:
    def matrix(seed: int) -> np.ndarray:
        tiny.params(workspace, seed=seed, features={"lsa": {"kind": "tfidf", "encoder": "none", "dimensions": 20}})
        embed.run(workspace, "lsa", Record(workspace, "embed@lsa"))
        return np.array(features.load(workspace / "data/features/lsa").matrix("train"))

    np.testing.assert_array_equal(matrix(1), matrix(1))
    assert not np.array_equal(matrix(1), matrix(2))


def test_more_directions_than_terms_or_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"more than 3 rows and terms, found 4 train rows and 3 terms\. Lower `dim"):
        made(tmp_path / "set", dimensions=3)


def test_characters_tell_chinese_texts_apart_that_share_no_word(tmp_path: Path, workspace: Path) -> None:
    from sklearn.svm import LinearSVC

    train = ["房间干净", "早餐很干净", "干净整洁", "非常吵闹", "走廊吵闹得很", "吵闹不堪"]
    labels = ["good"] * 3 + ["bad"] * 3
    for split, texts in {"train": train, "validation": ["真干净呀", "太吵闹啦"]}.items():
        path = workspace / f"data/clean/{split}.parquet"
        table = rows.read(path).slice(0, len(texts))
        rows.write(path, table.set_column(1, "text", [texts]).cast(rows.CLEAN))
    recipe = {"kind": "tfidf", "encoder": "none", "words": None, "rules": {"segment": "none"}}
    tiny.params(workspace, features={"characters": recipe})
    embed.run(workspace, "characters", Record(workspace, "embed@characters"))
    feature_set = features.load(workspace / "data/features/characters")
    model = LinearSVC().fit(feature_set.matrix("train"), labels)
    assert list(model.predict(feature_set.matrix("validation"))) == ["good", "bad"]
