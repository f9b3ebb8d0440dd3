"""Altered copies of train rows: what is changed, what stays, and that nothing but train rows has any."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from tasks import features, rows
from tasks.embed import copies, label_names, near_words
from tasks.embed import stage as embed
from tasks.embed.alterations import ALTERATIONS
from tasks.embed.augment import Augment
from tasks.embed.near_words import NearWords
from tasks.embed.params import KINDS
from tasks.embed.phrase import Phrase
from tasks.embed.translate import Translate
from tasks.errors import BadInput
from tasks.features import FeatureSet
from tasks.files import read_json, sha256
from tasks.records import Record
from tests import tiny
from tests.imports import ROOT

SHARES = dict.fromkeys(ALTERATIONS, 0.3)
PLACES = {"there": "path:a", "back": "path:b"}
AUGMENT: dict[str, Any] = {"copies": 3, **SHARES}
RECIPES: dict[str, dict[str, Any]] = {
    "tfidf": {"kind": "tfidf", "encoder": "none", "min_rows": 1},
    "directions": {"kind": "tfidf", "encoder": "none", "dimensions": 4},
    "word_vectors": {"kind": "word_vectors", "encoder": "none", "dimensions": 8, "epochs": 2},
    "words": {"kind": "words", "encoder": "none", "dimensions": 8, "epochs": 2},
    "encoder": {"kind": "encoder", "encoder": "tiny", "max_tokens": 16, "batch_tokens": 64},
    "tokens": {"kind": "tokens", "encoder": "tiny", "max_tokens": 16},
}
NEAR = NearWords(["printer", "scanner", "打印机", "密码"], np.array([[1, 0.1], [1, 0], [0, 1], [0.1, 1]]), nearest=1)
CHINESE = ["我的打印机不能打印，请帮忙！", "密码忘了，不能登录VPN系统", "打印机没有纸了，密码也忘了", "请重置我的密码"]  # noqa: RUF001


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which words are near does not matter to most of these tests."""
    monkeypatch.setattr(near_words, "_FEWEST_WORDS", 1)


def make(root: Path, recipe: dict[str, Any], augment: dict[str, Any] | None = AUGMENT, seed: int = 7) -> FeatureSet:
    tiny.params(root, seed=seed, features={"made": recipe | {"augment": augment}})
    embed.run(root, "made", Record(root, "embed@made"))
    return features.load(root / "data/features/made")


def table(made: FeatureSet) -> Any:
    return rows.read(made.folder / "copies.rows.parquet")


def altered(way: str, text: str, share: float = 0.5, seed: int = 0) -> str:
    """A text after one alteration; the same text where there is nothing to alter."""
    phrase = Phrase.of(text)
    count = max(1, round(share * len(phrase.words)))
    changed = ALTERATIONS[way](phrase, count, NEAR, np.random.default_rng(seed))
    assert changed or str(phrase) == text
    return str(phrase)


# A text in parts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop,  it's 5 o’clock!", ["Don't", "stop", "it's", "5", "o’clock"]),  # noqa: RUF001
        ("我的打印机坏了foo，不能打印", ["我", "的", "打印机", "坏", "了", "foo", "不能", "打印"]),  # noqa: RUF001
        ("打印 机", ["打印", "机"]), ("印刷する", ["印刷する"]), ("café naïve", ["café", "naïve"]),
        ("我的打印机坏了の，不能打印", ["我", "的", "打印机", "坏", "了", "の", "不能", "打印"]),  # noqa: RUF001
        ("printer ツ", ["printer", "ツ"]), ("cafe\u0301 ok", ["cafe\u0301", "ok"]),
        ("मेरा प्रिंटर काम नहीं करता।", ["मेरा", "प्रिंटर", "काम", "नहीं", "करता"]), ("เครื่องพิมพ์ เสีย", ["เครื่องพิมพ์", "เสีย"]),
        (" ?! ", []), ("", []),
    ],
)  # fmt: skip
def test_a_text_is_taken_apart_and_put_together_again(text: str, words: list[str]) -> None:
    phrase = Phrase.of(text)
    assert (phrase.words, str(phrase)) == (words, text)


