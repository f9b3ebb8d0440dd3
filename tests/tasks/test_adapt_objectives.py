"""What an encoder is trained for: which words are hidden, which texts are read, and what the losses are."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from tasks import links, rows, texts
from tasks.adapt import corpus
from tasks.adapt.mask import hide
from tasks.adapt.mlm import MaskedLanguageModel
from tasks.adapt.params import MlmParams, SimcseParams
from tasks.adapt.simcse import Contrast
from tasks.adapt.words import NONE, Tokens, WordTokenizer, words_of_characters
from tasks.compute import Compute
from tasks.errors import BadInput
from tests import tiny
from tests.tasks import adapted
from tests.tasks.adapted import write_texts

COMPUTE = Compute(seed=7, threads=1, device="cpu", precision="float32")
CORPUS = corpus.Corpus([text for text, _ in tiny.texts(12, 0)], [text for text, _ in tiny.texts(4, 1)], {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("it can't wait", ["it", "can", "'", "t", "wait"]),
        ("我喜欢自然语言", ["我", "喜欢", "自然语言"]),
        ("用 Python写 程序。", ["用", "Python", "写", "程序", "。"]),
        ("漢字とかな text", ["漢", "字", "と", "か", "な", "text"]),
        ("ไทย ok", ["ไ", "ท", "ย", "ok"]),
        ("", []),
    ],
)
def test_words_are_those_of_the_language(text: str, words: list[str]) -> None:
    numbers = words_of_characters(text)
    found: dict[int, str] = {}
    for character, number in zip(text, numbers.tolist(), strict=True):
        assert (number == NONE) == character.isspace()
        if number != NONE:
            found[number] = found.get(number, "") + character
    assert [found[number] for number in range(len(found))] == words


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder whose tokenizer cuts words into pieces, and Chinese into characters."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("pieces")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "re", "##set", "pass", "##word", "自", "然", "语", "言"]
    numbers = {piece: number for number, piece in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="[MASK]", **names).save_pretrained(folder)
    return folder


def test_pieces_of_a_word_belong_together(pieces: Path) -> None:
    (row, cut) = WordTokenizer(pieces, 9)(["Reset password 自然语言", "reset reset reset reset reset"])
    assert row.ids.tolist() == [2, 5, 6, 7, 8, 9, 10, 11, 3]
    assert row.words.tolist() == [NONE, 0, 0, 1, 1, 2, 2, 2, NONE]
    assert cut.words.tolist() == [NONE, 0, 0, 1, 1, 2, 2, 3, NONE]


def test_an_encoder_that_cannot_hide_tokens_is_told(pieces: Path, tmp_path: Path) -> None:
    import json
    import shutil

    folder = Path(shutil.copytree(pieces, tmp_path / "bare"))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    del settings["mask_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "special_tokens_map.json").unlink(missing_ok=True)
    with pytest.raises(BadInput, match="a token that hides others, found none"):
        _ = WordTokenizer(folder, 9).mask_id


def test_words_are_hidden_whole_and_as_often_as_said() -> None:
    generator = np.random.default_rng(0)
    words = np.array([NONE, *np.repeat(np.arange(40), 2), NONE])  # forty words of two tokens
    tokens = Tokens(np.arange(100, 100 + len(words)), words)
    plain = np.arange(1000, 2000)
    kinds = {"mask": 0, "random": 0, "kept": 0}
    for _ in range(300):
        masked = hide(tokens, 0.15, 7, plain, generator)
        assert len(masked.places) == 12, "0.15 of eighty tokens"
        assert (masked.answers == tokens.ids[masked.places]).all()
        hidden, counts = np.unique(words[masked.places], return_counts=True)
        assert (counts == 2).all() and NONE not in hidden
        others = np.setdiff1d(np.arange(len(words)), masked.places)
        assert (masked.ids[others] == tokens.ids[others]).all()
        there = masked.ids[masked.places]
        kinds["mask"] += int((there == 7).sum())
        kinds["random"] += int((there >= 1000).sum())
        kinds["kept"] += int((there == masked.answers).sum())
    shares = {kind: count / sum(kinds.values()) for kind, count in kinds.items()}
    assert sum(kinds.values()) == 3600
    assert shares == pytest.approx({"mask": 0.8, "random": 0.1, "kept": 0.1}, abs=0.02)


@pytest.mark.parametrize(("words", "hidden"), [([NONE, NONE], 0), ([NONE, 0, 0, 0, NONE], 3)])
def test_a_text_of_one_word_or_none_can_be_masked(words: list[int], hidden: int) -> None:
    tokens = Tokens(np.arange(len(words)), np.array(words))
    assert len(hide(tokens, 0.15, 7, np.arange(9), np.random.default_rng(0)).places) == hidden


def mlm(base: Path, **changes: Any) -> MaskedLanguageModel:
    settings = {"source": "x", "objective": "mlm", "max_tokens": 16, "mask_share": 0.5, **changes}
    return MaskedLanguageModel(base, CORPUS, MlmParams.model_validate(settings), COMPUTE)


def test_the_masked_loss_is_that_of_the_whole_model(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the plain way: scores at all places, of which those that are not asked for are thrown away."""
    from tasks.adapt import mlm as module

    objective = mlm(tiny_encoder)
    objective.network.eval()
    seen = []
    monkeypatch.setattr(module, "hide", lambda *arguments: seen.append(hide(*arguments)) or seen[-1])
    batch = np.array([3, 0, 7])
    loss = objective.loss("train", batch, [1, 2])
    (hook,) = objective.network.get_output_embeddings()._forward_pre_hooks.values()
    objective.network.get_output_embeddings()._forward_pre_hooks.clear()
    assert hook.__name__ == "_select"
    total, count = 0.0, 0
    for masked in seen:
        logits = objective.network(input_ids=torch.from_numpy(masked.ids)[None]).logits[0]
        target = torch.full((len(masked.ids),), -100)
        target[masked.places] = torch.from_numpy(masked.answers)
        total += float(nn.functional.cross_entropy(logits, target, reduction="sum").detach())
        count += len(masked.places)
    assert loss.count == count > 3
    assert float(loss.total.detach()) == pytest.approx(total, rel=1e-4)


