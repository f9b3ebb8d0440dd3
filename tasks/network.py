"""An encoder with a linear head or without, saved so that sentence-transformers loads it too.

The folder is a sentence-transformers model of the transformer, its pooling and, for a classifier, a dense layer whose
outputs are the logits of the classes. So `SentenceTransformer(folder).encode(texts)` gives the logits that
`Classifier` gives, or the vectors that `Encoder` gives, without any of our code.
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


class Encoder(nn.Module):
    """Pools the encoder's token vectors into one vector a text.

    Args:
        encoder: from ids [rows, tokens] to `last_hidden_state` [rows, tokens, dimensions].
        pooling: how token vectors become one vector.
    """

    def __init__(self, encoder: nn.Module, pooling: Pooling = "mean") -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling: Pooling = pooling

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Returns vectors [rows, dimensions] of ids [rows, tokens]; `mask` is None where nothing is padded."""
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        return encoders.pool(hidden, mask, self.pooling)


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
    _copy(base, folder, weights=same_encoder)
    if not same_encoder:
        state = {name: tensor.detach().float().cpu().contiguous() for name, tensor in _encoder_state(network).items()}
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    _write_modules(folder, ["Transformer", "Pooling", "Dense"], max_tokens)
    _write_pooling(folder, network.pooling, network.head.in_features)
    _write_head(folder, network.head)
    _make_readable(folder)


def save_vectors(folder: Path, base: Path, pooling: Pooling, max_tokens: int) -> None:
    """Writes an encoder that was not trained, and all that is needed to make vectors with it.

    Args:
        folder: where to; must exist.
        base: the encoder's folder, which is copied byte by byte.
        pooling: how token vectors become one vector.
        max_tokens: where texts are cut.
    """
    _copy(base, folder, weights=True)
    _write_modules(folder, ["Transformer", "Pooling"], max_tokens)
    _write_pooling(folder, pooling, encoders.dimensions(base))
    _make_readable(folder)


def load(folder: Path) -> tuple[Classifier, int]:
    """Loads what `save` wrote, in float32 and evaluation mode.

    Returns:
        The network, and the number of tokens where texts are cut.
    """
    dense = load_file(folder / "2_Dense" / "model.safetensors")
    network = Classifier(encoders.load_network(folder), len(dense["linear.bias"]), read_pooling(folder))
    network.head.load_state_dict({"weight": dense["linear.weight"], "bias": dense["linear.bias"]})
    return network.eval(), _read_max_tokens(folder)


def load_vectors(folder: Path) -> tuple[Encoder, int]:
    """Loads what `save_vectors` wrote, in float32 and evaluation mode.

    Returns:
        The network, and the number of tokens where texts are cut.
    """
    return Encoder(encoders.load_network(folder), read_pooling(folder)).eval(), _read_max_tokens(folder)


def _copy(base: Path, folder: Path, *, weights: bool) -> None:
    """Copies an encoder's files, but for those that say what is done with its vectors."""
    for file in sorted(base.iterdir()):
        holds_weights = file.name.endswith(".safetensors") or file.name in _WEIGHTS
        if file.is_file() and file.name not in _OWN and (weights or not holds_weights):
            shutil.copyfile(file, folder / file.name)


def _encoder_state(network: Classifier) -> dict[str, torch.Tensor]:
    # Tied weights appear under two names; safetensors wants each tensor once.
    seen: set[int] = set()
    state = {}
    for name, tensor in network.encoder.state_dict().items():
        if tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            state[name] = tensor
    return state


def _write_modules(folder: Path, kinds: list[str], max_tokens: int) -> None:
    modules = [
        {
            "idx": number,
            "name": str(number),
            "path": f"{number}_{kind}" if number else "",
            "type": f"{_MODULES}.{kind}",
        }
        for number, kind in enumerate(kinds)
    ]
    write_json(folder / "modules.json", modules)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": max_tokens, "do_lower_case": False})


def _write_pooling(folder: Path, pooling: Pooling, dimensions: int) -> None:
    modes = {f"pooling_mode_{name}": pooling == how for how, name in _POOLING_NAMES.items()}
    write_json(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": dimensions, **modes})


def _write_head(folder: Path, head: nn.Linear) -> None:
    dense = {
        "in_features": head.in_features,
        "out_features": head.out_features,
        "bias": True,
        "activation_function": "torch.nn.modules.linear.Identity",
    }
    write_json(folder / "2_Dense" / "config.json", dense)
    state = {
        "linear.weight": head.weight.detach().float().cpu().contiguous(),
        "linear.bias": head.bias.detach().float().cpu().contiguous(),
    }
    save_file(state, folder / "2_Dense" / "model.safetensors")


def _make_readable(folder: Path) -> None:
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)  # safetensors lets nobody but the owner read


_POOLING_NAMES: dict[Pooling, str] = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens"}


def read_pooling(folder: Path) -> Pooling:
    """How token vectors become one in a folder that `save` or `save_vectors` wrote."""
    config = read_json(folder / "1_Pooling" / "config.json")
    return next(how for how, name in _POOLING_NAMES.items() if config.get(f"pooling_mode_{name}"))


def _read_max_tokens(folder: Path) -> int:
    return int(read_json(folder / "sentence_bert_config.json")["max_seq_length"])
