"""An earlier fine-tuned model as the start of a new one, whose classes may be others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tasks import learned_rows, network
from tasks.encoder import Pooling
from tasks.errors import BadInput
from tasks.files import read_json, sha256
from tasks.finetune.adapter import FOLDER
from tasks.model import CARD
from tasks.network import Classifier
from tasks.progress import log

_KEY = "warm_start"
_FIX = "Name a model that was fine-tuned from the same encoder with the same pooling."
_TOKENIZERS = ("tokenizer.json", "vocab.txt")
_WIDENED = Path(FOLDER) / "bottleneck_config.json"  # as tasks/finetune/bottleneck.py leaves it


@dataclass(frozen=True)
class Earlier:
    """A model that was trained before.

    Attributes:
        classifier: on the CPU, as it was saved.
        labels: the class of each of its outputs.
        temperature: by which its head was divided when it was calibrated; 1 if it was not.
    """

    classifier: Classifier
    labels: list[str]
    temperature: float = 1.0

    def put_rows(self, classifier: Classifier, names: Sequence[str]) -> None:
        """Gives the head the earlier rows of the classes that the earlier model knew; other rows stay as they are.

        The earlier rows come as training left them, before they were divided by the temperature of the calibration:
        else new classes, whose rows know of none, would be too probable, or too little.

        Args:
            names: the class of each output of `classifier`.
        """
        if len(names) == 2:
            _centre(classifier.head)
        known = [number for number, name in enumerate(names) if name in self.labels]
        earlier = [self.labels.index(names[number]) for number in known]
        head = classifier.head
        with torch.no_grad():
            head.weight[known] = self.classifier.head.weight[earlier].to(head.weight) * self.temperature
            head.bias[known] = self.classifier.head.bias[earlier].to(head.bias) * self.temperature
        dropped = len(set(self.labels) - set(names))
        log(f"warm start: {len(known)} classes as before, {len(names) - len(known)} new, {dropped} dropped")


def _centre(head: torch.nn.Linear) -> None:
    """Takes the mean row from each row, which leaves the softmax as it is."""
    with torch.no_grad():
        head.weight.sub_(head.weight.mean(dim=0))
        head.bias.sub_(head.bias.mean())


def load(folder: Path, encoder: Path, pooling: Pooling) -> Earlier:
    """Loads a model to start from.

    Args:
        folder: of the earlier model, as a candidate's is.
        encoder: the folder of the encoder that is trained without a warm start.
        pooling: how token vectors become one.

    Raises:
        BadInput: if there is no fine-tuned model there, or one of another architecture, tokenizer or pooling.
    """
    try:
        card = read_json(folder / CARD)
    except FileNotFoundError:
        raise BadInput(_KEY, f"a folder with a trained model ({CARD})", "none there", _FIX) from None
    if card["family"] != "network":
        raise BadInput(_KEY, "a fine-tuned encoder", f"a model of family {card['family']}", _FIX)
    if (folder / _WIDENED).is_file():
        found = "one of `tune: adapter`, whose feed-forward layers are wider than the encoder's"
        fix = "Train the earlier model with `tune: full` or `tune: lora`, whose encoder keeps its shape."
        raise BadInput(_KEY, "a model with the encoder's layers", found, fix)
    for name in _TOKENIZERS:
        files = [folder / name, encoder / name]
        if all(file.is_file() for file in files) and len(set(map(sha256, files))) > 1:
            raise BadInput(_KEY, "a model with the encoder's tokenizer", f"another {name}", _FIX)
    classifier, _ = network.load(folder)
    if classifier.pooling != pooling:
        raise BadInput(_KEY, f"a model with pooling {pooling}", f"one with {classifier.pooling}", _FIX)
    calibration = card["notes"].get("calibration", {})
    temperature = float(calibration["temperature"]) if calibration.get("kept") else 1.0
    return Earlier(classifier, [str(label) for label in card["labels"]], temperature)


def check(earlier: Earlier, encoder: torch.nn.Module) -> None:
    """Makes sure that an earlier model's encoder is of the same architecture.

    Raises:
        BadInput: naming the first weight that differs in shape, or that only one of them has.
    """
    own, other = (
        {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
        for network in (encoder, earlier.classifier.encoder)
    )
    for name in sorted(own.keys() | other.keys()):
        if own.get(name) != other.get(name):
            expected = f"an encoder of the same architecture, {name} of shape {own.get(name, 'none')}"
            raise BadInput(_KEY, expected, f"shape {other.get(name, 'none')}", _FIX)
    if type(encoder) is not type(earlier.classifier.encoder):
        kinds = type(encoder).__name__, type(earlier.classifier.encoder).__name__
        raise BadInput(_KEY, f"an encoder of the same architecture, {kinds[0]}", kinds[1], _FIX)


def pass_on(earlier: Path, folder: Path) -> None:
    """Writes into a model's folder what the earlier model has learned from, if that is known: it knows those rows too.

    Args:
        earlier: the folder of the earlier model.
    """
    own, before = learned_rows.read(earlier), learned_rows.of_earlier(earlier)
    if own is None:
        log(f"warm start: which rows the earlier model has learned from is not known, as it has no {learned_rows.FILE}")
    if own is None or learned_rows.is_earlier_unknown(earlier):
        learned_rows.write_unknown(folder)
    known = before if own is None else np.union1d(own, before)
    if len(known):
        learned_rows.write(folder, known, learned_rows.EARLIER)


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of an earlier model."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): sha256(file) for file in files}
