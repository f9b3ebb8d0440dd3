"""Nothing of a test row can be found in anything that is written before the test rows are opened.

A marker word stands in the test rows and another in the validation rows, and every stage up to evaluation runs. Both
words are looked for in every file. A word does not show in weights, so all is done again with other test rows: whatever
they are, the same bytes must come out.
"""

import gzip
import importlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
import zstandard
from safetensors.torch import save_file
from sklearn.feature_extraction.text import TfidfVectorizer

from flows.links import refresh
from tasks import compute, contestants, estimator, learned_rows, rows
from tasks.embed import near_words
from tasks.files import write_json
from tasks.records import Record
from tasks.rules import Rules
from tests import secret, tiny
from tests.tasks import translators

pytestmark = pytest.mark.slow

TEST_WORD, VALIDATION_WORD = "qxzvwkjyqh", "wvqkzyjxfq"

AUGMENT = {"copies": 2, "swap": 0.3, "delete": 0.3, "insert": 0.3, "synonyms": 0.3, "characters": 0.3, "nearest": 2}
WORD2VEC = {"encoder": "none", "dimensions": 8, "epochs": 2, "augment": AUGMENT}
TOKENS = {"kind": "tokens", "encoder": "adapted", "max_tokens": 16}
TUNED = {"model": "transformer", "epochs": 1, "batch_rows": 16, "learning_rate": 0.005}
BLOCKS: dict[str, dict[str, Any]] = {
    "features": {
        "terms": {"kind": "tfidf", "encoder": "none", "min_rows": 1, "augment": AUGMENT},
        "means": {"kind": "word_vectors", **WORD2VEC},
        "words": {"kind": "words", **WORD2VEC},
        "vectors": {"kind": "encoder", "encoder": "adapted", "max_tokens": 16, "batch_tokens": 64},
        "ids": TOKENS | {"augment": AUGMENT | {"label_names": True}},
        "other": TOKENS | {"encoder": "contrasted"},
        "noisy": TOKENS | {"encoder": "denoised"},
        "translated": {
            "kind": "tfidf", "encoder": "none", "min_rows": 1,
            "augment": {"copies": 1, "translate": {"there": "path:en-de", "back": "path:de-en", "max_tokens": 16}},
        },
    },
    "candidates": {
        "svm": {"features": "terms", "model": "linear_svm"},
        "retold": {"features": "translated", "model": "linear_svm"},
        "searched": {
            "features": "means", "model": "logistic_regression",
            "search": {"trials": 2, "folds": 2, "space": {"C": [0.1, 1.0]}},
        },
        "frozen": {"features": "vectors", "model": "logistic_regression"},
        "cnn": {"features": "words", "model": "text_cnn", "filters": 4, "widths": [2], "epochs": 1},
        "full": {"features": "ids", "tune": "full", "contrastive": {"epochs": 1}, "mixup": 0.4, **TUNED},
        "lora": {"features": "ids", "tune": "lora", "lora_rank": 2, **TUNED},
        "bag": {"features": "other", "tune": "head", "bag": {"members": 2, "by": "folds"}, **TUNED},
        "soup": {"features": "noisy", "tune": "full", "freeze_layers": 1, **TUNED,
                 "bag": {"members": 2, "by": "seeds", "combine": "soup"}},
        "warm": {"features": "ids", "tune": "full", "warm_start": "path:earlier", **TUNED},
    },
    "ensembles": {
        "stacked": {"members": ["svm", "frozen", "cnn"], "method": "stack"},
        "weighed": {"members": ["svm", "cnn"], "method": "weighted"},
    },
    "students": {
        "small": {
            "features": "words", "model": "average", "hidden": 4, "epochs": 1,
            "teacher": {"model": "ensembles/stacked", "predictions": "combined/stacked"},
            "distillation": {"unlabelled": ["more.txt"]},
        },
        **{
            name: {
                "features": features, "model": model, "distillation": {"unlabelled": ["more.txt"]},
                "teacher": {"model": "candidates/svm", "predictions": "out_of_fold/svm"},
            }
            for name, features, model in (("near", "vectors", "nearest_neighbours"), ("bayes", "terms", "naive_bayes"))
        },
    },
    "quantized": {"full_int8": {"model": "candidates/full", "weights": "int8"}},
    "cross_validation": {"folds": 2},
    "evaluate": {"latency_rows": 1, "latency_batches": 1},
}  # fmt: skip

