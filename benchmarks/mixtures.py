"""Ways to learn from a few rows a class: models, and mixtures of them that average their probabilities.

`python -m benchmarks fewshot --choose` compares all of them on train rows; `CHOSEN` is the one that is promised.
"""

from dataclasses import dataclass, replace
from typing import Any

from benchmarks.recipes import FINETUNE, TOKENS, VECTORS


@dataclass(frozen=True)
class Part:
    """One model.

    Attributes:
        features: its feature set, as in `params.yaml`; of an encoder, as only these learn nothing from the rows.
        candidate: the candidate, as in `params.yaml`.
        seed: of its training.
        named: whether it also learns from the names of the classes, one text each (`augment.label_names`).
    """

    features: dict[str, Any]
    candidate: dict[str, Any]
    seed: int = 1
    named: bool = False


def _frozen(C: float) -> Part:
    return Part(VECTORS, {"features": "vectors", "model": "logistic_regression", "C": C})


def _tuned(seed: int = 1, **changes: Any) -> Part:
    # 32 rows a batch make 24 updates of 10 rows a class, so that few rows want more epochs than many do.
    return Part(TOKENS, FINETUNE | {"epochs": 8} | changes, seed)


_CONTRASTIVE = {"contrastive": {"epochs": 5}}
_RDROP = {"consistency": 1.0, "encoder_dropout": 0.1}

PARTS = {
    "frozen": _frozen(1.0),
    "frozen C=3": _frozen(3.0),
    "frozen C=10": _frozen(10.0),
    "finetune": _tuned(),
    "finetune seed 2": _tuned(2),
    "finetune seed 3": _tuned(3),
    "r-drop": _tuned(**_RDROP),
    "mixup": _tuned(mixup=0.4),
    "lora": _tuned(tune="lora", learning_rate=1e-3),
    "contrastive": _tuned(**_CONTRASTIVE),
    "contrastive, head alone": _tuned(**_CONTRASTIVE | {"epochs": 0}),
}
"""The models, by name."""

PARTS |= {f"named {name}": replace(part, named=True) for name, part in PARTS.items()}

MIXTURES = {name: (name,) for name in PARTS if "seed" not in name} | {
    "frozen + finetune": ("frozen", "finetune"),
    "frozen C=3 + finetune": ("frozen C=3", "finetune"),
    "frozen C=10 + finetune": ("frozen C=10", "finetune"),
    "frozen + r-drop": ("frozen", "r-drop"),
    "frozen + mixup": ("frozen", "mixup"),
    "frozen + lora": ("frozen", "lora"),
    "frozen + contrastive": ("frozen", "contrastive"),
    "frozen + contrastive, head alone": ("frozen", "contrastive, head alone"),
    "frozen + finetune + contrastive": ("frozen", "finetune", "contrastive"),
    "frozen + 3 finetune": ("frozen", "finetune", "finetune seed 2", "finetune seed 3"),
    "frozen + r-drop, named": ("named frozen", "named r-drop"),
    "frozen C=3 + r-drop, named": ("named frozen C=3", "named r-drop"),
    "frozen C=10 + r-drop, named": ("named frozen C=10", "named r-drop"),
    "frozen C=3 + r-drop + finetune, named": ("named frozen C=3", "named r-drop", "named finetune seed 2"),
    "frozen C=3 + r-drop + mixup, named": ("named frozen C=3", "named r-drop", "named mixup"),
}
"""The parts of each mixture, which count the same."""

BASELINE = "frozen"
CONTRASTIVE = "contrastive, head alone"
"""SetFit's two steps on our own loop."""
CHOSEN = "frozen + r-drop, named"


def _taught(**candidate: Any) -> Part:
    return Part(VECTORS, {"features": "vectors", **candidate}, named=True)


STUDENTS = {
    f"{count} neighbours taught by it": _taught(model="nearest_neighbours", neighbours=count) for count in (10, 20, 50)
} | {"logistic regression taught by it": _taught(model="logistic_regression")}
"""Students of the chosen mixture, by name: they also learn from the texts that were not drawn, which it labels."""

TAUGHT = "20 neighbours taught by it"
