"""Which languages texts are in."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

SAMPLE = 2000
_CHARS = 2000
"""Of a longer text only the beginning is looked at."""


def language(text: str) -> str:
    """The language (ISO 639-1) that py3langid sees; a short text is often taken for a related one."""
    import py3langid  # loads its model (plain NumPy arrays) when first used

    return str(py3langid.classify(text[:_CHARS])[0])


def languages(texts: Sequence[str]) -> dict[str, Any]:
    """The languages of texts, with the number of texts each, the most frequent first.

    At most 2,000 texts are looked at: those whose hashes are the smallest, so that the choice is as good as a
    random one, but always the same.
    """
    sample = sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest())[:SAMPLE]
    count = Counter(map(language, sample))
    ordered = sorted(count.items(), key=lambda pair: (-pair[1], pair[0]))
    return {"sampled": len(sample), "texts": dict(ordered)}
