"""Copies by translation: texts go there and back, the same each time, and what cannot translate is told in words."""

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from flows.links import refresh
from tasks import features, links, rows
from tasks.embed import batch_store, copies
from tasks.embed import stage as embed
from tasks.embed.augment import Augment
from tasks.embed.translator import Translator
from tasks.errors import BadInput
from tasks.features import FeatureSet
from tasks.files import read_json, sha256, write_json
from tasks.records import Record
from tests import tiny
from tests.tasks import translators

PLACES = {"there": "path:there", "back": "path:back"}
TRANSLATE: dict[str, Any] = {**PLACES, "beams": 2, "max_tokens": 10, "batch_tokens": 64}
SAMPLE = {**PLACES, "decoding": "sample", "max_tokens": 10, "batch_tokens": 64}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with models `en-de` and `de-en`; do not change it."""
    torch.set_num_threads(1)
    return translators.pair(tmp_path_factory.mktemp("translators"))


@pytest.fixture
def root(tmp_path: Path, models: Path) -> Path:
    """A workspace with a few rows and models of its own, in `there` and `back`."""
    tiny.clean_rows(tmp_path, train=24)
    shutil.copytree(models / "en-de", tmp_path / "there")
    shutil.copytree(models / "de-en", tmp_path / "back")
    (tmp_path / "dvc.yaml").write_text("stages: {}")
    return tmp_path


def make(root: Path, translate: dict[str, Any], seed: int = 7, more: Any = None, **augment: Any) -> FeatureSet:
    """A feature set that is augmented by translation, and by whatever else."""
    augment = {"translate": translate, **augment}
    recipe = {"kind": "tfidf", "encoder": "none", "min_rows": 1, "rules": {}, "augment": augment, **(more or {})}
    tiny.params(root, seed=seed, features={"made": recipe})
    refresh(root)
    embed.run(root, "made", Record(root, "embed@made"))
    return features.load(root / "data/features/made")


def found(made: FeatureSet) -> list[tuple[int, str, str]]:
    """Origin, way and text of each copy."""
    table = rows.read(made.folder / "copies.rows.parquet")
    return list(zip(*(table[name].to_pylist() for name in ("origin", "way", "text")), strict=True))


def train(root: Path) -> list[str]:
    return rows.strings(rows.read(root / "data/clean/train.parquet"), "text")


def drop(root: Path, kept: int) -> None:
    """Leaves only the first train rows."""
    path = root / "data/clean/train.parquet"
    rows.write(path, rows.read(path).slice(0, kept))


def spied(monkeypatch: pytest.MonkeyPatch, most: int = 10**6) -> list[int]:
    """The sizes of all batches that are translated from now on; after `most` of them, something breaks."""
    sizes: list[int] = []
    translate = Translator.translate

    def watched(self: Translator, ids: Any, seeds: Any) -> list[str]:
        if len(sizes) == most:
            raise KeyboardInterrupt
        sizes.append(len(ids))
        return translate(self, ids, seeds)

    monkeypatch.setattr(Translator, "translate", watched)
    return sizes


# There and back


def test_a_copy_is_what_the_models_say_of_a_text_alone_there_and_back(root: Path) -> None:
    made = found(make(root, TRANSLATE))
    asked = {"num_beams": 2, "max_new_tokens": 10}
    texts = train(root)
    expected: list[tuple[int, str, str]] = []
    known = set(texts)
    for number, text in enumerate(texts):
        german = translators.said(root / "there", text, **asked)
        english = translators.said(root / "back", german, **asked) if german else ""
        assert set(german.split()) <= set(translators.GERMAN)
        if english and english not in known:
            known.add(english)
            expected.append((number, "translate", english))
    assert made == expected and len(made) > 6
    assert {word for _, _, text in made for word in text.split()} <= set(tiny.WORDS)
    record = read_json(root / "data/features/made/manifest.json")
    assert record["copies"] == len(made)


def test_only_train_texts_are_translated(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    tokens = Translator.tokens

    def watched(self: Translator, texts: Any) -> Any:
        read.extend(texts)
        return tokens(self, texts)

    monkeypatch.setattr(Translator, "tokens", watched)
    make(root, TRANSLATE)
    english = [text for text in read if set(text.split()) & set(tiny.WORDS)]
    assert sorted(english) == sorted(train(root)), "each once, and none of the rows that are held out"


def test_chinese_goes_through_characters_that_have_no_spaces(root: Path) -> None:
    for name, reads, says, seed in (
        ("there", translators.HAN, translators.KANA, 1),
        ("back", translators.KANA, translators.HAN, 2),
    ):
        shutil.rmtree(root / name)
        translators.model(root / name, reads, says, seed)
    path = root / "data/clean/train.parquet"
    held = rows.read(path).slice(0, 6)
    texts = ["我的打印机不能打印", "密码忘了", "请打印", "我忘了我的密码", "打印机不能打印密码", "请我"]
    rows.write(path, held.set_column(1, "text", [texts]).cast(rows.CLEAN))
    made = found(make(root, TRANSLATE))
    assert len(made) > 2
    assert {character for _, _, text in made for character in text} <= set(translators.HAN)


def test_languages_are_told_to_a_model_of_many(root: Path) -> None:
    many = translators.of_many_languages(root / "many")
    drop(root, 4)
    both = {"there": "path:many", "back": "path:many"}
    codes = ["eng_Latn", "deu_Latn"]
    asked = {"num_beams": 2, "max_new_tokens": 30}
    results = []
    for languages in (codes, codes[::-1]):
        made = found(make(root, TRANSLATE | both | {"languages": languages, "max_tokens": 30}))
        middle = [translators.said(many, text, languages, **asked) for text in train(root)]
        back = [translators.said(many, text, languages[::-1], **asked) for text in middle]
        assert {text for _, _, text in made} == {" ".join(text.split()) for text in back} - {""} and made
        results.append(made)
    assert results[0] != results[1]


def test_what_is_written_before_a_text_is_read_too(root: Path) -> None:
    drop(root, 8)
    made = found(make(root, TRANSLATE | {"prefixes": ["tax my ", "die ist "]}))
    asked = {"num_beams": 2, "max_new_tokens": 10}
    for origin, _, text in made:
        german = translators.said(root / "there", "tax my " + train(root)[origin], **asked)
        assert text == translators.said(root / "back", "die ist " + german, **asked)
    assert made and made != found(make(root, TRANSLATE))


# Drawn translations


def test_drawn_copies_of_a_row_differ_and_follow_its_id_and_the_seed_alone(root: Path) -> None:
    every = found(make(root, SAMPLE, copies=3))
    full = {origin for origin, _, _ in every if sum(other == origin for other, _, _ in every) == 3}
    assert len(full) > 12
    assert {text for _, _, text in found(make(root, SAMPLE, seed=8, copies=3))} != {text for _, _, text in every}
    drop(root, 8)
    few = {(origin, text) for origin, _, text in found(make(root, SAMPLE, copies=3))}
    assert {(origin, text) for origin, _, text in every if origin < 8} <= few


def test_a_low_temperature_draws_what_is_most_probable(root: Path) -> None:
    drop(root, 8)
    greedy = found(make(root, TRANSLATE | {"beams": 1}))
    assert found(make(root, SAMPLE | {"temperature": 1e-4})) == greedy
    assert found(make(root, SAMPLE | {"temperature": 3.0})) != greedy


# Among the other ways


class Answers:
    """Stands for models that answer at once, and tells what they were asked for in which round."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers, self.rounds, self.made, self.wanted = answers, [], set(), []

    def of(self, name: str, number: int, text: str) -> str | None:
        if text in self.made:
            return self.answers.get(text, "")
        self.wanted.append(text)
        return None

    def make(self) -> bool:
        self.rounds.append(sorted(set(self.wanted)))
        self.made |= set(self.wanted)
        self.wanted = []
        return bool(self.rounds[-1])


