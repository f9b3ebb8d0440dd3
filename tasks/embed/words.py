"""Word ids and word vectors, for small networks."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks import features
from tasks.embed import vector_table, vocabulary
from tasks.embed.params import WordParams
from tasks.embed.vocabulary import PADDING, UNKNOWN, WORD
from tasks.progress import log

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_CHUNK = 1000  # texts encoded at a time, so that what the library keeps of each stays small


def make(folder: Path, texts: dict[str, list[str]], params: WordParams, file: Path | None, seed: int) -> dict[str, Any]:
    """Writes the ids of each text, the vector of each id, and `tokenizer.json`, from texts to ids.

    A text without any word has one id, that of an unknown word.

    Args:
        file: where vectors are read from, if they are.

    Returns:
        What the manifest says of them.

    Raises:
        BadInput: if no word is left, or the file of vectors cannot be used.
    """
    split_words = _splitter()
    sentences = vocabulary.shared([word for word, _ in split_words.pre_tokenize_str(text)] for text in texts["train"])
    known = vocabulary.build(sentences, params.min_rows, params.max_words)
    table = vector_table.make(known, sentences, params, file, seed)
    padding = np.zeros_like(table.unknown)
    np.save(folder / "vectors.npy", np.vstack([padding, table.unknown, table.vectors]))
    tokenizer = _tokenizer(known.words)
    for split, split_texts in texts.items():
        ids = list(_encode(tokenizer, split_texts))
        cut = sum(len(row) > params.max_tokens for row in ids)
        unknown = sum(row.count(1) for row in ids)
        log(f"{split}: {sum(map(len, ids)):,} words, {unknown:,} unknown; {cut:,} of {len(ids):,} texts are cut")
        features.write_ids(folder, split, [row[: params.max_tokens] or [1] for row in ids])
    tokenizer.enable_truncation(params.max_tokens)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=True)
    return {"dimensions": table.vectors.shape[1], "words": len(known.words) + 2, "coverage": table.coverage}


def _splitter() -> Any:
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Split(Regex(WORD), "removed", invert=True)


def _tokenizer(words: list[str]) -> "Tokenizer":
    from tokenizers import Tokenizer, models

    # Not declared as special tokens: those are looked for in the text, where they mean nothing.
    ids = {word: number for number, word in enumerate([PADDING, UNKNOWN, *words])}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = _splitter()
    return tokenizer


def _encode(tokenizer: "Tokenizer", texts: list[str]) -> Iterator[list[int]]:
    for start in range(0, len(texts), _CHUNK):
        for encoding in tokenizer.encode_batch_fast(texts[start : start + _CHUNK]):
            yield encoding.ids