@pytest.mark.parametrize(
    ("text", "place", "left"),
    [
        ("a b c", 0, "b c"), ("a b c", 1, "a c"), ("a b c", 2, "a b"), ("a, b!", 1, "a, !"), ("a", 0, ""),
        ("不能foo打印", 1, "不能打印"), ("foo打印bar", 1, "foo bar"),
    ],
)  # fmt: skip
def test_a_word_is_taken_out_without_joining_or_parting_its_neighbours(text: str, place: int, left: str) -> None:
    phrase = Phrase.of(text)
    phrase.take_out(place)
    assert str(phrase) == left


@pytest.mark.parametrize(
    ("text", "word", "found"),
    [("a b", "new", "a new b"), ("a, b", "new", "a, new b"), ("不能打印", "密码", "不能密码打印"),
     ("不能 打印", "密码", "不能 密码 打印"),
     ("a-b", "new", "a-new b"), ("不能打印", "new", "不能new打印")],
)  # fmt: skip
def test_a_word_is_put_in_with_spaces_as_its_neighbours_have_them(text: str, word: str, found: str) -> None:
    phrase = Phrase.of(text)
    phrase.put_in(1, word)
    assert str(phrase) == found


# The ways to alter it


def test_a_swap_moves_words_and_keeps_them_all() -> None:
    found = altered("swap", "one two, three four")
    assert found != "one two, three four" and found.count(",") == 1
    assert sorted(Phrase.of(found).words) == ["four", "one", "three", "two"]
    assert altered("swap", "one") == "one"


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_a_deletion_takes_the_share_of_words_but_never_all(share: float) -> None:
    text = "one two three four five six seven eight"
    words = Phrase.of(altered("delete", text, share)).words
    assert len(words) == max(1, round(8 * (1 - share)))
    assert words == [word for word in text.split() if word in words], "the others keep their order"
    assert altered("delete", "one", 1.0) == "one"


def test_an_insertion_puts_near_words_in() -> None:
    found = Phrase.of(altered("insert", "my Printer is on", 0.5)).words
    assert sorted(found) == sorted(["my", "Printer", "is", "on", "Scanner", "Scanner"])
    assert altered("insert", "nothing is known here") == "nothing is known here"


def test_a_near_word_replaces_a_word_with_its_capital() -> None:
    assert altered("synonyms", "Printer and printer!", 1.0) == "Scanner and scanner!"
    assert altered("synonyms", "nothing is known here") == "nothing is known here"


def test_slips_exchange_leave_out_or_double_one_letter_of_latin_words_alone() -> None:
    found = {altered("characters", "ab abcd 1234 打印机 абвг", 0.2, seed) for seed in range(60)}
    slips = {"bacd", "acbd", "abdc", "bcd", "acd", "abd", "aabcd", "abbcd", "abccd"}
    assert found == {f"ab {slip} 1234 打印机 абвг" for slip in slips}


@pytest.mark.parametrize("way", ALTERATIONS)
def test_chinese_stays_chinese_text(way: str) -> None:
    """No spaces come in, words are altered whole, and nothing comes in that no train text holds."""
    alphabet = set("".join(CHINESE)) | set("打印机密码")
    for seed in range(20):
        for text in CHINESE:
            found = altered(way, text, 0.4, seed)
            assert " " not in found
            assert set(re.sub("[A-Z]", "", found)) <= alphabet
            assert found.count("，") == text.count("，")  # noqa: RUF001
            if way == "characters" and "VPN" not in text:
                assert found == text


# Near words