def augmented(texts: list[str], answers: dict[str, str], **augment: Any) -> tuple[copies.Copies, Any]:
    params = Augment.model_validate({"translate": PLACES, **augment})
    stand: Any = Answers(answers)
    return copies.make(texts, [f"id{text}" for text in texts], params, str.lower, None, 7, stand), stand


def test_a_row_has_a_copy_of_each_way() -> None:
    texts = [f"one{number} two" for number in range(8)]
    made, stand = augmented(texts, {text: f"Back {text}" for text in texts}, copies=2, swap=0.1)
    for row in range(8):
        ways = {
            way: text for way, text, origin in zip(made.ways, made.texts, made.origins, strict=True) if origin == row
        }
        assert ways == {"swap": f"two one{row}", "translate": f"back one{row} two"}
    assert stand.rounds == [sorted(texts), []], "all at once"


def test_a_way_that_leads_to_nothing_gives_way_both_ways() -> None:
    alone, plain = [f"word{number}" for number in range(8)], [f"some{number} words" for number in range(8)]
    made, stand = augmented([*alone, *plain], {text: f"back {text}" for text in alone}, swap=0.1)
    ways = dict(zip(made.origins, made.ways, strict=True))
    assert ways == {row: "translate" if row < 8 else "swap" for row in range(16)}
    assert set(alone) <= set(stand.rounds[0]), "also where a swap comes first"
    assert len(stand.rounds[0]) < 16, "not where a swap comes first and does it"


def test_what_comes_back_empty_or_as_it_was_is_dropped() -> None:
    answers = {"a": "A", "b": "new", "c": "New", "d": "", "e": "b"}
    made, _ = augmented(list("abcde"), answers, copies=2)
    assert (made.texts, made.origins, made.dropped) == (["new"], [1], 9)


