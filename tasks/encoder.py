"""A pretrained encoder on disk: its tokens, its vectors, and batches that waste no padding."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from tasks.errors import BadInput

if TYPE_CHECKING:
    import torch
    from torch import nn

Pooling = Literal["mean", "cls", "max"]
Ids = list[list[int]]


_CHUNK = 1000  # texts tokenized at a time: the library keeps offsets, masks and strings of all of them


class Tokenizer:
    """Turns texts into token ids, special tokens included, cut to `max_tokens`.

    Args:
        folder: holds `tokenizer.json`, or what transformers makes one of, such as `vocab.txt`. Of the few encoders
            whose tokenizer is written in Python (CANINE, for one) that is used, and is slower.
        max_tokens: longer texts lose their end; at least 3.

    Raises:
        BadInput: if the folder holds no tokenizer.
    """

    def __init__(self, folder: Path, max_tokens: int) -> None:
        self._tokenizer = open_tokenizer(folder)
        self.max_tokens = max_tokens
        self.pad_id: int = self._tokenizer.pad_token_id if self._tokenizer.pad_token_id is not None else 0

    def __call__(self, texts: Sequence[str]) -> Ids:
        """Returns one list of ids a text."""
        ids: Ids = []
        for start in range(0, len(texts), _CHUNK):
            ids += self._encode(list(texts[start : start + _CHUNK]), self.max_tokens)
        return ids

    def count_cut(self, texts: Sequence[str], ids: Ids) -> int:
        """How many of the texts that gave these ids were cut."""
        full = [text for text, row in zip(texts, ids, strict=True) if len(row) == self.max_tokens]
        return sum(len(self._encode([text], None)[0]) > self.max_tokens for text in full)

    def _encode(self, texts: list[str], max_tokens: int | None) -> Ids:
        ids = self._tokenizer(
            texts, truncation=max_tokens is not None, max_length=max_tokens, return_attention_mask=False, verbose=False
        )["input_ids"]
        return [list(row) for row in ids]


def open_tokenizer(folder: Path) -> Any:
    """The tokenizer of transformers that a folder holds.

    Raises:
        BadInput: if it holds none.
    """
    from transformers import AutoTokenizer

    expected, fix = "a tokenizer that transformers loads", "Save the encoder's tokenizer there as tokenizer.json."
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (ValueError, KeyError, OSError, ImportError) as error:
        found = " ".join(str(error).split())
        raise BadInput(str(folder), expected, found, fix) from None
    # Without a vocabulary file, transformers makes up a tokenizer to which all words are unknown, and says nothing.
    if len(tokenizer) - len(set(tokenizer.all_special_tokens)) <= 1:
        raise BadInput(str(folder), expected, "no vocabulary", fix)
    return tokenizer


def load_network(
    folder: Path, dtype: "torch.dtype | None" = None, attention: Literal["sdpa", "eager"] = "sdpa"
) -> "nn.Module":
    """Loads the encoder's network from safetensors, in float32 unless told otherwise, in evaluation mode.

    Args:
        attention: `sdpa` is faster forwards, and stands for `eager` where an architecture has no such form (MPNet,
            DeBERTa); backwards, PyTorch's fused form for CPUs takes two to three times as long as `eager` on short
            texts.

    Raises:
        BadInput: if the folder holds no network that transformers knows.
    """
    import torch
    from transformers import AutoModel
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        network = AutoModel.from_pretrained(
            folder,
            dtype=dtype or torch.float32,
            trust_remote_code=False,
            use_safetensors=True,
            local_files_only=True,
            # Asked for by name, sdpa is an error for an architecture that lacks it; asked for nothing, transformers
            # takes it where it can.
            attn_implementation=None if attention == "sdpa" else attention,
        )
    except (ValueError, KeyError, OSError) as error:
        found = " ".join(str(error).split())
        raise BadInput(str(folder), "an encoder that transformers loads", found, "Declare another source.") from None
    return network.eval()  # type: ignore[no-any-return]


def attend_as_loaded(network: "nn.Module") -> None:
    """Has a network that was trained with `eager` attention compute as one does that was just loaded, in place."""
    if getattr(network, "_supports_sdpa", False):
        network.set_attn_implementation("sdpa")  # type: ignore[operator]


def dimensions(folder: Path) -> int:
    """Values of each token's vector, whichever word the architecture has for them in `config.json`."""
    from transformers import AutoConfig

    return int(AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True).hidden_size)


