"""Losses of rows, held to formulas that are written down elsewhere."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy
from torch.nn import functional

from tasks.finetune import losses


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(6, 4, generator=torch.Generator().manual_seed(0)) * 2


TARGET = torch.tensor([0, 1, 2, 3, 0, 1])


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("gamma", [None, 0.0])
def test_cross_entropy_is_pytorchs(logits: torch.Tensor, smoothing: float, gamma: float | None) -> None:
    ours = losses.row_losses(logits, TARGET, smoothing=smoothing, focal_gamma=gamma).mean()
    torch.testing.assert_close(ours, functional.cross_entropy(logits, TARGET, label_smoothing=smoothing))


def test_focal_loss_is_the_papers(logits: torch.Tensor) -> None:
    right = softmax(logits.numpy().astype(np.float64), axis=1)[np.arange(6), TARGET]
    expected = (1 - right) ** 2 * -np.log(right)
    ours = losses.row_losses(logits, TARGET, focal_gamma=2.0)
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-5)


def test_focal_loss_counts_a_sure_row_less_with_smoothing_too() -> None:
    sure, unsure = torch.tensor([[6.0, 0.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0]])
    target = torch.tensor([0])
    for smoothing in (0.0, 0.1):
        plain = [losses.row_losses(row, target, smoothing=smoothing) for row in (sure, unsure)]
        focal = [losses.row_losses(row, target, smoothing=smoothing, focal_gamma=2.0) for row in (sure, unsure)]
        assert focal[0] / plain[0] < 0.01 * focal[1] / plain[1]


@pytest.mark.parametrize("gamma", [0.1, 0.5, 2.0])
def test_focal_gradients_are_finite_where_a_row_is_as_sure_as_can_be(gamma: float) -> None:
    """The slope of (1 - p) ** gamma has no limit at p = 1 for gamma below 1."""
    logits = torch.tensor([[200.0, 0.0], [20.0, 0.0], [0.0, 200.0]], requires_grad=True)
    losses.row_losses(logits, torch.tensor([0, 0, 0]), smoothing=0.1, focal_gamma=gamma).sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[0].abs().max() < 1.0


def test_divergence_is_half_of_both_relative_entropies(logits: torch.Tensor) -> None:
    other = logits.flip(0)
    one, two = softmax(logits.numpy(), axis=1), softmax(other.numpy(), axis=1)
    expected = 0.5 * (entropy(one, two, axis=1) + entropy(two, one, axis=1))
    np.testing.assert_allclose(losses.divergences(logits, other).numpy(), expected, rtol=1e-4)
    assert losses.divergences(logits, logits).abs().max() == 0.0


def test_l1_gradient_is_that_of_the_sum_of_absolute_weights() -> None:
    head = torch.nn.Linear(3, 2)
    (head(torch.ones(1, 3)).sum() + 0.7 * head.weight.abs().sum()).backward()
    assert head.weight.grad is not None
    expected = head.weight.grad.clone()
    head.zero_grad()
    head(torch.ones(1, 3)).sum().backward()
    losses.add_l1(head, 0.7)
    torch.testing.assert_close(head.weight.grad, expected)
