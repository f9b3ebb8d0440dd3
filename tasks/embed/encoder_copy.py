"""The encoder of a feature set, whole or with only its lowest layers, so that its readers need nothing else."""

import shutil
from pathlib import Path
from typing import Any

from tasks import encoder as encoders

_OF_ALL_LAYERS = {"config.json", "encoder.json", "model.safetensors.index.json"}


def place(base: Path, folder: Path, layers: int | None, seed: int) -> None:
    """Writes `folder/encoder/`.

    Args:
        base: the encoder as `adapt` left it.
        layers: how many of its layers are kept, from the bottom; None for all.
        seed: of weights that the encoder's files lack, such as an unused pooler's, where it is written anew.

    Raises:
        BadInput: if it has fewer layers.
    """
    target = folder / "encoder"
    if layers is None:
        shutil.copytree(base, target)
        return
    import torch

    torch.manual_seed(seed)
    network: Any = encoders.load_network(base)
    encoders.cut(network, layers)
    target.mkdir()
    for file in sorted(base.iterdir()):
        if file.is_file() and file.suffix != ".safetensors" and file.name not in _OF_ALL_LAYERS:
            shutil.copyfile(file, target / file.name)
    network.save_pretrained(target)
    for file in target.glob("*.safetensors"):
        file.chmod(0o644)  # safetensors lets nobody but the owner read
