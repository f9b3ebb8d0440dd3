"""Tiny models that translate, made on the spot: what they say is random, but always the same, in their language."""

from pathlib import Path
from typing import Any

import torch

from tests import tiny

GERMAN = [
    "drucker",
    "papier",
    "stau",
    "kennwort",
    "neu",
    "anmeldung",
    "gehalt",
    "zettel",
    "steuer",
    "mein",
    "die",
    "ist",
]
HAN, KANA = list("我的打印机不能密码忘了请"), list("あいうえおかきくけこさし")
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
SEEDS = (3, 4)
"""Of which the models say something else of most texts."""


def model(folder: Path, reads: list[str], says: list[str], seed: int) -> Path:
    """Writes a BART of one layer that knows the words of two languages and only ever says those of one.

    Args:
        reads: words, or characters, which stand without spaces.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import BartConfig, BartForConditionalGeneration, PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *sorted({*reads, *says})])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if len(reads[0]) == 1:
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
        tokenizer.decoder = decoders.Fuse()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), SPECIAL, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(seed)
    config = BartConfig(vocab_size=len(vocabulary), decoder_start_token_id=2, forced_eos_token_id=None, **_SIZES)
    network = BartForConditionalGeneration(config)
    said = [vocabulary[word] for word in [*says, "</s>"]]
    network.final_logits_bias.fill_(-1e9)[0, said] = 0.0
    network.save_pretrained(folder)
    return folder


_SIZES: dict[str, Any] = {
    "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "max_position_embeddings": 32,
    "init_std": 0.5, "tie_word_embeddings": False, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
}  # fmt: skip


def pair(folder: Path) -> Path:
    """Writes a model from English to German to `en-de`, and one back to `de-en`."""
    model(folder / "en-de", tiny.WORDS, GERMAN, SEEDS[0])
    model(folder / "de-en", GERMAN, tiny.WORDS, SEEDS[1])
    return folder


def of_many_languages(folder: Path) -> Path:
    """Writes a model in the form of NLLB, which reads and says letters, in the language that it is told."""
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

    vocabulary = {word: number for number, word in enumerate([*SPECIAL, "\u2581", *"abcdefghijklmnopqrstuvwxyz"])}
    codes = ["eng_Latn", "deu_Latn"]
    tokenizer = NllbTokenizer(vocab=vocabulary, merges=[], extra_special_tokens=codes)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(3)
    config = M2M100Config(vocab_size=len(tokenizer), decoder_start_token_id=2, **_SIZES)
    M2M100ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def said(folder: Path, text: str, languages: list[str] | None = None, **asked: Any) -> str:
    """What a model makes of one text alone, by the library's own means."""
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    if languages is not None:
        tokenizer.src_lang = languages[0]
        asked["forced_bos_token_id"] = tokenizer.convert_tokens_to_ids(languages[1])
    network: Any = AutoModelForSeq2SeqLM.from_pretrained(folder)
    with torch.inference_mode():
        read = tokenizer(text, truncation=True, max_length=asked["max_new_tokens"], return_tensors="pt")
        ids = network.generate(read["input_ids"], attention_mask=read["attention_mask"], do_sample=False, **asked)
    return str(tokenizer.decode(ids[0], skip_special_tokens=True)).strip()