def test_near_words_are_the_nearest_of_two_rows_or_more_and_no_stop_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # trained as it is in use
    generator = np.random.default_rng(0)

    def one_of(*words: str) -> str:
        return str(generator.choice(words))

    sentences = [["once", "unique"]]
    for _ in range(150):
        sentences.append(["the", one_of("Printer", "scanner", "copier"), one_of("jams", "breaks"), "again", "today"])
        sentences.append(["our", "colleague", one_of("anna", "boris", "clara"), "wrote", one_of("mail", "letter")])
    near = near_words.learn(sentences, Augment(swap=0.1, nearest=2), None, 7)
    assert set(near.of("printer")) == {"scanner", "copier"} == set(near.of("PRINTER"))
    assert set(near.of("anna")) == {"boris", "clara"}
    assert near.of("the") == near.of("unique") == near.of("absent") == []


@pytest.mark.parametrize("way", ["synonyms", "insert"])
@pytest.mark.parametrize(
    ("things", "told", "fixed"),
    [
        (["printer", "scanner", "copier"], ["{} doesn't work, I can\u2019t print", "{} don't print, it isnt new"],
         {"doesn't", "can\u2019t", "don't", "isnt"}),
        (["打印机", "电脑", "手机"], ["{}不能打印 没有纸", "这个{}没打印 别修 不是无法打印"],
         {"不能", "没有", "没", "别修", "不是", "无法", "这个"}),
    ],
)  # fmt: skip
def test_negations_and_function_words_are_neither_replaced_nor_put_in(
    way: str, things: list[str], told: list[str], fixed: set[str]
) -> None:
    texts = [line.format(thing) for line in told for thing in things] * 4
    phrases = [Phrase.of(text) for text in texts]
    near = near_words.learn([phrase.words for phrase in phrases], Augment(synonyms=1.0), None, 7)
    assert near.of(things[0]), "other words do have near words"
    assert fixed <= {word for phrase in phrases for word in phrase.words}
    for phrase in phrases:
        before = Counter(word for word in phrase.words if word in fixed)
        changed = phrase.copy()
        assert ALTERATIONS[way](changed, 6, near, np.random.default_rng(1))
        assert Counter(word for word in changed.words if word in fixed) == before
        assert changed.words != phrase.words


def test_a_file_says_what_is_near(workspace: Path) -> None:
    path = workspace / "vectors.txt"
    path.write_text("printer 1 0.1\npassword 1 0\npaper 0 1\njam 0.1 1\nelsewhere 1 0.05\n")
    augment = {"synonyms": 1.0, "vectors": "path:vectors.txt", "nearest": 1}
    with pytest.raises(BadInput, match=r"links/vectors/made: expected a link to vectors.txt, found none"):
        make(workspace, RECIPES["tfidf"], augment)
    (workspace / "links/vectors").mkdir(parents=True)
    (workspace / "links/vectors/made").symlink_to(path)
    made = table(make(workspace, RECIPES["tfidf"], augment))
    swapped = {"printer": "password", "password": "printer", "paper": "jam", "jam": "paper"}
    texts = rows.read(workspace / "data/clean/train.parquet")["text"].to_pylist()
    assert len(made) > 10
    for origin, text in zip(made["origin"].to_pylist(), made["text"].to_pylist(), strict=True):
        assert text == " ".join(swapped.get(word, word) for word in texts[origin].split())
    with pytest.raises(BadInput, match=r"features.made.augment.vectors: expected an existing file, found gone.txt"):
        make(workspace, RECIPES["tfidf"], augment | {"vectors": "path:gone.txt"})


# Copies


def rows_of(texts: list[str]) -> list[str]:
    return [f"row-{number}" for number in range(len(texts))]


def test_each_row_has_its_copies_each_altered_in_another_way() -> None:
    texts = [text for text, _ in tiny.texts(40, 0)]
    made = copies.make(texts, rows_of(texts), Augment(copies=3, **SHARES), str, None, 7)
    assert made.origins == sorted(made.origins)
    assert len(made.texts) + made.dropped == 3 * len(texts)
    assert len(set(made.texts)) == len(made.texts) and not set(made.texts) & set(texts)
    assert set(made.ways) == set(SHARES)
    full = [row for row in range(40) if made.origins.count(row) == 3]
    ways = [{way for way, origin in zip(made.ways, made.origins, strict=True) if origin == row} for row in full]
    assert len(full) > 30 and np.mean([len(found) for found in ways]) > 2.7


