"""The layers of an encoder: how high each weight stands, which of them stay as they are, and which start anew."""

from torch import nn

from tasks import encoder as encoders
from tasks.errors import BadInput


def layers_above(network: nn.Module) -> dict[str, int]:
    """How many layers stand above each weight of `network.encoder`, by its name in `network`.

    0 for the top layer and for what stands behind it, such as a pooler; as many as there are layers for what stands
    below all of them, such as the embeddings. What is registered before the layers counts as below them.

    Raises:
        BadInput: if it cannot be told where the layers are.
    """
    encoder: nn.Module = network.encoder  # type: ignore[assignment]
    stack = encoders.stack(encoder)
    count = len(stack)
    within = {id(weight): count - 1 - number for number, layer in enumerate(stack) for weight in layer.parameters()}
    above, passed = {}, False
    for name, weight in encoder.named_parameters():
        passed = passed or id(weight) in within
        above[f"encoder.{name}"] = within.get(id(weight), 0 if passed else count)
    return above


def freeze(network: nn.Module, *, embeddings: bool, layers: int) -> None:
    """Has the lowest layers of `network.encoder`, and what stands below them, stay as they are.

    Nothing is kept for gradients below the lowest weight that is trained: PyTorch runs what is frozen there as in
    prediction.

    Args:
        embeddings: whether what stands below the layers is frozen even without any layer.

    Raises:
        BadInput: if it cannot be told where the layers are.
    """
    if not (embeddings or layers):
        return
    encoder: nn.Module = network.encoder  # type: ignore[assignment]
    above, count = layers_above(network), len(encoders.stack(encoder))
    for name, weight in network.named_parameters():
        if above.get(name, -1) >= count - layers:
            weight.requires_grad_(False)


def start_anew(encoder: nn.Module, layers: int) -> None:
    """Gives the top layers the random weights that a new network of the same configuration has.

    PyTorch's generator must have been seeded.

    Raises:
        BadInput: if there are fewer layers, or it cannot be told where they are.
    """
    if not layers:
        return
    check_count(encoder, "reinit_layers", layers)
    fresh = type(encoder)(encoder.config)
    for own, other in zip(encoders.stack(encoder)[-layers:], encoders.stack(fresh)[-layers:], strict=True):
        own.load_state_dict(other.state_dict())


def check_count(encoder: nn.Module, key: str, layers: int) -> None:
    """Makes sure that an encoder has so many layers.

    Raises:
        BadInput: if it has not, naming the key that asks for them.
    """
    there = len(encoders.stack(encoder))
    if layers > there:
        raise BadInput(key, f"at most {there}, the layers of the encoder", str(layers), "Lower it.")
