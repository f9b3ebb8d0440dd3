"""A trained candidate on disk, loaded to predict.

A candidate's folder holds `candidate.json` and, by its family,

- `sklearn`: `model.skops`, a pipeline from texts to classes (see tasks/estimator.py);
- `network`: a sentence-transformers folder whose outputs are logits (see tasks/network.py);
- `vectors`: a sentence-transformers folder whose outputs are vectors, and `classifier.skops`, from vectors to classes;
- `onnx`: `tokenizer.json`, of the library tokenizers, and `model.onnx`, from ids of words or tokens to logits: a small
  network, or a fine-tuned encoder in this form;
- `ensemble`: other models in folders of their own, and how their answers are combined (see tasks/ensemble.py).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tasks import compute
from tasks.errors import BadInput
from tasks.files import read_json, write_json
from tasks.rules import Rules

Family = Literal["sklearn", "network", "vectors", "onnx", "ensemble"]
Probabilities = npt.NDArray[np.float64]

CARD = "candidate.json"
_TOKEN_BUDGET = 4096  # tokens a batch: enough to fill two cores, small enough for 1 GiB
_LIBRARIES = {
    "sklearn": ("scikit-learn", "scipy", "numpy", "skops"),
    "network": ("torch", "transformers", "tokenizers", "safetensors"),
    "vectors": ("torch", "transformers", "tokenizers", "safetensors", "scikit-learn", "scipy", "numpy", "skops"),
    "onnx": ("onnxruntime", "tokenizers", "numpy"),
    "ensemble": ("scikit-learn", "scipy", "numpy", "skops"),  # and those of its members
}


class SavedModel(ABC):
    """A trained candidate.

    Attributes:
        labels: the classes, in the order of the columns of `predict_proba`.
        family: how it is stored and run.
        device: the PyTorch device that it runs on.
        describe: everything in `candidate.json`.
    """

    family: Family
    device: str = "cpu"

    def __init__(self, folder: Path, describe: dict[str, Any]) -> None:
        self.folder, self.describe = folder, describe
        self.labels: list[str] = describe["labels"]
        self._rules = Rules.model_validate(describe["rules"])

    def predict_proba(self, texts: Sequence[str], report: Callable[[int], Any] = lambda done: None) -> Probabilities:
        """Probabilities [texts, classes] of texts that the clean stage's rules were applied to.

        Args:
            report: called with the number of texts done so far, where that is known.
        """
        if not texts:
            return np.empty((0, len(self.labels)))
        return self._predict([self._rules.apply(text) for text in texts], report)

    @abstractmethod
    def _predict(self, texts: list[str], report: Callable[[int], Any]) -> Probabilities: ...


class SklearnModel(SavedModel):
    """A pipeline of scikit-learn, from texts to classes."""

    family: Family = "sklearn"

    def __init__(self, folder: Path, describe: dict[str, Any]) -> None:
        from tasks import estimator

        super().__init__(folder, describe)
        self._pipeline = estimator.load(folder / "model.skops")

    def _predict(self, texts: list[str], report: Callable[[int], Any]) -> Probabilities:
        probabilities = np.asarray(self._pipeline.predict_proba(texts), dtype=np.float64)
        report(len(texts))
        return probabilities


class NetworkModel(SavedModel):
    """An encoder with a linear head; always run in float32, so that every library gives the same."""

    family: Family = "network"

    def __init__(self, folder: Path, describe: dict[str, Any], device: str) -> None:
        from tasks import network
        from tasks.encoder import Tokenizer

        super().__init__(folder, describe)
        self._network, max_tokens = network.load(folder)
        self._network.to(device)
        self._tokenizer = Tokenizer(folder, max_tokens)
        self.device = device

    def _predict(self, texts: list[str], report: Callable[[int], Any]) -> Probabilities:
        from scipy.special import softmax

        from tasks.encoder import run_batched

        ids, pad_id = self._tokenizer(texts), self._tokenizer.pad_id
        logits = run_batched(self._network, ids, pad_id, _TOKEN_BUDGET, self.device, report)
        return np.asarray(softmax(logits.astype(np.float64), axis=1))


class VectorsModel(SavedModel):
    """A frozen encoder, always run in float32, and a classifier of scikit-learn on its vectors."""

    family: Family = "vectors"

    def __init__(self, folder: Path, describe: dict[str, Any], device: str) -> None:
        from tasks import estimator, network
        from tasks.encoder import Tokenizer

        super().__init__(folder, describe)
        self._network, max_tokens = network.load_vectors(folder)
        self._network.to(device)
        self._tokenizer = Tokenizer(folder, max_tokens)
        self._classifier = estimator.load(folder / "classifier.skops")
        self.device = device

    def _predict(self, texts: list[str], report: Callable[[int], Any]) -> Probabilities:
        from tasks.encoder import run_batched

        ids, pad_id = self._tokenizer(texts), self._tokenizer.pad_id
        vectors = run_batched(self._network, ids, pad_id, _TOKEN_BUDGET, self.device, report)
        return np.asarray(self._classifier.predict_proba(vectors.astype(np.float64)), dtype=np.float64)


class OnnxModel(SavedModel):
    """A network over words or tokens, run by onnxruntime on the CPU."""

    family: Family = "onnx"

    def __init__(self, folder: Path, describe: dict[str, Any], threads: int) -> None:
        from tasks import onnx

        super().__init__(folder, describe)
        self._network = onnx.TextNetwork(folder, threads)

    def _predict(self, texts: list[str], report: Callable[[int], Any]) -> Probabilities:
        from scipy.special import softmax

        return np.asarray(softmax(self._network.logits(texts, report).astype(np.float64), axis=1))


def load(folder: Path, threads: int, device: str = "cpu") -> SavedModel:
    """Loads a trained candidate.

    Args:
        threads: CPU threads that it may use.
        device: `auto`, or the name of a PyTorch device, for networks.

    Raises:
        BadInput: if there is no candidate in the folder, or not all of it.
    """
    try:
        describe = read_json(folder / CARD)
    except FileNotFoundError:
        raise BadInput(str(folder), f"a trained model ({CARD})", "none", "Run `regraft run` first.") from None
    compute.limit_threads(threads)
    if describe["family"] == "sklearn":
        return SklearnModel(folder, describe)
    if describe["family"] == "onnx":
        return OnnxModel(folder, describe, threads)
    if describe["family"] == "ensemble":
        from tasks.ensemble import EnsembleModel

        return EnsembleModel(folder, describe, threads, device)
    kind = VectorsModel if describe["family"] == "vectors" else NetworkModel
    return kind(folder, describe, compute.resolve_device(device))


def write_card(
    folder: Path,
    *,
    name: str,
    family: Family,
    labels: Sequence[str],
    rules: dict[str, Any],
    recipe: dict[str, Any],
    features: dict[str, Any],
    search: dict[str, Any] | None,
    notes: dict[str, Any],
) -> None:
    """Writes `candidate.json`.

    Args:
        labels: the classes, in the order of the model's outputs.
        family: of an ensemble, the members must have been written already.
        rules: the feature set's cleaning rules, applied to each text before the model sees it.
        recipe: the candidate's parameters.
        features: what is to be known of the feature set (its kind, encoder and limits).
        search: what the search for parameters found, None without one.
        notes: what else is to be known of the training.
    """
    card = {
        "name": name,
        "family": family,
        "model": recipe["model"],
        "labels": list(labels),
        "features": features,
        "encoder": features.get("encoder"),
        "rules": rules,
        "params": recipe,
        "search": search,
        "notes": notes,
        "libraries": _libraries(folder, family),
    }
    write_json(folder / CARD, card)


def _libraries(folder: Path, family: Family) -> dict[str, str]:
    """The versions of the libraries that the model needs."""
    found = {library: version(library) for library in _LIBRARIES[family]}
    for card in sorted(folder.glob(f"members/*/{CARD}")):
        found |= read_json(card)["libraries"]
    return found