def test_what_is_not_new_is_dropped_and_counted() -> None:
    made = copies.make(["a b", "b a", "c d", "e"], rows_of(["", "", "", ""]), Augment(copies=2, swap=0.1), str, None, 7)
    assert (made.texts, made.origins, made.dropped) == (["d c"], [2], 7)


def test_copies_are_compared_as_models_see_them() -> None:
    made = copies.make(["Paper printer", "PRINTER PAPER"], ["1", "2"], Augment(swap=0.1), str.lower, None, 7)
    assert (made.texts, made.dropped) == ([], 2)


def test_a_copy_does_not_change_when_other_rows_come() -> None:
    texts = [text for text, _ in tiny.texts(20, 0)]
    params = Augment(copies=2, swap=0.3, delete=0.3, characters=0.3)
    few = copies.make(texts[:10], rows_of(texts)[:10], params, str, None, 7)
    more = copies.make(texts[::-1], rows_of(texts)[::-1], params, str, None, 7)
    assert set(few.texts) - set(texts) <= set(more.texts)
    assert set(copies.make(texts, rows_of(texts), params, str, None, 8).texts) != set(more.texts)


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("card_arrival", "card arrival"), ("lost-card", "lost card"), ("emailCalendar", "email Calendar"),
        ("HR/leave", "HR leave"), ("打印机", "打印机"), ("12", ""), ("1_2", ""),
    ],
)  # fmt: skip
def test_a_label_is_read_as_words(label: str, text: str) -> None:
    assert label_names.as_text(label) == text


def test_names_of_classes_are_texts_of_theirs_once_and_go_with_the_first_row() -> None:
    texts, labels = (
        ["it came", "lost it", "where is it", "Lost card", "a", "b"],
        ["x_1", "l", "x_1", "lost-card", "y", "Y"],
    )
    made = copies.make(texts, rows_of(texts), Augment(label_names=True), str.lower, None, 7, labels=labels)
    assert list(zip(made.texts, made.origins, made.ways, strict=True)) == [
        ("x 1", 0, "label_names"),
        ("l", 1, "label_names"),
    ]
    assert made.dropped == 3, "one that equals a train text, and two that the rules make equal"
    with_copies = copies.make(
        texts, rows_of(texts), Augment(label_names=True, swap=0.5), str.lower, None, 7, labels=labels
    )
    assert with_copies.origins == sorted(with_copies.origins)
    assert {"label_names", "swap"} == set(with_copies.ways)


@pytest.mark.parametrize(
    "change", [*({way: 0.9} for way in SHARES), {"copies": 2}, {"nearest": 1}, {"label_names": True}], ids=str
)
def test_every_switch_of_augmentation_changes_the_copies(workspace: Path, change: dict[str, Any]) -> None:
    path = workspace / "data/clean/train.parquet"
    long = rows.read(path)
    texts = [f"{text} {text} again" for text in long["text"].to_pylist()]
    rows.write(path, long.set_column(1, "text", [texts]).cast(rows.CLEAN))
    assert table(make(workspace, RECIPES["tfidf"])) != table(make(workspace, RECIPES["tfidf"], AUGMENT | change))


# Feature sets


def test_every_kind_is_tried_here() -> None:
    assert {recipe["kind"] for recipe in RECIPES.values()} == set(KINDS)


