"""Whether the texts are longer or shorter than before."""

from collections.abc import Sequence

import numpy as np

from tasks import languages
from tasks.retraining.shift import Shift
from tasks.scores import Ints

_WITHOUT_SPACES = {"zh", "ja", "th", "lo", "km", "my"}  # languages (ISO 639-1) that set no spaces between words


def find(before: Sequence[str], after: Sequence[str], *, threshold: float) -> Shift:
    """Compares the lengths of texts by the two-sample test of Kolmogorov and Smirnov.

    The p-value is the asymptotic one; as many texts are equally long, it is rather too large than too small (Noether
    1963, "Note on the Kolmogorov statistic in the discrete case"). The effect is the largest distance between the two
    distribution functions, 0 to 1.

    Args:
        before: the earlier texts.
        after: the new ones.
        threshold: the least effect that counts.
    """
    from scipy import stats

    name = unit([*before, *after])
    old, new = (lengths(texts, name) for texts in (before, after))
    found = stats.ks_2samp(old, new, method="asymp")
    distance = float(found.statistic)
    told = (
        f"their distributions are {distance:.3f} apart ({threshold:g} or more count), the median is "
        f"{np.median(new):g} {name}, where it was {np.median(old):g}"
    )
    return Shift("lengths", distance, distance, float(found.pvalue), threshold, told)


def unit(texts: Sequence[str]) -> str:
    """What the lengths of texts are counted in: characters where most are of a language without spaces, else words."""
    counts = languages.languages(texts)
    spaceless = sum(count for name, count in counts["texts"].items() if name in _WITHOUT_SPACES)
    return "characters" if 2 * spaceless > counts["sampled"] else "words"


def lengths(texts: Sequence[str], name: str) -> Ints:
    """The length of each text in that unit; white space is no character."""
    if name == "words":
        return np.array([len(text.split()) for text in texts], dtype=np.int64)
    return np.array([sum(map(len, text.split())) for text in texts], dtype=np.int64)