def cut(network: "nn.Module", layers: int, choice: Literal["lowest", "spaced"] = "lowest") -> None:
    """Takes away layers of a network, in place; what it saves then loads as the cut network.

    What stands behind the layers stays, such as a last normalisation.

    Args:
        layers: how many are kept.
        choice: the lowest, or those at even distances, the lowest and the top one among them.

    Raises:
        BadInput: if there are fewer layers, or it cannot be told where they are.
    """
    config: Any = network.config
    there = int(config.num_hidden_layers)
    if layers > there:
        fix = "Lower `layers`, or leave it out."
        raise BadInput("the encoder", f"{layers} layers, as `layers` says", f"only {there}", fix)
    if layers == there:
        return
    kept = range(layers) if choice == "lowest" else [round(float(place)) for place in np.linspace(0, there - 1, layers)]
    # ALBERT has one layer that it runs several times, as the configuration says.
    if getattr(config, "num_hidden_groups", None) != 1:
        found = stack(network)
        for number in reversed([number for number in range(there) if number not in kept]):
            del found[number]
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = [config.layer_types[number] for number in kept]


def stack(network: "nn.Module") -> "nn.ModuleList":
    """The layers of a network, from the lowest to the top.

    Raises:
        BadInput: if it cannot be told where they are, as in ALBERT, which runs one layer several times.
    """
    from torch import nn

    count = int(network.config.num_hidden_layers)  # type: ignore[union-attr, arg-type]
    lists = [part for part in network.modules() if isinstance(part, nn.ModuleList) and len(part) == count]
    if len(lists) != 1:
        found = f"{len(lists)} lists of modules of that length in {type(network).__name__}"
        fix = "Leave out what counts layers or names some of them, or declare another encoder."
        raise BadInput("the encoder", f"one stack of {count} layers", found, fix)
    return lists[0]


def max_positions(folder: Path) -> int:
    """The most tokens that the network has positions for (a very large number if it sets no limit)."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    limit = int(config.get("max_position_embeddings", 2**31))
    # Where positions start behind the padding index, as RoBERTa's do, two of them can't be used.
    return limit - 2 if config.get("model_type") in {"roberta", "xlm-roberta", "camembert", "mpnet"} else limit


def batches(lengths: Sequence[int], token_budget: int) -> list[npt.NDArray[np.int64]]:
    """Groups rows of similar length, so that a batch padded to its longest row holds at most `token_budget` tokens.

    Args:
        lengths: tokens of each row.
        token_budget: rows times the longest length, at most; a single longer row makes a batch of its own.

    Returns:
        Indices into `lengths`, longest rows first, so that running out of memory shows at once.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    groups: list[npt.NDArray[np.int64]] = []
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        size = max(1, token_budget // longest)
        groups.append(order[start : start + size])
        start += size
    return groups


def pad(ids: Sequence[Sequence[int]], pad_id: int) -> "tuple[torch.Tensor, torch.Tensor | None]":
    """Pads rows to the longest of them.

    Returns:
        Ids [rows, longest] and a mask of the same shape, 1 where there is a token; None where nothing is padded,
        because attention without a mask is faster.
    """
    import torch

    lengths = np.fromiter((len(row) for row in ids), dtype=np.int64, count=len(ids))
    longest = int(lengths.max())
    padded = np.full((len(ids), longest), pad_id, dtype=np.int64)
    for number, row in enumerate(ids):
        padded[number, : len(row)] = row
    if (lengths == longest).all():
        return torch.from_numpy(padded), None
    mask = (np.arange(longest)[None, :] < lengths[:, None]).astype(np.int64)
    return torch.from_numpy(padded), torch.from_numpy(mask)


def pool(hidden: "torch.Tensor", mask: "torch.Tensor | None", how: Pooling) -> "torch.Tensor":
    """Makes one vector of a text's token vectors.

    Args:
        hidden: [rows, tokens, dimensions].
        mask: [rows, tokens], None where nothing is padded.
        how: `mean` over the tokens, the first token (`cls`), or the largest value (`max`).

    Returns:
        [rows, dimensions].
    """
    import torch

    if how == "cls":
        return hidden[:, 0]
    if mask is None:
        return hidden.mean(dim=1) if how == "mean" else hidden.amax(dim=1)
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    if how == "mean":
        return (hidden * weights).sum(dim=1) / weights.sum(dim=1)
    return hidden.masked_fill(weights == 0, torch.finfo(hidden.dtype).min).amax(dim=1)


def run_batched(
    forward: "Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]",
    ids: Ids,
    pad_id: int,
    token_budget: int,
    device: str,
    report: Callable[[int], Any] = lambda done: None,
) -> npt.NDArray[np.float32]:
    """Runs a network over rows in length-sorted batches without gradients.

    Args:
        forward: from padded ids and mask to [rows, outputs].
        report: called with the number of rows done so far.

    Returns:
        float32 [rows, outputs], in the order of `ids`.
    """
    import torch

    out: npt.NDArray[np.float32] | None = None
    done = 0
    with torch.inference_mode():
        for group in batches([len(row) for row in ids], token_budget):
            padded, mask = pad([ids[index] for index in group], pad_id)
            result = forward(padded.to(device), None if mask is None else mask.to(device)).float().cpu().numpy()
            if out is None:
                out = np.empty((len(ids), result.shape[1]), dtype=np.float32)
            out[group] = result
            done += len(group)
            report(done)
    return out if out is not None else np.empty((0, 0), dtype=np.float32)