@pytest.mark.parametrize("name", RECIPES)
def test_copies_stand_behind_rows_that_are_just_as_without_them(workspace: Path, name: str) -> None:
    plain = make(workspace, RECIPES[name], None)
    before = dict(plain.manifest["sha256"])
    assert (plain.copies, plain.with_copies(np.array([3, 1]))[0].tolist()) == (0, [3, 1])
    made = make(workspace, RECIPES[name])
    after = made.manifest["sha256"]
    assert {file: after[file] for file in before} == before, "vocabulary, vectors and all rows are those of rows alone"
    assert {file.split(".")[0] for file in set(after) - set(before)} == {"copies"}
    assert made.row_ids("train") == [f"train-{number}" for number in range(48)]
    origins, labels = table(made)["origin"].to_pylist(), made.labels("train")
    assert 100 < made.copies == len(origins) <= 144
    assert table(made)["label"].to_pylist() == labels[origins].tolist()
    np.testing.assert_array_equal(made.labels_with_copies(), [*labels, *labels[origins]])
    for split, count in (("train", 48 + made.copies), ("validation", 18)):
        read = len(made.ids(split)) if made.form in ("tokens", "words") else made.matrix(split).shape[0]
        assert read == count


def test_a_copy_is_what_its_text_gives(workspace: Path) -> None:
    from tasks import estimator

    made = make(workspace, RECIPES["tfidf"])
    expected = estimator.load(made.vectorizer).transform(table(made)["text"].to_pylist())
    np.testing.assert_array_equal(made.matrix("train")[48:].toarray(), expected.toarray())


def test_rows_that_are_shown_bring_their_copies_and_no_others(workspace: Path) -> None:
    made = make(workspace, RECIPES["tfidf"])
    origins = np.array(table(made)["origin"].to_pylist())
    for shown in ([5, 2, 40], [7, 7], [], list(range(48))):
        numbers, places = made.with_copies(np.array(shown, dtype=np.int64))
        assert numbers[: len(shown)].tolist() == shown and places[: len(shown)].tolist() == list(range(len(shown)))
        assert [shown[place] for place in places[len(shown) :]] == origins[numbers[len(shown) :] - 48].tolist()
        assert len(numbers) == len(shown) + sum((origins == row).sum() for row in shown)


def test_a_set_of_which_no_copy_is_new_is_as_without_them(workspace: Path) -> None:
    path = workspace / "data/clean/train.parquet"
    long = rows.read(path)
    rows.write(path, long.set_column(1, "text", [[f"word{row}" for row in range(48)]]).cast(rows.CLEAN))
    made = make(workspace, RECIPES["directions"] | {"min_rows": 1}, {"swap": 0.5})
    assert made.copies == 0 and not list(made.folder.glob("copies.*"))
    assert made.matrix("train").shape[0] == len(made.labels_with_copies()) == 48


def test_rows_and_copies_are_counted_apart(workspace: Path) -> None:
    tiny.params(workspace, features={"made": RECIPES["tfidf"] | {"augment": AUGMENT}})
    with Record(workspace, "embed@made") as record:
        embed.run(workspace, "made", record)
    written = read_json(workspace / "costs/records/embed@made.json")
    assert (written["rows_in"], written["rows_out"]) == (66, 66)
    assert written["notes"]["copies"] + written["notes"]["copies_dropped"] == 3 * 48


@pytest.mark.parametrize("name", RECIPES)
def test_no_word_of_rows_that_are_held_out_is_in_any_artifact(workspace: Path, name: str) -> None:
    """Of all that the stage writes, the validation rows' own features alone may differ."""
    before = make(workspace, RECIPES[name]).manifest["sha256"]
    for split in ("validation", "test"):
        path = workspace / f"data/clean/{split}.parquet"
        held = rows.read(path)
        texts = [f"zebra printer {text} zebra" for text in held["text"].to_pylist()]
        rows.write(path, held.set_column(1, "text", [texts]).cast(rows.CLEAN))
    made = make(workspace, RECIPES[name])
    changed = {file for file, digest in made.manifest["sha256"].items() if digest != before[file]}
    assert changed and {file.split(".")[0] for file in changed} == {"validation"}
    assert not any("zebra" in text for text in table(made)["text"].to_pylist())
    assert not [file for file in made.folder.rglob("*") if file.is_file() and b"zebra" in file.read_bytes()]


