"""What was trained beside an encoder's own weights, small enough to be kept apart from them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tasks.files import read_json, write_json

FOLDER = "adapter"
"""Of a saved model; it need not be read to use the model, into whose weights the adapter is merged."""


@dataclass(frozen=True)
class Adapter:
    """An adapter that was merged already.

    Attributes:
        name: of its two files, `<name>_config.json` and `<name>_model.safetensors`.
        tensors: on the CPU.
        config: what is to be known to put them onto the encoder again, as JSON holds it.
        encoder_config: what the encoder's configuration has otherwise once the adapter is merged.
    """

    name: str
    tensors: dict[str, torch.Tensor]
    config: dict[str, Any]
    encoder_config: dict[str, Any] = field(default_factory=dict)

    def write(self, model: Path) -> None:
        """Writes it into a saved model's folder, and completes the configuration there."""
        folder = model / FOLDER
        folder.mkdir()
        weights = folder / f"{self.name}_model.safetensors"
        save_file({name: tensor.contiguous() for name, tensor in self.tensors.items()}, weights, {"format": "pt"})
        weights.chmod(0o644)  # safetensors lets nobody but the owner read
        write_json(folder / f"{self.name}_config.json", self.config)
        if self.encoder_config:
            write_json(model / "config.json", read_json(model / "config.json") | self.encoder_config)
