"""From an encoder's files and the domain's texts to the files of the adapted encoder."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from tasks import encoder as encoders
from tasks import links, memory, snapshots, texts
from tasks.adapt import corpus
from tasks.adapt.loop import Adaptation, State
from tasks.adapt.objective import Objective
from tasks.adapt.params import AdaptedParams, MlmParams, SimcseParams, TsdaeParams
from tasks.compute import Compute
from tasks.errors import BadInput
from tasks.files import sha256
from tasks.progress import log

LIBRARIES = ("numpy", "rjieba", "tokenizers", "torch", "transformers")
"""Libraries that a training's numbers depend on; `dvc.yaml` lists them for the stage too."""

_OWN = ("*.safetensors", "model.safetensors.index.json")


@dataclass(frozen=True)
class Adapted:
    """What came of an adaptation.

    Attributes:
        rows: by where they came from and where they went, see `corpus.read`.
        curve: `epoch`, `train_loss`, `held_out_loss` and `head`, before the first epoch and after each.
        head: `none`, `new` or `brought`, see `Objective`.
        seconds: spent training, over all interrupted runs.
    """

    rows: dict[str, int]
    curve: list[dict[str, Any]]
    head: str
    seconds: float


def adapt(root: Path, item: str, folder: Path, params: AdaptedParams, compute: Compute) -> Adapted:
    """Trains the encoder in `folder`, whose weights it replaces.

    Args:
        folder: holds the files of the encoder to start from, and nothing else.

    Raises:
        BadInput: if texts cannot be read or are too few, the encoder cannot be trained so, a batch does not fit into
            memory, or training diverges.
    """
    limit = encoders.max_positions(folder)
    if params.max_tokens > limit:
        fix = "Lower `max_tokens` of the encoder."
        raise BadInput(f"encoders.{item}", f"positions for {params.max_tokens} tokens", f"only {limit}", fix)
    files = texts.linked(root, links.TEXTS / item, params.texts)
    read = corpus.read(root, files, params.held_out)
    log(f"adapting to {len(read.train):,} texts, with {len(read.held_out):,} held out, in {compute.precision}")
    digests = {file.name: sha256(file) for file in sorted(folder.iterdir())}
    key = snapshots.fingerprint(
        Path(__file__).parent, LIBRARIES, digests, params.model_dump(), asdict(compute), read.digest
    )
    fix = f"Lower it or encoders.{item}.max_tokens, or use a device with more memory."
    with memory.enough_for(f"{params.batch_rows:,} texts at once", f"encoders.{item}.batch_rows", fix):
        objective = _objective(folder, read, params, compute)
        state = Adaptation(objective, params, snapshots.Snapshots(root / "scratch/adapt" / item, key)).run()
    _judge(state)
    _write(folder, objective, compute.seed)
    # In each entry, as reports read the curve alone.
    curve = [point | {"head": objective.head} for point in state.curve]
    return Adapted(read.counts, curve, objective.head, state.seconds)


def _objective(folder: Path, read: corpus.Corpus, params: AdaptedParams, compute: Compute) -> Objective:
    if isinstance(params, MlmParams):
        from tasks.adapt.mlm import MaskedLanguageModel

        return MaskedLanguageModel(folder, read, params, compute)
    if isinstance(params, TsdaeParams):
        from tasks.adapt.tsdae import Denoising

        return Denoising(folder, read, params, compute)
    from tasks.adapt.simcse import Contrast

    assert isinstance(params, SimcseParams)  # noqa: S101 - there are no others
    return Contrast(folder, read, params, compute)


def _judge(state: State) -> None:
    before, after = (state.curve[place]["held_out_loss"] for place in (0, -1))
    if after >= before:
        log(f"warning: the held-out loss did not fall ({before:.4f} to {after:.4f}): nothing was learned that lasts")


def _write(folder: Path, objective: Objective, seed: int) -> None:
    """Replaces the weights in `folder`; what its files lack, such as an unused pooler, is drawn by the seed."""
    torch.manual_seed(seed)
    network: Any = encoders.load_network(folder)
    found = network.load_state_dict({name: tensor.cpu() for name, tensor in objective.trained().items()}, strict=False)
    # Some encoders have a pooler, which an objective that reads token vectors has no use for: it stays as it was.
    if found.unexpected_keys or any(not name.startswith("pooler.") for name in found.missing_keys):
        raise RuntimeError(f"weights that do not fit the encoder: {found}")
    for pattern in _OWN:
        for file in folder.glob(pattern):
            file.unlink()
    network.save_pretrained(folder)
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)  # safetensors lets nobody but the owner read
