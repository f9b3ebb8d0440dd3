"""Mixup: mixtures of vectors and of classes, with every loss, drawn anew at each step and again after a resume."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tasks import encoder as encoders
from tasks.finetune import mixing, update
from tasks.finetune.averaging import copied
from tests import bag
from tests.bag import Plain

COMBINATIONS: list[dict[str, Any]] = [
    {}, {"class_weight": {"a": 5.0, "c": 0.5}}, {"loss": "focal", "focal_gamma": 2.0}, {"label_smoothing": 0.2},
    {"consistency": 0.5}, {"class_weight": "balanced", "loss": "focal", "label_smoothing": 0.1, "consistency": 1.0},
]  # fmt: skip


def gradient_of_the_head(step: int = 0, rows: Any = None, **values: Any) -> torch.Tensor:
    """That of one batch, and no other."""
    rows = rows or bag.rows(12, seed=3, uneven=True)
    training = bag.training(Path("unused"), bag.network(Plain, dropout=0.3), rows, **{"mixup": 0.6} | values)
    training.network.train()
    training.updates._gradients(np.arange(len(rows.ids)), step)
    gradient: torch.Tensor = training.network.head.weight.grad
    return gradient


def test_a_batch_has_the_gradient_of_mixed_vectors_and_mixed_targets() -> None:
    """Written down as in the papers: vectors are mixed before the head, and one-hot targets likewise."""
    rows, network = bag.rows(12, seed=3, uneven=True), bag.network(Plain)
    training = bag.training(Path("unused"), network, rows, mixup=0.6, label_smoothing=0.0)
    training.updates._gradients(np.arange(12), 5)
    ours = copied({name: tensor.grad for name, tensor in network.named_parameters() if tensor.grad is not None})
    torch.manual_seed(update.step_seed(bag.COMPUTE.seed, 5, 0))
    mix = mixing.draw(0.6, 12, "cpu")
    assert mix is not None and 0.02 < mix.share < 0.98 and not torch.equal(mix.partners, torch.arange(12))
    network.zero_grad()
    ids, mask = encoders.pad(rows.ids, 0)
    assert mask is not None
    vectors = (network.words(ids) * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
    targets = functional.one_hot(torch.from_numpy(rows.labels), 3).float()
    mixed = [mix.share * side + (1 - mix.share) * side[mix.partners] for side in (vectors, targets)]
    functional.cross_entropy(network.head(mixed[0]), mixed[1]).backward()
    for name, parameter in network.named_parameters():
        if name in ours:
            torch.testing.assert_close(ours[name], parameter.grad, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("values", COMBINATIONS, ids=str)
def test_mixup_works_with_every_loss(values: dict[str, Any]) -> None:
    mixed, plain = gradient_of_the_head(**values), gradient_of_the_head(mixup=0.0, **values)
    assert torch.isfinite(mixed).all()
    assert not torch.allclose(mixed, plain)
    assert torch.equal(gradient_of_the_head(**values), mixed)


def test_mixing_a_row_with_itself_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the loss: so class weights, focal loss and both passes are counted once, not twice."""
    for values in COMBINATIONS:
        rows = bag.rows(12, seed=3, uneven=True)
        plain = gradient_of_the_head(rows=rows, mixup=0.0, **values)
        with monkeypatch.context() as patch:
            patch.setattr(mixing, "draw", lambda alpha, count, device: mixing.Mix(0.3, torch.arange(count)))
            torch.testing.assert_close(gradient_of_the_head(rows=rows, **values), plain, rtol=1e-4, atol=1e-7)


def test_each_step_draws_another_mix() -> None:
    assert not torch.allclose(gradient_of_the_head(step=0), gradient_of_the_head(step=1))


def test_a_higher_alpha_mixes_more_evenly() -> None:
    torch.manual_seed(0)

    def evenness(alpha: float) -> float:
        shares = [mix.share for mix in (mixing.draw(alpha, 2, "cpu") for _ in range(300)) if mix is not None]
        return float(np.mean([min(share, 1 - share) for share in shares]))

    assert evenness(0.1) + 0.1 < evenness(1.0) < evenness(8.0) - 0.1


def test_no_mix_draws_nothing() -> None:
    torch.manual_seed(0)
    assert mixing.draw(0.0, 4, "cpu") is None
    after = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(torch.rand(1), after), "dropout would draw other values than without the switch"


def test_a_batch_of_a_single_row_trains(tmp_path: Path) -> None:
    state = bag.train(tmp_path, bag.network(Plain), batch_rows=1, mixup=0.5, epochs=1)
    assert np.isfinite(state.curve[-1]["train_loss"])
