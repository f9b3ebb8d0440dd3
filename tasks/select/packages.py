"""What must be installed to load a model without Regraft."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

# Beside the libraries that a card names: what loads the model, and what turns logits into probabilities.
_LOADED_WITH: dict[str, tuple[str, ...]] = {
    "sklearn": (),
    "network": ("sentence-transformers", "scipy"),
    "vectors": ("sentence-transformers",),
    "onnx": ("scipy",),
    "ensemble": (),  # and what its members need
}
_ONNX = ("numpy", "onnxruntime", "scipy", "tokenizers")
_NO_VERSION = {"sentence-transformers"}  # Regraft works without it, so that the card tells of no version


def needed(cards: Sequence[Mapping[str, Any]], cleaning: Sequence[Mapping[str, Any]], *, has_onnx: bool) -> list[str]:
    """The requirements as pip reads them, sorted by name.

    Args:
        cards: `candidate.json` of the model, and of each member.
        cleaning: cleaning rules beside those of the cards.
        has_onnx: whether there is an ONNX form too.
    """
    found = {name: wanted for card in cards for name, wanted in card["libraries"].items()}
    others = {name for card in cards for name in _LOADED_WITH[card["family"]]}
    others |= {name for rules in [*cleaning, *(card["rules"] for card in cards)] for name in _of_rules(rules)}
    others |= set(_ONNX) if has_onnx else set()
    found |= {name: version(name) for name in others - found.keys() - _NO_VERSION}
    # Behind a plus stands which build it is, which the package index does not know.
    pinned = {name: f"{name}=={wanted.partition('+')[0]}" for name, wanted in found.items()}
    return [pinned.get(name, name) for name in sorted(pinned.keys() | others)]


def _of_rules(rules: Mapping[str, Any]) -> list[str]:
    wanted = {
        "rjieba": rules["segment"] in ("auto", "chinese"),
        "scikit-learn": rules["stop_words"] != "none",
        "zhconv-rs": rules["simplified"],
    }
    return [name for name, is_wanted in wanted.items() if is_wanted]
