"""A tiny encoder and a tiny set of rows, made on the spot."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from tasks import rows

WORDS = [
    "printer",
    "paper",
    "jam",
    "password",
    "reset",
    "login",
    "salary",
    "payslip",
    "tax",
    "my",
    "the",
    "is",
    "please",
]
TOPICS = {"hardware": WORDS[0:3], "access": WORDS[3:6], "payroll": WORDS[6:9]}


def encoder(folder: Path, *, positions: int = 64, seed: int = 0) -> Path:
    """Writes a BERT of two layers and 16 dimensions whose vocabulary is `WORDS`."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder.mkdir(parents=True)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {word: number for number, word in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=positions,
    )
    BertModel(config, add_pooling_layer=True).save_pretrained(folder)
    return folder


def texts(count: int, seed: int) -> list[tuple[str, str]]:
    """Pairs of text and label; the words of the label's topic make the text learnable."""
    generator = np.random.default_rng(seed)
    pairs = []
    for number in range(count):
        label = list(TOPICS)[number % len(TOPICS)]
        words = [*generator.choice(TOPICS[label], 2), *generator.choice(WORDS[9:], generator.integers(1, 6))]
        pairs.append((" ".join(generator.permutation(words)), label))
    return pairs


def clean_rows(root: Path, *, train: int = 48, validation: int = 18, test: int = 18) -> None:
    """Writes the three splits that the clean stage would."""
    (root / "data" / "clean").mkdir(parents=True)
    for seed, (split, count) in enumerate({"train": train, "validation": validation, "test": test}.items()):
        pairs = texts(count, seed)
        table = pa.table(
            {
                "id": [f"{split}-{number}" for number in range(count)],
                "text": [text for text, _ in pairs],
                "label": [label for _, label in pairs],
                "time": pa.nulls(count, pa.string()),
                "source": ["tiny.csv"] * count,
                "row": list(range(1, count + 1)),
            },
            schema=rows.CLEAN,
        )
        rows.write(root / "data" / "clean" / f"{split}.parquet", table)


def params(root: Path, **blocks: object) -> None:
    """Writes a `params.yaml` (JSON is YAML) with sensible resources and the blocks given."""
    common = {"seed": 7, "threads": 1, "device": "cpu", "precision": "float32", "cross_validation": {"folds": 0}}
    tree = {**common, **blocks}
    (root / "params.yaml").write_text(json.dumps(tree), encoding="utf-8")
