"""Low-rank adaptation by the library peft (Hu et al. 2021, "LoRA", section 4.1)."""

from typing import Any, Literal

from torch import nn

from tasks import encoder as encoders
from tasks.errors import BadInput
from tasks.finetune.adapter import Adapter

_NAME = "default"  # peft's name for an adapter that has none
_PREFIX = "base_model.model."  # of its files


def attach(
    encoder: nn.Module, *, rank: int, alpha: float, dropout: float, targets: Literal["all"] | list[str], lowest: int
) -> None:
    """Puts thin matrices beside linear maps, in place, such that the network computes what it did; they alone train.

    PyTorch's generator must have been seeded.

    Args:
        targets: `all` linear maps within the layers, or the last part of the name of those that are meant.
        lowest: the number of the lowest layer, from 0, that gets any.

    Raises:
        BadInput: if no linear map is called so, or it cannot be told where the layers are.
    """
    from peft import LoraConfig, inject_adapter_in_model

    names = _linear_maps(encoder, lowest)
    chosen = [name for name in names if targets == "all" or name.rpartition(".")[2] in targets]
    missing = [] if targets == "all" else sorted(set(targets) - {name.rpartition(".")[2] for name in names})
    if missing or not chosen:
        there = ", ".join(sorted({name.rpartition(".")[2] for name in names})) or "none in the layers that are trained"
        fix = "Correct the candidate's key, or write all."
        raise BadInput("lora_targets", f"names of linear maps of the encoder ({there})", ", ".join(missing), fix)
    # peft counts an alpha as whole, though it only divides it.
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=chosen)  # type: ignore[arg-type]
    inject_adapter_in_model(config, encoder)


def merge(encoder: nn.Module) -> Adapter:
    """Adds the products of the thin matrices to the encoder's own weights, in place.

    Returns:
        The adapter as peft reads it: `peft.PeftModel.from_pretrained(encoder, folder)` puts it onto the encoder that
        training started from.
    """
    from peft import get_peft_model_state_dict
    from peft.tuners.lora import LoraLayer

    # Without a look at the vocabulary, which peft would take from the hub; nothing of the embeddings is trained.
    state = get_peft_model_state_dict(encoder, adapter_name=_NAME, save_embedding_layers=False)
    tensors = {_PREFIX + name: tensor.detach().float().cpu().clone() for name, tensor in state.items()}
    adapted = [(name, module) for name, module in encoder.named_modules() if isinstance(module, LoraLayer)]
    config: dict[str, Any] = encoder.peft_config[_NAME].to_dict()  # type: ignore[union-attr, index]
    for name, module in adapted:
        module.merge(safe_merge=True)
        parent, _, own = name.rpartition(".")
        setattr(encoder.get_submodule(parent), own, module.get_base_layer())
    del encoder.peft_config
    # The names as peft shortens them lie in a set, whose order differs from process to process.
    config |= {"target_modules": [name for name, _ in adapted], "inference_mode": True}
    return Adapter("adapter", tensors, {name: _plain(value) for name, value in sorted(config.items())})


def _linear_maps(encoder: nn.Module, lowest: int) -> list[str]:
    """The names, within the encoder, of all linear maps in its layers from number `lowest` on."""
    within = {id(part) for layer in list(encoders.stack(encoder))[lowest:] for part in layer.modules()}
    return [name for name, part in encoder.named_modules() if isinstance(part, nn.Linear) and id(part) in within]


def _plain(value: object) -> object:
    """A value of peft's configuration as JSON holds it."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float) else str(getattr(value, "value", value))
