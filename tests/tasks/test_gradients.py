"""Gradient norms: how they are clipped, thinned and judged."""

import math

import pytest
import torch
from torch import nn

from tasks.finetune import gradients


def parameters(*values: list[float]) -> list[nn.Parameter]:
    made = []
    for row in values:
        parameter = nn.Parameter(torch.zeros(len(row)))
        parameter.grad = torch.tensor(row)
        made.append(parameter)
    return made


def grads(of: list[nn.Parameter]) -> list[list[float]]:
    return [parameter.grad.tolist() for parameter in of if parameter.grad is not None]


@pytest.mark.parametrize(
    ("largest_norm", "largest_value", "expected", "clipped"),
    [
        (None, None, [[3.0], [4.0]], 0.0),
        (10.0, None, [[3.0], [4.0]], 0.0),
        (1.0, None, [[0.6], [0.8]], 1.0),
        (None, 3.5, [[3.0], [3.5]], 1.0),
        (None, 5.0, [[3.0], [4.0]], 0.0),
        (1.0, 0.7, [[0.6], [0.7]], 1.0),  # by norm first, then by value
    ],
)
def test_clipping(
    largest_norm: float | None, largest_value: float | None, expected: list[list[float]], clipped: float
) -> None:
    own = parameters([3.0], [4.0])
    norm, was_clipped = gradients.clip(own, largest_norm, largest_value)
    assert float(norm) == pytest.approx(5.0), "the norm is that before clipping"
    assert float(was_clipped) == clipped
    for row, wanted in zip(grads(own), expected, strict=True):
        assert row == pytest.approx(wanted, rel=1e-5)


def test_a_parameter_without_gradient_is_left_alone() -> None:
    own = [*parameters([3.0, 4.0]), nn.Parameter(torch.zeros(2))]
    assert float(gradients.clip(own, 1.0, 1.0)[0]) == pytest.approx(5.0)
    assert own[1].grad is None


@pytest.mark.parametrize(("steps", "epochs"), [(1, 1), (3, 4), (281, 4), (1000, 3), (7, 150), (100_000, 1)])
def test_points_are_about_two_hundred_however_long_training_is(steps: int, epochs: int) -> None:
    points = epochs * math.ceil(steps / gradients.window_steps(steps, epochs))
    assert min(steps * epochs, 100) <= points <= 200


def course(means: list[float], *, largest: list[float] | None = None, lowest: float = 0.1) -> list[dict[str, float]]:
    return [
        {"epoch": number + 1.0, "step": 10.0 * (number + 1), "steps": 10.0, "norm_mean": mean, "norm_max": top,
         "clipped": 0.5, "norm_lowest": lowest * mean, "norm_head": mean}
        for number, (mean, top) in enumerate(zip(means, largest or [2 * mean for mean in means], strict=True))
    ]  # fmt: skip


def curve(*train_losses: float) -> list[dict[str, float]]:
    return [{"train_loss": loss} for loss in train_losses]


def test_an_ordinary_course_gives_no_warning() -> None:
    assert gradients.warnings(course([0.5, 2.0, 3.0, 1.0, 0.4]), curve(1.0, 0.5, 0.4, 0.3, 0.2)) == []
    assert gradients.warnings([], []) == []


def test_exploding_gradients_are_told_with_step_and_what_to_do() -> None:
    points = course([1.0, 2.0, 1.5, 300.0], largest=[2.0, 3.0, 2.0, 900.0])
    (sentence,) = gradients.warnings(points, curve(1.0, 0.9, 0.9, 5.0))
    assert "exploded" in sentence
    assert "900 by step 40, from 1.5 before" in sentence
    assert "clip_norm" in sentence


def test_one_hard_row_after_all_is_learnt_is_no_explosion() -> None:
    points = course([1.0, 0.1, 0.001, 0.001, 0.001], largest=[2.0, 0.5, 0.01, 0.01, 5.0])
    assert gradients.warnings(points, curve(1.0, 0.1, 0.01, 0.01, 0.01)) == []


def test_vanishing_gradients_are_told_only_if_nothing_was_learnt() -> None:
    tiny = course([1e-6, 1e-6, 2e-6])
    (sentence,) = gradients.warnings(tiny, curve(1.1, 1.1, 1.09))
    assert "vanished" in sentence
    assert gradients.warnings(tiny, curve(1.1, 0.3, 0.1)) == [], "the loss fell"
    assert gradients.warnings(tiny, curve(0.01, 0.01, 0.01)) == [], "there was nothing to learn"


def test_gradients_that_do_not_reach_the_lowest_weights_are_told() -> None:
    (sentence,) = gradients.warnings(course([1.0, 1.0, 1.0], lowest=1e-7), curve(1.0, 0.9, 0.8))
    assert "on the way down" in sentence


def test_the_line_of_an_epoch_counts_its_own_points_by_their_steps() -> None:
    points = course([1.0, 3.0, 9.0])
    points[0]["epoch"], points[1]["epoch"], points[1]["steps"] = 0.5, 1.0, 30.0
    assert gradients.summary(points, 1) == "gradient norm 2.5, at most 6, 50% of 40 steps clipped"
