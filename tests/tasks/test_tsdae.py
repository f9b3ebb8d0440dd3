"""A text is rebuilt from the vector of what is left of it, and from nothing else."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tasks.adapt import corpus
from tasks.adapt import tsdae as module
from tasks.adapt.deletion import delete
from tasks.adapt.params import TsdaeParams
from tasks.adapt.tsdae import Denoising
from tasks.adapt.words import NONE, Tokens
from tasks.compute import Compute
from tasks.errors import BadInput
from tests import tiny

COMPUTE = Compute(seed=7, threads=1, device="cpu", precision="float32")
CORPUS = corpus.Corpus([text for text, _ in tiny.texts(12, 0)], [text for text, _ in tiny.texts(4, 1)], {})
BATCH = np.array([3, 0, 7, 5])


def tsdae(base: Path, compute: Compute = COMPUTE, **changes: Any) -> Denoising:
    settings = {"source": "x", "objective": "tsdae", "max_tokens": 16, **changes}
    return Denoising(base, CORPUS, TsdaeParams.model_validate(settings), compute)


def other_encoder(folder: Path, architecture: str, **changes: Any) -> Path:
    from transformers import AutoConfig, AutoModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}
    config = AutoConfig.for_model(architecture, vocab_size=5 + len(tiny.WORDS), pad_token_id=0, **sizes, **changes)
    tiny.encoder(folder)
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(folder)
    return folder


def test_whole_words_are_deleted_and_as_often_as_said() -> None:
    words = np.array([NONE, *np.repeat(np.arange(10), 2), NONE])  # ten words of two tokens
    tokens = Tokens(np.arange(100, 100 + len(words)), words)
    generator, deleted = np.random.default_rng(0), 0
    for _ in range(500):
        left = delete(tokens, 0.6, generator)
        assert (np.diff(left) > 0).all() and left[0] == 100 and left[-1] == 121, "special tokens stay, and the order"
        _, counts = np.unique(words[np.isin(tokens.ids, left)][1:-1], return_counts=True)
        assert (counts == 2).all()
        deleted += 10 - len(counts)
    assert deleted / 5000 == pytest.approx(0.6, abs=0.02)


@pytest.mark.parametrize(("words", "left"), [([NONE, NONE], 2), ([NONE, 0, 0, 0, NONE], 5), ([NONE, 0, 1, NONE], 3)])
def test_no_text_is_deleted_whole(words: list[int], left: int) -> None:
    generator = np.random.default_rng(0)
    counts = {len(delete(Tokens(np.arange(len(words)), np.array(words)), 0.999, generator)) for _ in range(50)}
    assert counts == {left}


def test_the_loss_is_that_of_each_text_by_itself(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the plain way: one text at a time, without padding, and one place at a time, without what follows it."""
    objective = tsdae(tiny_encoder, pooling="cls")
    objective.network.eval()
    seen: list[Any] = []
    monkeypatch.setattr(module, "delete", lambda *arguments: seen.append(delete(*arguments)) or seen[-1])
    loss = objective.loss("train", BATCH, [1, 2])
    total, count, lengths = 0.0, 0, set()
    for row, left in zip(BATCH, seen, strict=True):
        whole = torch.from_numpy(objective.tokens["train"][row].ids)
        lengths.add(len(whole))
        vector = objective.encoder.encoder(input_ids=torch.from_numpy(left)[None]).last_hidden_state[:, 0]
        for place in range(1, len(whole)):
            asked = torch.tensor([[False] * (place - 1) + [True]])
            logits = objective.decoder(vector, whole[None, :place], asked, objective.words)
            total += float(nn.functional.cross_entropy(logits, whole[place : place + 1]).detach())
            count += 1
    assert len(lengths) > 1, "nothing was padded"
    assert loss.count == count
    assert float(loss.total.detach()) == pytest.approx(total, rel=1e-5)


def test_the_decoder_does_not_see_what_it_has_to_name(tiny_encoder: Path) -> None:
    decoder, words = (objective := tsdae(tiny_encoder)).decoder, objective.words
    vector, everywhere = torch.randn(1, 16, generator=torch.Generator().manual_seed(0)), torch.ones(1, 6).bool()
    given = torch.tensor([[2, 5, 6, 7, 8, 9]])
    logits = decoder(vector, given, everywhere, words)
    for place in range(6):
        changed = given.clone()
        changed[0, place] = 17
        others = decoder(vector, changed, everywhere, words)
        same = torch.isclose(others, logits, atol=1e-6).all(dim=1)
        assert same.tolist() == [number < place for number in range(6)]


