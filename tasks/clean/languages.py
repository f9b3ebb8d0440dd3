"""Which languages the texts are in, from a sample."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

SAMPLE = 2000
_CHARS = 2000
"""Of a longer text only the beginning is looked at."""


def languages(texts: Sequence[str]) -> dict[str, Any]:
    """The languages (ISO 639-1) that py3langid sees, with the number of texts each, the most frequent first.

    At most 2,000 texts are looked at: those whose hashes are the smallest, so that the choice is as good as a
    random one, but always the same. Short texts are often taken for a related language.
    """
    import py3langid  # loads its model (plain NumPy arrays) when first used

    sample = sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest())[:SAMPLE]
    count = Counter(str(py3langid.classify(text[:_CHARS])[0]) for text in sample)
    ordered = sorted(count.items(), key=lambda pair: (-pair[1], pair[0]))
    return {"sampled": len(sample), "texts": dict(ordered)}
