"""Bottleneck adapters that merge into the network exactly.

An adapter is a narrow hidden layer that is trained beside weights that are not (Houlsby et al. 2019, section 2.1).
Behind a layer, as it stands there, it cannot be merged, and no well-known library would load the result as it is. Side
by side with a feed-forward layer it works no worse (He et al. 2022, "Towards a Unified View of Parameter-Efficient
Transfer Learning", section 4.3), and with that layer's own activation it is nothing but more hidden values of it:

    W2 f(W1 x + b1) + b2 + U f(D x + c)  =  [W2 U] f([W1; D] x + [b1; c]) + b2

So the merged encoder is a stock one whose configuration names a wider feed-forward layer.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from tasks import encoder as encoders
from tasks.errors import BadInput
from tasks.files import read_json
from tasks.finetune.adapter import FOLDER, Adapter

_NAME = "bottleneck"
_KINDS = (
    ("intermediate.dense", "output.dense", "intermediate_size"),  # BERT, RoBERTa, ELECTRA, MPNet, DeBERTa
    ("ffn.lin1", "ffn.lin2", "hidden_dim"),  # DistilBERT
)
"""The two linear maps of a feed-forward layer within a layer, and the key of its width in the configuration."""


class Widened(nn.Module):
    """A linear map to hidden values with more of them, which an adapter makes.

    Args:
        own: the map that stays as it is.
        size: how many more.
    """

    def __init__(self, own: nn.Linear, size: int) -> None:
        super().__init__()
        self.own, self.down = own, nn.Linear(own.in_features, size)
        nn.init.zeros_(self.down.bias)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Returns [..., hidden + size] of values [..., dimensions]."""
        return torch.cat([self.own(values), self.down(values)], dim=-1)

    def merged(self) -> nn.Linear:
        """The same as one linear map."""
        weight = torch.cat([self.own.weight, self.down.weight])
        return _linear(weight, torch.cat([self.own.bias, self.down.bias]))


class Narrowed(nn.Module):
    """A linear map of hidden values that also takes those of an adapter; at first these count for nothing.

    Args:
        own: the map that stays as it is.
        size: how many values the adapter has.
    """

    def __init__(self, own: nn.Linear, size: int) -> None:
        super().__init__()
        self.own, self.up = own, nn.Linear(size, own.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Returns [..., dimensions] of hidden values [..., hidden + size]."""
        own, added = torch.split(hidden, [self.own.in_features, self.up.in_features], dim=-1)
        result: torch.Tensor = self.own(own) + self.up(added)
        return result

    def merged(self) -> nn.Linear:
        """The same as one linear map."""
        return _linear(torch.cat([self.own.weight, self.up.weight], dim=1), self.own.bias)


def attach(encoder: nn.Module, size: int) -> None:
    """Puts an adapter beside each feed-forward layer, in place, such that the network computes what it did.

    They alone are trained. PyTorch's generator must have been seeded.

    Raises:
        BadInput: if the feed-forward layers are not of a form into which an adapter merges.
    """
    first, second, _ = _kind(encoder)
    encoder.requires_grad_(False)
    for layer in encoders.stack(encoder):
        layer.set_submodule(first, Widened(layer.get_submodule(first), size))  # type: ignore[arg-type]
        layer.set_submodule(second, Narrowed(layer.get_submodule(second), size))  # type: ignore[arg-type]


def merge(encoder: nn.Module) -> Adapter:
    """Makes the adapters part of the feed-forward layers, in place, and says so in the configuration."""
    tensors = {}
    adapted = [(name, part) for name, part in encoder.named_modules() if isinstance(part, Widened | Narrowed)]
    size = next(part.down.out_features for _, part in adapted if isinstance(part, Widened))
    for name, part in adapted:
        thin = part.down if isinstance(part, Widened) else part.up
        for own, tensor in thin.state_dict(prefix=f"{name}.").items():
            tensors[own] = tensor.detach().float().cpu().clone()
        encoder.set_submodule(name, part.merged())
    config = encoder.config
    key = next(key for _, _, key in _KINDS if hasattr(config, key))
    width = int(getattr(config, key)) + size
    setattr(config, key, width)
    return Adapter(_NAME, tensors, {"kind": "parallel bottleneck", "size": size}, {key: width})


def put_onto(encoder: nn.Module, model: Path) -> None:
    """Merges the adapter of a saved model into the encoder that its training started from, in place.

    Raises:
        BadInput: if the encoder's feed-forward layers are not those that the adapter was trained beside.
    """
    size = int(read_json(model / FOLDER / f"{_NAME}_config.json")["size"])
    tensors = load_file(model / FOLDER / f"{_NAME}_model.safetensors")
    attach(encoder, size)
    for name, part in encoder.named_modules():
        if isinstance(part, Widened):
            part.down.load_state_dict({key: tensors[f"{name}.{key}"] for key in ("weight", "bias")})
        elif isinstance(part, Narrowed):
            part.up.load_state_dict({"weight": tensors[f"{name}.weight"]})
    merge(encoder)


def _kind(encoder: nn.Module) -> tuple[str, str, str]:
    layers, config = encoders.stack(encoder), encoder.config
    for first, second, key in _KINDS:
        width = getattr(config, key, None)
        if all(_is_plain(layer, first, second, width) for layer in layers):
            return first, second, key
    expected = f"feed-forward layers as in BERT or DistilBERT ({' or '.join(kind[0] for kind in _KINDS)})"
    raise BadInput("the encoder", expected, type(encoder).__name__, "Use tune: lora, which any encoder can have.")


def _is_plain(layer: nn.Module, first: str, second: str, width: int | None) -> bool:
    """Whether one linear map makes as many values as the other takes: in gated layers it makes twice as many."""
    try:
        maps = [layer.get_submodule(first), layer.get_submodule(second)]
    except AttributeError:
        return False
    ends = [maps[0].out_features, maps[1].in_features] if all(isinstance(part, nn.Linear) for part in maps) else []
    return ends == [width, width]


def _linear(weight: torch.Tensor, bias: torch.Tensor) -> nn.Linear:
    rows, columns = weight.shape
    made = nn.Linear(columns, rows, device=weight.device)
    with torch.no_grad():
        made.weight.copy_(weight)
        made.bias.copy_(bias)
    return made
