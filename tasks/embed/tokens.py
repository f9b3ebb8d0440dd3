"""Token ids for candidates that train the encoder itself."""

from pathlib import Path

from tasks import encoder as encoders
from tasks import features
from tasks.embed.params import TokenParams
from tasks.progress import log


def make(folder: Path, base: Path, texts: dict[str, list[str]], params: TokenParams) -> int:
    """Writes the ids of each text and logs how many were cut.

    Returns:
        The size of the longest row, in tokens.
    """
    tokenizer = encoders.Tokenizer(base, params.max_tokens)
    longest = 0
    for split, split_texts in texts.items():
        ids = tokenizer(split_texts)
        lengths = [len(row) for row in ids]
        longest = max(longest, *lengths)
        cut = sum(length == params.max_tokens for length in lengths)
        log(f"{split}: {sum(lengths):,} tokens in {len(ids):,} texts, {cut:,} texts reach max_tokens")
        features.write_ids(folder, split, ids)
    return longest
