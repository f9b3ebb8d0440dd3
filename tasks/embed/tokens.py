"""Token ids for candidates that train the encoder itself."""

from pathlib import Path
from typing import Any

from tasks import encoder as encoders
from tasks import features
from tasks.embed.params import TokenParams
from tasks.progress import log


def make(folder: Path, texts: dict[str, list[str]], params: TokenParams) -> dict[str, Any]:
    """Writes the ids of each text and logs how many were cut.

    Args:
        folder: of the feature set, which holds the encoder already.

    Returns:
        What the manifest says of them; their dimension is the size of the longest row, in tokens.
    """
    tokenizer = encoders.Tokenizer(folder / "encoder", params.max_tokens)
    longest = 0
    for split, split_texts in texts.items():
        ids = tokenizer(split_texts)
        longest = max(longest, *map(len, ids))
        cut = tokenizer.count_cut(split_texts, ids)
        log(f"{split}: {sum(map(len, ids)):,} tokens; {cut:,} of {len(ids):,} texts are cut")
        features.write_ids(folder, split, ids)
    return {"dimensions": longest}