def test_a_new_head_is_tied_to_the_embeddings_and_told(tiny_encoder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    objective = mlm(tiny_encoder)
    assert "starts anew, tied to the token embeddings" in capsys.readouterr().out
    network: Any = objective.network
    assert network.get_output_embeddings().weight is network.get_input_embeddings().weight
    assert objective.fresh == {name for name, _ in network.named_parameters() if name.startswith("cls.")}
    name = "cls.predictions.transform.dense.weight"
    again = mlm(tiny_encoder).network.state_dict()[name]
    assert torch.equal(again, network.state_dict()[name]), "the head must come of the seed alone"


def test_the_head_of_the_encoder_is_taken(tiny_encoder: Path, tmp_path: Path, capsys: Any) -> None:
    import shutil

    from transformers import BertConfig, BertForMaskedLM

    folder = Path(shutil.copytree(tiny_encoder, tmp_path / "whole"))
    whole = BertForMaskedLM(BertConfig.from_pretrained(tiny_encoder))
    whole.save_pretrained(folder)
    objective = mlm(folder)
    assert "is the one that the encoder brings" in capsys.readouterr().out
    assert objective.fresh == frozenset()
    name = "cls.predictions.transform.dense.weight"
    assert torch.equal(objective.network.state_dict()[name], whole.state_dict()[name])


def test_the_contrastive_loss_is_that_of_the_paper(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gao, Yao and Chen 2021, equation 4: minus the log of the own pair's share, at a temperature."""
    settings = {"source": "x", "objective": "simcse", "max_tokens": 16, "temperature": 0.2}
    objective = Contrast(tiny_encoder, CORPUS, SimcseParams.model_validate(settings), COMPUTE)
    first, second = objective._vectors("train", np.arange(5), [3])
    assert not torch.equal(first, second)
    loss = objective.loss("train", np.arange(5), [3])
    own = [row / np.linalg.norm(row) for row in first.detach().numpy()]
    other = [row / np.linalg.norm(row) for row in second.detach().numpy()]
    shares = [np.exp(one @ other[place] / 0.2) / sum(np.exp(one @ all_ / 0.2) for all_ in other)
              for place, one in enumerate(own)]  # fmt: skip
    assert loss.count == 5
    assert float(loss.total.detach()) == pytest.approx(-np.log(shares).sum(), rel=1e-4)


def test_an_encoder_without_dropout_is_told(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.adapt import simcse

    monkeypatch.setattr(simcse, "set_dropout", lambda network, share: [setattr(m, "p", 0.0) for m in network.modules()])
    settings = SimcseParams.model_validate({"source": "x", "objective": "simcse", "max_tokens": 16})
    with pytest.raises(BadInput, match="an encoder with dropout"):
        Contrast(tiny_encoder, CORPUS, settings, COMPUTE)


def test_files_of_every_kind_are_read(tmp_path: Path) -> None:
    write_texts(tmp_path / "a.txt", ["one, two", "", "三"])
    write_texts(tmp_path / "b.jsonl", ["one, two", "", "三"])
    (tmp_path / "c.csv").write_text('id,text\n1,"one, two"\n2,\n3,三\n', encoding="utf-8-sig")
    pq.write_table(pa.table({"text": ["one, two", None, "三"]}), tmp_path / "d.parquet")
    for file in sorted(tmp_path.iterdir()):
        assert list(texts.read(file)) == ["one, two", "", "三"], file.name


BROKEN = {
    "a.txt": (b"fine\n\xff", "a.txt: expected text in UTF-8, found byte"),
    "b.jsonl": (b'{"text": "x"}\n\n{"text"', "b.jsonl, line 3: expected a JSON object"),
    "c.jsonl": (b'{"words": "x"}\n', "c.jsonl, line 1: expected a JSON object with a text in `text`"),
    "d.csv": (b"id,words\n1,x\n", "d.csv: expected a column `text`, found id, words"),
    "e.csv": (b'text\n"x"y\n', "e.csv, line 2: expected a row of a CSV file"),
    "f.parquet": (b"nothing", "f.parquet: expected a Parquet file"),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_file_that_cannot_be_read_is_told_with_its_place(tmp_path: Path, name: str) -> None:
    content, message = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput) as caught:
        list(texts.read(tmp_path / name))
    assert str(caught.value).startswith(message)


def test_a_parquet_file_of_other_columns_is_told(tmp_path: Path) -> None:
    for column, values, message in (("words", ["x"], "found words"), ("text", [1], "expected a column of strings")):
        pq.write_table(pa.table({column: values}), tmp_path / "a.parquet")
        with pytest.raises(BadInput, match=message):
            list(texts.read(tmp_path / "a.parquet"))


def test_every_row_is_counted_once(tmp_path: Path) -> None:
    adapted.workspace(tmp_path)
    own = rows.strings(rows.read(tmp_path / "data/clean/train.parquet"), "text")
    test = rows.strings(rows.read(tmp_path / "data/clean/test.parquet"), "text")
    write_texts(tmp_path / "a.txt", ["<b>new</b>\x07 one", own[0] + "  ", " ", test[3], "new two", "new  two"])
    read = corpus.read(tmp_path, [tmp_path / "a.txt"], 0.1)
    assert read.counts == {
        "train_rows": 48, "file_rows": 6, "empty": 1, "repeated": 2, "kept_out": 1, "trained_on": 45, "held_out": 5,
    }  # fmt: skip
    assert {"<b>new</b> one", "new two"} <= {*read.train, *read.held_out}, "texts of files are cleaned as rows were"
    assert test[3] not in {*read.train, *read.held_out}


def test_near_copies_of_held_rows_are_left_out(tmp_path: Path) -> None:
    """A copy that was typed again, one that a mailer has changed, and one with a slip in a long text."""
    adapted.workspace(tmp_path)
    path = tmp_path / "data/clean/test.parquet"
    table = rows.read(path)
    long = "My payslip of last month shows a tax that I have never paid before, please look into it and tell me why."
    planted = ["Why is Payroll LATE, again?", long, "??", "工资单 打印不出来。"]
    rows.write(path, table.set_column(1, "text", [[*planted, *rows.strings(table, "text")[4:]]]))
    copies = ["why is payroll late again", "W\uff48y is payroll\u2026 late - again!", "?? ", "工资单打印不出来",
              long.replace("never", "nevr")]  # fmt: skip
    others = ["why is payroll later again", "!!", "工资单打印出来了", long[:40] + " is another matter, thank you"]
    write_texts(tmp_path / "a.txt", [*copies, *others])
    read = corpus.read(tmp_path, [tmp_path / "a.txt"], 0.1)
    assert read.counts["kept_out"] == len(copies)
    assert set(others) <= {*read.train, *read.held_out}


def test_a_text_that_is_held_out_stays_so_as_others_come(tmp_path: Path) -> None:
    adapted.workspace(tmp_path)
    before = corpus.read(tmp_path, [], 0.3)
    write_texts(tmp_path / "a.txt", ["new one"])
    after = corpus.read(tmp_path, [tmp_path / "a.txt"], 0.3)
    assert len(set(before.held_out) & set(after.held_out)) >= len(before.held_out) - 1
    assert before.digest != after.digest


def test_too_few_texts_are_told(tmp_path: Path) -> None:
    adapted.workspace(tmp_path)
    path = tmp_path / "data/clean/train.parquet"
    rows.write(path, rows.read(path).slice(0, 3))
    with pytest.raises(BadInput, match="at least 4, found 3"):
        corpus.read(tmp_path, [], 0.1)


def test_links_to_other_files_than_are_there_are_noticed(tmp_path: Path, tiny_encoder: Path) -> None:
    (tmp_path / "w").mkdir()
    root, declared = adapted.workspace(tmp_path / "w"), ["../*.txt"]
    write_texts(tmp_path / "a.txt", ["x"])
    encoder = {"source": f"path:{tiny_encoder}", "objective": "mlm", "texts": declared}
    adapted.declare(root, more=encoder)
    assert [file.name for file in texts.linked(root, links.TEXTS / "more", declared)] == ["001-a.txt"]
    write_texts(tmp_path / "b.txt", ["y"])
    with pytest.raises(BadInput, match="regraft explain"):
        texts.linked(root, links.TEXTS / "more", declared)
    adapted.declare(root, more=encoder)
    assert len(texts.linked(root, links.TEXTS / "more", [*declared, *declared])) == 2