def test_the_loss_knows_the_encoder_by_its_vector_alone(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the vectors held, it is no matter which words were deleted; with others, each row's loss is another."""
    objective = tsdae(tiny_encoder)
    objective.network.eval()

    def losses() -> list[float]:
        return [float(objective.loss("train", BATCH, [key]).total.detach()) for key in range(3)]

    assert len(set(losses())) == 3, "nothing was deleted"
    vectors = torch.randn(len(BATCH), 16, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(objective.encoder, "forward", lambda ids, mask: vectors)
    held = losses()
    assert len(set(held)) == 1
    vectors = vectors.flip(0)
    assert losses()[0] != held[0]


def test_the_loss_is_a_function_of_its_key(tiny_encoder: Path) -> None:
    """Words that are deleted and values that are dropped are drawn anew for each key, whatever was drawn before."""
    objective = tsdae(tiny_encoder, encoder_dropout=0.1)
    objective.network.train()
    first = [objective.loss("train", BATCH, [7, 1, key]).total for key in (0, 1, 0)]
    assert torch.equal(first[0], first[2]) and not torch.equal(first[0], first[1])
    assert torch.equal(tsdae(tiny_encoder, encoder_dropout=0.1).decoder.read.weight, objective.decoder.read.weight)


def test_each_gradient_reaches_the_encoder_and_the_decoder_learns_faster(tiny_encoder: Path) -> None:
    objective = tsdae(tiny_encoder, head_rate_factor=4.0)
    objective.network.train()
    objective.loss("train", BATCH, [0]).total.backward()  # type: ignore[no-untyped-call]
    without = {name for name, one in objective.network.named_parameters() if one.grad is None or not one.grad.any()}
    # Nothing reads the pooler, and what attention adds to all keys alike cannot be seen.
    assert {name for name in without if ".pooler." not in name and ".key.bias" not in name} == set()
    rates = {id(parameter): rate for parameter, rate in objective.peak_rates(0.5)}
    parts = {"encoder": 0.5, "decoder": 2.0}
    for name, parameter in objective.network.named_parameters():
        assert rates[id(parameter)] == parts[name.split(".")[0]], name
    assert id(objective.words.weight) in rates, "the embeddings are the encoder's own"


def test_what_is_learned_is_in_the_vector(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some steps a text's own vector is a better start to rebuild it than those of other texts."""
    objective = tsdae(tiny_encoder, delete_share=0.3)
    optimiser = torch.optim.AdamW([{"params": [one], "lr": rate} for one, rate in objective.peak_rates(2e-3)])
    every = np.arange(12)
    objective.network.train()
    for step in range(150):
        optimiser.zero_grad()
        objective.loss("train", every, [step]).total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    objective.network.eval()
    forward = objective.encoder.forward

    def loss() -> float:
        made = objective.loss("train", every, [0])
        return float(made.total.detach()) / made.count

    own = loss()
    monkeypatch.setattr(objective.encoder, "forward", lambda ids, mask: forward(ids, mask).roll(1, 0))
    assert own < 0.8 * loss()
    assert own < 0.5 * math.log(5 + len(tiny.WORDS))


def test_it_computes_in_bfloat16_with_weights_in_float32(tiny_encoder: Path) -> None:
    half = tsdae(tiny_encoder, Compute(seed=7, threads=1, device="cpu", precision="bfloat16"))
    losses = [one.loss("held_out", np.arange(4), [0]).total for one in (tsdae(tiny_encoder), half)]
    assert losses[0] != losses[1]
    assert float(losses[1].detach()) == pytest.approx(float(losses[0].detach()), rel=0.02)
    losses[1].backward()  # type: ignore[no-untyped-call]
    assert half.words.weight.grad is not None and half.words.weight.grad.dtype == torch.float32


def test_embeddings_may_be_of_another_width_than_the_vectors(tmp_path: Path) -> None:
    objective = tsdae(other_encoder(tmp_path / "e", "electra", embedding_size=10))
    assert objective.decoder.heads == 2, "four do not divide ten"
    assert float(objective.loss("train", BATCH, [0]).total.detach()) > 0


def test_an_encoder_without_plain_embeddings_is_told(tmp_path: Path) -> None:
    folder = other_encoder(tmp_path / "e", "ibert", max_position_embeddings=40)
    with pytest.raises(BadInput, match="a plain embedding for each token, found none in IBertModel"):
        tsdae(folder)


def test_a_tokenizer_without_a_mask_will_do(tiny_encoder: Path, tmp_path: Path) -> None:
    import json
    import shutil

    folder = Path(shutil.copytree(tiny_encoder, tmp_path / "bare"))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    del settings["mask_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    assert tsdae(folder).loss("train", BATCH, [0]).count > 0