# The same bytes, and nothing twice


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_store, "_WRITE_EVERY", 1)
    with monkeypatch.context() as patch:
        patch_sizes = spied(patch, most=3)
        with pytest.raises(KeyboardInterrupt):
            make(root, TRANSLATE)
        assert len(patch_sizes) == 3
    with monkeypatch.context() as patch:
        rest = spied(patch)
        made = sha256(make(root, TRANSLATE).folder / features.MANIFEST)
    shutil.rmtree(root / "scratch")
    with monkeypatch.context() as patch:
        whole = spied(patch)
        assert sha256(make(root, TRANSLATE).folder / features.MANIFEST) == made
    assert len(rest) == len(whole) - 3 > 0


def test_nothing_is_translated_again_unless_it_matters(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(root, TRANSLATE)
    sizes = spied(monkeypatch)
    make(root, TRANSLATE, more={"words": [1, 1]})
    assert not sizes
    config = read_json(root / "back/generation_config.json") | {"length_penalty": 0.1}
    (root / "back/generation_config.json").write_text(json.dumps(config))
    make(root, TRANSLATE)
    assert sizes, "a file of a model is another"


# What cannot be used


def _pickled(root: Path) -> None:
    (root / "there/model.safetensors").rename(root / "there/pytorch_model.bin")


def _no_seq2seq(root: Path) -> None:
    shutil.rmtree(root / "there")
    tiny.encoder(root / "there")


def _halved(root: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = root / "back/model.safetensors"
    weights = {name: tensor for name, tensor in load_file(path).items() if "decoder.layers" not in name}
    save_file(weights, path, metadata={"format": "pt"})


def _code(root: Path) -> None:
    write_json(root / "there/config.json", read_json(root / "there/config.json") | {"auto_map": {"AutoModel": "m.M"}})


def _no_tokenizer(root: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (root / "there" / name).unlink()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_pickled, r"expected weights in model\.safetensors, found only pytorch_model\.bin, which can run code"),
        (_no_seq2seq, r"made\.augment\.translate\.there: expected a sequence-to-sequence model, .*, found bert"),
        (_halved, r"translate\.back: expected all weights of a sequence-to-sequence model, found none for .*decoder"),
        (_code, "no code of the model's own, found `auto_map`"),
        (_no_tokenizer, r"translate\.there: expected a model with a tokenizer that transformers loads"),
    ],
)  # fmt: skip
def test_a_folder_that_cannot_be_used_is_told(root: Path, spoil: Any, sentence: str) -> None:
    spoil(root)
    with pytest.raises(BadInput, match=sentence):
        make(root, TRANSLATE)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"there": "path:gone"}, r"features\.made\.augment\.translate\.there: expected an existing folder, found gone"),
        ({"max_tokens": 40}, r"translate\.there: expected positions for 40 tokens, found only 32"),
        ({"languages": ["en", "de"]}, r"translate\.languages: expected a model of many languages, found a tokenizer"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_the_models_are_told(root: Path, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        make(root, TRANSLATE | changes)


@pytest.mark.parametrize(
    ("languages", "sentence"),
    [(None, "expected two languages, as the model knows many, found none"),
     (["eng_Latn", "klingon"], "expected languages that the model knows, found 'klingon'")],
)  # fmt: skip
def test_languages_that_a_model_of_many_lacks_are_told(root: Path, languages: Any, sentence: str) -> None:
    translators.of_many_languages(root / "many")
    with pytest.raises(BadInput, match=rf"features\.made\.augment\.translate\.languages: {sentence}"):
        make(root, TRANSLATE | {"there": "path:many", "back": "path:many", "languages": languages})


def test_a_tokenizer_that_wants_sentencepiece_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import MarianConfig

    from tasks.embed import translator

    MarianConfig(vocab_size=8, pad_token_id=7, decoder_start_token_id=7).save_pretrained(root / "there")
    (root / "there/tokenizer.json").unlink()
    write_json(root / "there/tokenizer_config.json", {"tokenizer_class": "MarianTokenizer"})
    for name in ("source.spm", "target.spm"):
        (root / "there" / name).write_bytes(b"not read")
    monkeypatch.setattr(translator, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"the library sentencepiece.*Run `pip install sentencepiece` \(the extra"):
        make(root, TRANSLATE)


def test_a_link_to_another_model_and_other_libraries_are_noticed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(root, TRANSLATE)
    record = Record(root, "embed@made")
    monkeypatch.setattr(links, "tokenizer_libraries", lambda: "sentencepiece 9.9\nsacremoses none\n")
    with pytest.raises(BadInput, match=r"links/translators/libraries/made: .*found other versions"):
        embed.run(root, "made", record)
    monkeypatch.undo()
    link = root / "links/translators/back/made"
    link.unlink()
    link.symlink_to(root / "there")
    with pytest.raises(BadInput, match=r"links/translators/back/made: expected a link to back"):
        embed.run(root, "made", record)


def test_versions_of_libraries_that_are_not_there_are_none() -> None:
    names = [line.split() for line in links.tokenizer_libraries().splitlines()]
    assert [name for name, _ in names] == ["sentencepiece", "sacremoses"]
    for name, version in names:
        assert (version == "none") == (importlib.util.find_spec(name) is None)