STAGES = [
    *(("adapt", name) for name in ("plain", "adapted", "contrasted", "denoised")),
    *(("embed", name) for name in BLOCKS["features"]),
    *(("finetune", name) for name in BLOCKS["candidates"]),
    *(("combine", name) for name in BLOCKS["ensembles"]),
    *(("finetune", name) for name in BLOCKS["students"]),
    *(("quantize", name) for name in BLOCKS["quantized"]),
    *(("evaluate", name) for block in ("candidates", "ensembles", "students", "quantized") for name in BLOCKS[block]),
]
"""Every room and item that runs before the test rows are opened, in an order in which they can run."""

ROWS = ("data/clean/", "links/", "more.txt")  # what holds the rows themselves, and what lies outside
MEASURED = ("costs/", "scratch/")  # holds times, which differ from run to run
OTHER_WORD = "printer printer tax"


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Any:
    """Which words are near does not matter here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_words, "_FEWEST_WORDS", 1)
        yield


Stages = list[tuple[str, str]]


def run_all(root: Path, encoder: Path, test_word: str, stages: Stages = STAGES, *, leak: bool = False) -> Path:
    """Runs stages on rows whose test rows hold `test_word`, with a leak where one is wanted."""
    tiny.clean_rows(root, validation=9, test=9)
    for split, word in (("validation", VALIDATION_WORD), ("test", test_word)):
        plant(root, split, word)
    if leak:
        spill(root)
    write_json(root / "data/clean/rules.json", Rules().model_dump())
    held = [rows.strings(rows.read(root / f"data/clean/{split}.parquet"), "text") for split in ("validation", "test")]
    others = [text for text, _ in tiny.texts(12, 99)]
    (root / "more.txt").write_text("\n".join([*others, *(f"{text.upper()} !" for texts in held for text in texts)]))
    (root / "dvc.yaml").write_text("stages: {}")
    mlm = {"objective": "mlm", "batch_rows": 16, "max_tokens": 16, "held_out": 0.2, "epochs": 1, "learning_rate": 0.01}
    encoders: dict[str, Any] = {"plain": {"source": f"path:{encoder}"}, "adapted": {"source": "plain", **mlm}}
    for name, objective in {"contrasted": "simcse", "denoised": "tsdae"}.items():
        encoders[name] = {"source": "plain", **mlm, "objective": objective}
    tiny.params(root, encoders=encoders, **BLOCKS)
    (root / "earlier").mkdir()
    translators.pair(root)
    refresh(root)
    compute.limit_threads(1)
    for stage, item in stages:
        if item == "warm":  # from a model of the same rows, which tells what it has learned from
            shutil.copytree(root / "models/candidates/full", root / "earlier", dirs_exist_ok=True)
            learned_rows.write(root / "earlier", learned_rows.of_workspace(root))
            refresh(root)
        with Record(root, f"{stage}@{item}") as record:
            importlib.import_module(f"tasks.{stage}.stage").run(root, item, record)
    return root


def plant(root: Path, split: str, word: str) -> None:
    """Puts a word into each text of a split, with a capital letter and without."""
    path = root / "data/clean" / f"{split}.parquet"
    table = rows.read(path)
    texts = [f"{word} {text} {word.capitalize()}" for text in rows.strings(table, "text")]
    rows.write(path, table.set_column(1, "text", pa.array(texts, pa.string())))


def spill(root: Path) -> None:
    """Adds a test row to the train rows; with one more word, as adaptation leaves out what equals a test row."""
    train, test = (rows.read(root / "data/clean" / f"{split}.parquet") for split in ("train", "test"))
    row = test.slice(0, 1)
    text = pa.array([f"{row['text'][0]} please"], pa.string())
    rows.write(root / "data/clean/train.parquet", pa.concat_tables([train, row.set_column(1, "text", text)]))


def written(root: Path) -> dict[str, bytes]:
    """All files but the rows, by path."""
    files = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*")) if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if not name.startswith(ROWS)}


def changed(first: Path, second: Path) -> list[str]:
    """The files that two workspaces do not share to the byte, but for measurements and parameters."""
    before, after = written(first), written(second)
    names = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    return sorted(name for name in names if not name.startswith(MEASURED) and name != "params.yaml")


def holding(word: str, root: Path) -> list[str]:
    return [name for name in secret.found(word, root) if not name.startswith(ROWS)]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """A workspace in which all stages have run; do not change it."""
    return run_all(tmp_path_factory.mktemp("leak"), tiny_encoder, TEST_WORD)


def test_every_stage_has_written_something(done: Path) -> None:
    names = written(done)
    made = {"adapt": "models/encoders", "embed": "data/features"}
    for stage, item in STAGES:
        folder = f"{made[stage]}/{item}/" if stage in made else f"{contestants.find(done, item).folder}/"
        folder = f"predictions/{item}.parquet" if stage == "evaluate" else folder
        assert any(name.startswith(folder) for name in names), f"{stage}@{item}"
    assert {"data/clean/test.parquet", "more.txt"} <= set(secret.found(TEST_WORD, done)), "it is not even in the rows"


@pytest.mark.parametrize("word", [TEST_WORD, VALIDATION_WORD])
def test_no_word_of_a_held_out_row_is_in_any_file(done: Path, word: str) -> None:
    assert holding(word, done) == []


def test_other_test_rows_change_no_byte_of_any_file(done: Path, tmp_path: Path, tiny_encoder: Path) -> None:
    assert changed(done, run_all(tmp_path, tiny_encoder, OTHER_WORD)) == []


# The tests of the test


def test_a_leak_is_found(tmp_path: Path, tiny_encoder: Path) -> None:
    """A single test row among the train rows shows in terms, words and copies, and in what is trained on them."""
    stages = [*STAGES[:2], *(("embed", name) for name in ("terms", "words", "ids")), ("finetune", "svm")]
    assert {
        "data/features/terms/vectorizer.skops",
        "data/features/words/tokenizer.json",
        "data/features/ids/copies.rows.parquet",
        "models/candidates/svm/model.skops",
    } <= set(holding(TEST_WORD, run_all(tmp_path, tiny_encoder, TEST_WORD, stages, leak=True)))


def test_a_leak_into_weights_is_found(tmp_path: Path, tiny_encoder: Path) -> None:
    """No word can be read in an encoder that was adapted to a test row, but its bytes follow the row."""
    roots = []
    for name, word in (("first", TEST_WORD), ("second", OTHER_WORD)):
        (tmp_path / name).mkdir()
        roots.append(run_all(tmp_path / name, tiny_encoder, word, STAGES[:2], leak=True))
    assert "models/encoders/adapted/model.safetensors" in changed(*roots)
    assert not holding(TEST_WORD, roots[0])


def _zipped(path: Path, text: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.json.gz", gzip.compress(json.dumps([text]).encode()))


FORMS: dict[str, Callable[[Path, str], Any]] = {
    "table.parquet": lambda path, text: rows.write(path, pa.table({"id": ["1"], "other": [text]})),
    "array.npy": lambda path, text: np.save(path, np.array([text])),
    "arrays.npz": lambda path, text: np.savez_compressed(path, words=np.array(["", text])),
    "weights.safetensors": lambda path, text: save_file({"a": torch.zeros(1)}, path, metadata={"note": text}),
    "terms.skops": lambda path, text: estimator.save(TfidfVectorizer().fit([text]), path),
    "text.json": lambda path, text: write_json(path, {"deep": [{text: 1}]}),
    "text.csv.gz": lambda path, text: path.write_bytes(gzip.compress(text.encode())),
    "text.zst": lambda path, text: path.write_bytes(zstandard.ZstdCompressor().compress(text.encode())),
    "archive.zip": _zipped,
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("text", [f"a {TEST_WORD} b", f"A {TEST_WORD.upper()}", f"{TEST_WORD[2:8]} only a piece"])
def test_a_word_is_found_in_every_form_of_file(tmp_path: Path, name: str, text: str) -> None:
    FORMS[name](tmp_path / name, f"{text} {'printer jam ' * 50}")
    assert secret.found(TEST_WORD, tmp_path) == [name]
    FORMS[name](tmp_path / name, "printer jam " * 50)
    assert secret.found(TEST_WORD, tmp_path) == []
