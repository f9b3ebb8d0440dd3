"""Words and their vectors: ids that any program can make, vectors that are trained, drawn or read."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from tasks import estimator, features, rows
from tasks.embed import stage as embed
from tasks.embed.vocabulary import WORD, build
from tasks.errors import BadInput
from tasks.records import Record
from tests import tiny
from tests.imports import ROOT

WORDS: dict[str, object] = {"kind": "words", "encoder": "none", "dimensions": 4, "epochs": 2}
AVERAGES: dict[str, object] = {"kind": "word_vectors", "encoder": "none", "dimensions": 4, "epochs": 2}


def texts(root: Path, split: str, new: list[str]) -> None:
    path = root / f"data/clean/{split}.parquet"
    table = rows.read(path).slice(0, len(new))
    rows.write(path, table.set_column(1, "text", [new]).cast(rows.CLEAN))


def make(root: Path, recipe: dict[str, object], seed: int = 7) -> features.FeatureSet:
    tiny.params(root, seed=seed, features={"made": recipe})
    embed.run(root, "made", Record(root, "embed@made"))
    return features.load(root / "data/features/made")


def link(root: Path, file: Path) -> None:
    (root / "links/vectors").mkdir(parents=True, exist_ok=True)
    (root / "links/vectors/made").unlink(missing_ok=True)
    (root / "links/vectors/made").symlink_to(file)


def test_words_are_cut_in_one_way_by_both_libraries(workspace: Path) -> None:
    text = "I don't know; can’t log in. It's John's $5 酒店 很 好！ foo_bar [PAD] [UNK]"  # noqa: RUF001
    cut = "i do n't know ; ca n’t log in . it 's john 's $ 5 酒店 很 好 ！ foo_bar [ pad ] [ unk ]"  # noqa: RUF001
    expected = cut.split()
    texts(workspace, "train", [text, "a"])
    feature_set = make(workspace, WORDS)
    assert Tokenizer.from_file(str(feature_set.tokenizer)).encode(text.lower()).tokens == expected
    averages = estimator.load(make(workspace, AVERAGES).vectorizer)
    assert averages[0].build_tokenizer()(text.lower()) == expected


def test_ids_and_vectors_are_those_of_the_saved_tokenizer(workspace: Path) -> None:
    texts(workspace, "train", ["b b a", "b C", "d !"])
    texts(workspace, "validation", ["a zebra", "", "[PAD] b"])
    feature_set = make(workspace, WORDS | {"max_tokens": 3})
    tokenizer = Tokenizer.from_file(str(feature_set.tokenizer))
    # The most frequent first, then by their characters; id 1 is what the train rows lack.
    assert [tokenizer.id_to_token(number) for number in range(7)] == ["[PAD]", "[UNK]", "b", "!", "a", "c", "d"]
    assert feature_set.ids("train") == [[2, 2, 4], [2, 5], [6, 3]]
    assert feature_set.ids("validation") == [[4, 1], [1], [1, 1, 1]]
    assert tokenizer.encode("d c b a").ids == [6, 5, 2], "texts are not cut at max_tokens"
    vectors = feature_set.word_vectors()
    assert (vectors.shape, vectors.dtype, feature_set.form) == ((7, 4), np.float32, "words")
    assert not vectors[0].any() and vectors[1:].any(axis=1).all()


def test_words_of_few_rows_and_beyond_the_most_share_a_vector(workspace: Path) -> None:
    texts(workspace, "train", ["a b c c c", "a b d", "a e"])
    few = make(workspace, WORDS | {"min_rows": 2})
    assert few.ids("train") == [[2, 3, 1, 1, 1], [2, 3, 1], [2, 1]]
    assert make(workspace, WORDS | {"max_words": 1}).ids("train")[2] == [2, 1]
    trained, drawn = few.word_vectors(), make(workspace, WORDS | {"min_rows": 2, "vectors": "random"}).word_vectors()
    np.testing.assert_allclose(drawn[1], drawn[2:].mean(axis=0), rtol=1e-5)
    assert not np.allclose(trained[1], trained[2:].mean(axis=0)), "the unknown word was not trained"


@pytest.mark.parametrize(
    "change",
    [
        {"vectors": "random"}, {"architecture": "cbow"}, {"window": 1}, {"negative": 1}, {"epochs": 3},
        {"dimensions": 5}, {"min_rows": 20}, {"max_words": 4}, {"rules": {"own_stop_words": ["the"]}},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("recipe", [WORDS, AVERAGES], ids=["words", "word_vectors"])
def test_every_switch_changes_the_vectors(
    workspace: Path, recipe: dict[str, object], change: dict[str, object]
) -> None:
    def vectors(recipe: dict[str, object]) -> np.ndarray:
        made = make(workspace, recipe)
        return np.array(made.word_vectors() if made.form == "words" else made.matrix("train"))

    plain, changed = vectors(recipe), vectors(recipe | change)
    assert plain.shape != changed.shape or not np.allclose(plain, changed)


def test_the_seed_of_the_project_decides_the_vectors(workspace: Path) -> None:
    for vectors in ("word2vec", "random"):
        recipe = WORDS | {"vectors": vectors}
        one, two = (np.array(make(workspace, recipe, seed).word_vectors()) for seed in (1, 2))
        assert not np.allclose(one, two)


def test_words_of_validation_rows_are_not_learnt(workspace: Path) -> None:
    before = np.array(make(workspace, WORDS).word_vectors())
    texts(workspace, "validation", ["zebra zebra zebra my the"] * 18)
    after = make(workspace, WORDS)
    np.testing.assert_array_equal(after.word_vectors(), before)
    assert Tokenizer.from_file(str(after.tokenizer)).token_to_id("zebra") is None


def test_word2vec_gives_the_same_bytes_under_any_hash_seed(workspace: Path) -> None:
    recipes: dict[str, dict[str, object]] = {"words": WORDS | {"min_rows": 20}, "averages": AVERAGES}
    tiny.params(workspace, features=recipes)
    program = (
        "import sys; from pathlib import Path; from tasks.embed.stage import run; from tasks.records import Record\n"
        "for name in ('words', 'averages'): run(Path(sys.argv[1]), name, Record(Path(sys.argv[1]), name))"
    )

    def digests() -> list[dict[str, str]]:
        return [features.load(workspace / "data/features" / name).manifest["sha256"] for name in recipes]

    for name in recipes:
        embed.run(workspace, name, Record(workspace, name))
    here = digests()
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    environment = {"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", program, str(workspace)]
    subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True)
    assert digests() == here


def test_words_that_stand_together_have_like_vectors(workspace: Path) -> None:
    generator = np.random.default_rng(0)
    topics = [["ink", "toner", "page"], ["login", "user", "key"]]
    texts(workspace, "train", [" ".join(generator.choice(topics[number % 2], 12)) for number in range(48)])
    made = make(workspace, WORDS | {"dimensions": 8, "epochs": 150, "window": 2})
    ids = Tokenizer.from_file(str(made.tokenizer)).token_to_id
    vectors = made.word_vectors() / np.linalg.norm(made.word_vectors(), axis=1, keepdims=True).clip(1e-9)
    near = vectors[ids("ink")] @ vectors[ids("toner")]
    assert near > vectors[ids("ink")] @ vectors[ids("login")] + 0.3


@pytest.mark.parametrize("weighting", ["mean", "tfidf"])
def test_a_text_is_the_weighted_mean_of_its_words(workspace: Path, weighting: str) -> None:
    train = ["a a b", "a c", "a"]
    texts(workspace, "train", train)
    texts(workspace, "validation", ["b b c zebra", "zebra", ""])
    (workspace / "v.txt").write_text("a 1 0 0\nb 0 1 0\nc 0 0 1\n")
    link(workspace, workspace / "v.txt")
    recipe = AVERAGES | {"vectors": "path:v.txt", "dimensions": None, "weighting": weighting}
    made = make(workspace, recipe)
    # The smoothed inverse document frequency of scikit-learn: ln((1 + rows) / (1 + rows with the word)) + 1.
    rarity = np.log(4 / np.array([4, 2, 2])) + 1 if weighting == "tfidf" else np.ones(3)
    weights = np.array([[2, 1, 0], [1, 0, 1], [1, 0, 0]]) * rarity
    np.testing.assert_allclose(made.matrix("train"), weights / weights.sum(1, keepdims=True), rtol=1e-6)
    np.testing.assert_allclose(made.matrix("validation"), [[0, 2 / 3, 1 / 3], [0, 0, 0], [0, 0, 0]], rtol=1e-6)
    pipeline = estimator.load(made.vectorizer)
    np.testing.assert_array_equal(pipeline.transform(train), made.matrix("train"))
    assert {type(step).__module__.split(".")[0] for _, step in pipeline.steps} == {"sklearn"}


def test_vectors_from_a_file_and_their_coverage(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts(workspace, "train", ["a a a b", "c d"])
    generator = np.random.default_rng(1)
    known = {word: generator.normal(size=50).astype(np.float32) for word in ("a", "b", "zebra")}
    (workspace / "v.txt").write_text("".join(f"{w} {' '.join(map(str, v))}\n" for w, v in known.items()))
    link(workspace, workspace / "v.txt")
    recipe = WORDS | {"vectors": "path:v.txt", "dimensions": None}
    made = make(workspace, recipe)
    vectors = made.word_vectors()
    np.testing.assert_array_equal(vectors[2:4], [known["a"], known["b"]])
    np.testing.assert_allclose(vectors[1], (known["a"] + known["b"]) / 2, rtol=1e-5)
    # c and d: not zero, not alike, of the file's scale, and no others on the next run.
    assert 0.7 < vectors[4:].std() / vectors[2:4].std() < 1.3
    assert not np.allclose(vectors[4], vectors[5])
    assert made.manifest["coverage"] == {"words": 0.5, "tokens": round(4 / 6, 6)}
    assert "path:v.txt holds 2 of 4 words (50.0%), which are 66.7% of the train rows' words" in capsys.readouterr().out
    first = made.manifest["sha256"]
    assert make(workspace, recipe).manifest["sha256"] == first


def test_the_link_must_lead_to_the_declared_file(workspace: Path) -> None:
    recipe = WORDS | {"vectors": "path:v.txt"}
    with pytest.raises(BadInput, match=r"features\.made\.vectors: expected an existing file, found v\.txt"):
        make(workspace, recipe)
    (workspace / "v.txt").write_text("printer 1 0 0 0\n")
    with pytest.raises(BadInput, match=r"links/vectors/made: expected a link to v\.txt, found none.*regraft explain"):
        make(workspace, recipe)
    (workspace / "other.txt").write_text("printer 1 0 0 0\n")
    link(workspace, workspace / "other.txt")
    with pytest.raises(BadInput, match="found a link to another file"):
        make(workspace, recipe)
    link(workspace, workspace / "v.txt")
    assert make(workspace, recipe).manifest["coverage"]["words"] > 0


@pytest.mark.parametrize("recipe", [WORDS, AVERAGES], ids=["words", "word_vectors"])
def test_no_word_left_is_said(workspace: Path, recipe: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="Lower `min_rows`"):
        make(workspace, recipe | {"min_rows": 10_000})
    texts(workspace, "train", ["", " "])
    with pytest.raises(BadInput, match="the train texts"):
        make(workspace, recipe)


def test_counts_of_a_vocabulary() -> None:
    known = build([["b", "a", "b"], ["a"], ["c"]], min_rows=1, max_words=2)
    assert (known.words, known.counts, known.tokens) == (["a", "b"], [2, 2], 5)


def test_a_text_that_is_longer_than_gensim_reads_is_trained_on_to_its_end(workspace: Path) -> None:
    texts(workspace, "train", ["a b " * 6000 + "y z " * 500])
    made = make(workspace, WORDS | {"epochs": 30, "dimensions": 8})
    ids = Tokenizer.from_file(str(made.tokenizer)).token_to_id
    vectors = np.array(made.word_vectors())
    lengths = np.linalg.norm(vectors, axis=1)
    assert lengths[ids("y")] > 0.5, "what stands behind the 10,000th word was not read"


def test_the_pattern_is_one_that_python_knows_too() -> None:
    import re

    assert re.findall(WORD, "shan't") == ["sha", "n't"]
