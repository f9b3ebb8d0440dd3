"""Small networks as ONNX: the same numbers as before, without our code, and clear errors for broken files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn

from tasks import onnx
from tasks.errors import BadInput
from tasks.features import FeatureSet
from tasks.files import sha256
from tasks.finetune import export
from tests.tasks.test_small_networks import NETWORKS, seeded

WORDS = [f"w{number}" for number in range(2, 20)]
TEXTS = ["w3 w4 w5", "", "w19", "nobody knows w7", " ".join(WORDS * 3), "w2 w2"]


@pytest.fixture
def feature_set(tmp_path: Path) -> FeatureSet:
    """A feature set of which only the tokenizer is there: it cuts texts to 12 words."""
    ids = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_truncation(12)
    (tmp_path / "features").mkdir()
    tokenizer.save(str(tmp_path / "features/tokenizer.json"))
    return FeatureSet(tmp_path / "features", {})


@pytest.fixture
def save(feature_set: FeatureSet, tmp_path: Path) -> Callable[[nn.Module], Path]:
    """Saves a network; gives its folder."""

    def save(network: nn.Module) -> Path:
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        assert export.save(network, feature_set, folder) == "onnx"
        return folder

    return save


@pytest.mark.parametrize("name", NETWORKS)
def test_a_saved_network_gives_the_logits_that_it_gave_before(save: Callable[[nn.Module], Path], name: str) -> None:
    network = seeded(name)
    folder = save(network)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids = [tokenizer.encode(text).ids or [1] for text in TEXTS]
    assert max(map(len, ids)) == 12, "a longer text loses its end"
    with torch.inference_mode():
        before = torch.cat([network(torch.tensor([row])) for row in ids]).numpy()
    np.testing.assert_allclose(onnx.TextNetwork(folder, threads=1).logits(TEXTS), before, atol=1e-5)


@pytest.mark.parametrize("name", ["text_cnn", "lstm, max, True", "average"])
def test_the_libraries_alone_give_the_same_logits(save: Callable[[nn.Module], Path], name: str) -> None:
    """As the documentation of `save` says: ids filled up with 0, and whether there is a word."""
    folder = save(seeded(name))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(pad_id=0)
    encodings = tokenizer.encode_batch(TEXTS)
    ids = np.array([encoding.ids for encoding in encodings])
    mask = np.array([encoding.attention_mask for encoding in encodings])
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    (alone,) = session.run(["logits"], {"ids": ids, "mask": mask})
    np.testing.assert_allclose(onnx.TextNetwork(folder, threads=1).logits(TEXTS), alone, atol=1e-6)


@pytest.mark.parametrize("name", ["text_cnn", "gru, attention, True"])
def test_the_same_network_gives_the_same_bytes_and_is_left_as_it_was(
    save: Callable[[nn.Module], Path], name: str
) -> None:
    network = seeded(name).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    first = sha256(save(network) / "model.onnx")
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert sha256(save(seeded(name)) / "model.onnx") == first


def test_batches_hold_like_lengths_and_their_size_changes_nothing(
    save: Callable[[nn.Module], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = onnx.TextNetwork(save(seeded("text_cnn")), threads=1)
    texts = TEXTS * 5
    whole, done = network.logits(texts), []
    monkeypatch.setattr(onnx, "_WORD_BUDGET", 24)
    widths = []
    monkeypatch.setattr(
        network, "_session", Watched(network._session, lambda ids: widths.append((ids.shape, (ids > 0).mean())))
    )
    np.testing.assert_allclose(network.logits(texts, done.append), whole, atol=1e-6)
    assert done[-1] == len(texts)
    assert done == sorted(set(done))
    assert len(done) > 5
    assert all(np.prod(shape) <= 24 for shape, _ in widths)
    assert np.mean([share for _, share in widths]) > 0.8, "most of what is computed is words"


class Watched:
    """A session that tells what ids it is given."""

    def __init__(self, session: onnxruntime.InferenceSession, tell: Callable[[np.ndarray], None]) -> None:
        self.session, self.tell, self.get_outputs = session, tell, session.get_outputs

    def run(self, names: list[str], given: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.tell(given["ids"])
        found: list[np.ndarray] = self.session.run(names, given)
        return found


def test_threads_are_those_asked_for(save: Callable[[nn.Module], Path]) -> None:
    options = onnx.TextNetwork(save(seeded("average")), threads=2)._session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)


def test_no_texts_give_no_logits(save: Callable[[nn.Module], Path]) -> None:
    assert onnx.TextNetwork(save(seeded("average")), threads=1).logits([]).shape == (0, 3)


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json"])
@pytest.mark.parametrize("harm", ["cut", "other", "gone"])
def test_a_broken_file_is_refused(save: Callable[[nn.Module], Path], file: str, harm: str) -> None:
    folder = save(seeded("average"))
    whole = (folder / file).read_bytes()
    if harm == "gone":
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(whole[: len(whole) // 2] if harm == "cut" else b"no such thing")
    found = "no such file" if harm == "gone" else r".+"
    with pytest.raises(BadInput, match=rf"{file}: expected a file that Regraft wrote, found {found}\. Run"):
        onnx.TextNetwork(folder, threads=1)
