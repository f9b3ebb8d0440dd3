"""An encoder with a linear head, saved so that sentence-transformers loads it too.

The folder is a sentence-transformers model of three modules: the transformer, its pooling, and a dense layer whose
outputs are the logits of the classes. So `SentenceTransformer(folder).encode(texts)` gives the logits that
`Classifier` gives, without any of our code.
"""

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from tasks import encoder as encoders
from tasks.encoder import Pooling
from tasks.files import read_json, write_json

_MODULES = "sentence_transformers.models"
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_OWN = {"modules.json", "sentence_bert_config.json", "config_sentence_transformers.json", "encoder.json"}


class Classifier(nn.Module):
    """Pools the encoder's token vectors and maps them to logits.

    Args:
        encoder: from ids [rows, tokens] to `last_hidden_state` [rows, tokens, dimensions].
        classes: how many logits there are.
        pooling: how token vectors become one vector.
        dropout: share of the pooled vector's values that are dropped in training.
    """

    def __init__(self, encoder: nn.Module, classes: int, pooling: Pooling = "mean", dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling: Pooling = pooling
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(int(encoder.config.hidden_size), classes)  # type: ignore[union-attr, arg-type]

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Returns logits [rows, classes] of ids [rows, tokens]; `mask` is None where nothing is padded."""
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        logits: torch.Tensor = self.head(self.dropout(encoders.pool(hidden, mask, self.pooling)))
        return logits


def save(network: Classifier, folder: Path, base: Path, max_tokens: int, *, same_encoder: bool = False) -> None:
    """Writes the network and all that is needed to run it.

    Args:
        folder: where to; must exist.
        base: the encoder's folder, whose tokenizer and configuration go along.
        max_tokens: where texts are cut.
        same_encoder: the encoder was not trained: its weights are copied byte by byte.
    """
    for file in sorted(base.iterdir()):
        weights = file.name.endswith(".safetensors") or file.name in _WEIGHTS
        if file.is_file() and file.name not in _OWN and (same_encoder or not weights):
            shutil.copyfile(file, folder / file.name)
    if not same_encoder:
        state = {name: tensor.detach().float().cpu().contiguous() for name, tensor in _encoder_state(network).items()}
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    _write_modules(network, folder, max_tokens)
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)  # safetensors lets nobody but the owner read


def load(folder: Path) -> tuple[Classifier, int]:
    """Loads what `save` wrote, in float32 and evaluation mode.

    Returns:
        The network, and the number of tokens where texts are cut.
    """
    dense = load_file(folder / "2_Dense" / "model.safetensors")
    pooling = _pooling_of(read_json(folder / "1_Pooling" / "config.json"))
    network = Classifier(encoders.load_network(folder), len(dense["linear.bias"]), pooling)
    network.head.load_state_dict({"weight": dense["linear.weight"], "bias": dense["linear.bias"]})
    return network.eval(), int(read_json(folder / "sentence_bert_config.json")["max_seq_length"])


def _encoder_state(network: Classifier) -> dict[str, torch.Tensor]:
    # Tied weights appear under two names; safetensors wants each tensor once.
    seen: set[int] = set()
    state = {}
    for name, tensor in network.encoder.state_dict().items():
        if tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            state[name] = tensor
    return state


def _write_modules(network: Classifier, folder: Path, max_tokens: int) -> None:
    rows = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Dense", "Dense")]
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"{_MODULES}.{kind}"}
        for number, (path, kind) in enumerate(rows)
    ]
    write_json(folder / "modules.json", modules)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": max_tokens, "do_lower_case": False})
    dimensions = network.head.in_features
    pooling = {"word_embedding_dimension": dimensions}
    pooling |= {f"pooling_mode_{name}": network.pooling == how for how, name in _POOLING_NAMES.items()}
    write_json(folder / "1_Pooling" / "config.json", pooling)
    dense = {
        "in_features": dimensions,
        "out_features": network.head.out_features,
        "bias": True,
        "activation_function": "torch.nn.modules.linear.Identity",
    }
    write_json(folder / "2_Dense" / "config.json", dense)
    head = {
        "linear.weight": network.head.weight.detach().float().cpu().contiguous(),
        "linear.bias": network.head.bias.detach().float().cpu().contiguous(),
    }
    save_file(head, folder / "2_Dense" / "model.safetensors")


_POOLING_NAMES: dict[Pooling, str] = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens"}


def _pooling_of(config: dict[str, object]) -> Pooling:
    return next(how for how, name in _POOLING_NAMES.items() if config.get(f"pooling_mode_{name}"))