def test_chinese_rows_are_augmented_and_then_cut_by_the_rules(workspace: Path) -> None:
    path = workspace / "data/clean/train.parquet"
    held = rows.read(path).slice(0, 16)
    rows.write(path, held.set_column(1, "text", [CHINESE * 4]).cast(rows.CLEAN))
    made = make(workspace, RECIPES["words"])
    assert made.copies > 10
    known = {character.lower() for text in CHINESE for character in text}
    for text, way in zip(table(made)["text"].to_pylist(), table(made)["way"].to_pylist(), strict=True):
        assert set(text) <= known | {" "}
        if way != "characters":  # which may misspell VPN
            assert "vpn" in text or not re.search("[a-z]", text)
            assert " " in text, "the rules of the feature set cut it"


# The same bytes


SCRIPT = """
import json
from tasks.embed import copies
from tasks.embed.augment import Augment
from tests import tiny
from tests.tasks import test_augment as here
texts = [*here.CHINESE, *(text for text, _ in tiny.texts(40, 0))]
made = copies.make(texts, here.rows_of(texts), Augment.model_validate(here.AUGMENT), str.lower, None, 7)
print(json.dumps([made.texts, made.origins, made.ways, made.dropped]))
"""


def test_another_process_with_other_hashes_makes_the_same_copies() -> None:
    found = set()
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", SCRIPT]
        ended = subprocess.run(command, check=True, env=environment, cwd=ROOT, capture_output=True, text=True)
        found.add(ended.stdout)
    assert len(found) == 1


@pytest.mark.parametrize("name", ["tfidf", "tokens"])
def test_the_same_rows_give_the_same_feature_set(workspace: Path, name: str) -> None:
    first = sha256(make(workspace, RECIPES[name]).folder / features.MANIFEST)
    assert sha256(make(workspace, RECIPES[name]).folder / features.MANIFEST) == first
    assert sha256(make(workspace, RECIPES[name], seed=8).folder / features.MANIFEST) != first


# Parameters


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"copies": 2}, "a share above 0 of swap, delete, insert, synonyms or characters, label_names or translate"),
        ({"swap": 0.1, "vectors": "path:x"}, "insert or synonyms above 0, which alone use vectors"),
        ({"insert": 0.1, "vectors": "glove.txt"}, "word2vec, or path:<file>"),
        ({"swap": 1.1}, "less than or equal to 1"),
        ({"translate": {"there": "path:a", "back": "b"}}, "`path:<folder>` or `hub:<id>@<commit of 40 hex digits>`"),
        ({"translate": PLACES | {"languages": ["en"]}}, "two of them: of the texts' own language, and of the other"),
        ({"translate": PLACES | {"decoding": "sample", "beams": 2}}, "decoding: beam with beams"),
        ({"translate": PLACES | {"temperature": 0.5}}, "decoding: sample with temperature"),
    ],
)  # fmt: skip
def test_values_that_cannot_be_meant_are_refused(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Augment.model_validate(values)


def test_a_feature_set_reads_vectors_from_one_file_alone() -> None:
    def params(own: str, augment: str) -> Any:
        near = {"synonyms": 0.1, "vectors": augment}
        return KINDS["words"].model_validate({"kind": "words", "encoder": "none", "vectors": own, "augment": near})

    for own, augment in (("path:a", "path:a"), ("path:a", "word2vec"), ("random", "path:a")):
        assert params(own, augment).augment.vectors == augment
    with pytest.raises(ValidationError, match=r"the same file in vectors and augment\.vectors"):
        params("path:a", "path:b")


def test_the_example_in_the_parameters_holds_and_names_every_key() -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    shown = re.search(r"  # augment: (\{[^{}]*\{[^{}]*\}\})", text)
    assert shown
    example = YAML(typ="safe").load(shown[1].replace("#", ""))
    assert set(example) == set(Augment.model_fields)
    assert set(example["translate"]) == set(Translate.model_fields)
    Augment.model_validate(example)


def test_the_rows_file_can_be_read_as_a_table(workspace: Path) -> None:
    names = table(make(workspace, RECIPES["tokens"])).schema
    assert names.names == ["id", "label", "origin", "way", "text"] and names.field("origin").type == pa.int64()
