"""Gradient norms: measured at each step, thinned to points, and judged."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import nn

Points = Sequence[Mapping[str, float]]

_POINTS = 200
_EXPLODED = 100.0  # times what was usual before
_VANISHED = 1e-4  # a norm; while there is something to learn, that of a cross-entropy is of the order of 1
_LOST = 1e-5  # of the head's norm
_LEARNT = 0.05  # nats a row, below which small gradients only say that there is nothing left to learn
_FALLEN = 0.9  # of the first epoch's train loss


@dataclass
class Window:
    """Some steps after one another, of which one point is kept.

    Attributes:
        steps: how many there were so far.
        norm_sum: the sum of their norms.
        norm_max: the largest.
        clipped: how many of them were clipped.
    """

    steps: int = 0
    norm_sum: float = 0.0
    norm_max: float = 0.0
    clipped: int = 0

    def add(self, norm: float, clipped: bool) -> None:
        """Counts one step."""
        self.steps += 1
        self.norm_sum += norm
        self.norm_max = max(self.norm_max, norm)
        self.clipped += clipped


@dataclass(frozen=True)
class Point:
    """One point of the course of the gradients, for the steps since the last one.

    Attributes:
        epoch: passes over the train rows so far, a fraction within an epoch.
        step: updates of the weights so far.
        steps: how many the point stands for.
        norm_mean: mean over them of the norm of all gradients together, before clipping.
        norm_max: the largest of these norms.
        clipped: share of them that were clipped, 0 to 1.
        norm_lowest: norm of the gradient of the network's lowest trained matrix, after clipping, at the last step.
        norm_head: the same of the head's matrix.
    """

    epoch: float
    step: int
    steps: int
    norm_mean: float
    norm_max: float
    clipped: float
    norm_lowest: float
    norm_head: float


def point(window: Window, network: nn.Module, epoch: float, step: int) -> dict[str, float]:
    """The point that is kept of a window, made while the gradients of its last step are still there."""
    lowest, head = _ends(network)
    made = Point(
        epoch=epoch,
        step=step,
        steps=window.steps,
        norm_mean=window.norm_sum / window.steps,
        norm_max=window.norm_max,
        clipped=window.clipped / window.steps,
        norm_lowest=lowest,
        norm_head=head,
    )
    return asdict(made)


def window_steps(steps_per_epoch: int, epochs: int) -> int:
    """Steps a window, so that all epochs have about 200 points together; an epoch's last window may be shorter.

    However many epochs there are, each has one point at least.
    """
    return math.ceil(steps_per_epoch / max(1, _POINTS // epochs))


def clip(
    parameters: Sequence[nn.Parameter], largest_norm: float | None, largest_value: float | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scales all gradients down to the largest norm, then cuts each to the largest size; None for no limit.

    Returns:
        The norm of all gradients together before both, and whether anything was clipped (1.0 or 0.0); both stay on
        their device, so that nothing waits for them.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    clipped = torch.zeros_like(norm)
    if largest_norm is not None:
        torch.nn.utils.clip_grads_with_norm_(parameters, largest_norm, norm)
        clipped = torch.maximum(clipped, (norm > largest_norm).to(norm))
    if largest_value is not None:
        largest = torch.nn.utils.get_total_norm(gradients, math.inf)
        torch.nn.utils.clip_grad_value_(parameters, largest_value)
        clipped = torch.maximum(clipped, (largest > largest_value).to(norm))
    return norm, clipped


def summary(points: Points, epoch: int) -> str:
    """One line on the gradients of one epoch, counted from 1."""
    points = [point for point in points if epoch - 1 < point["epoch"] <= epoch]
    steps = sum(point["steps"] for point in points)
    norm = sum(point["norm_mean"] * point["steps"] for point in points) / steps
    clipped = sum(point["clipped"] * point["steps"] for point in points) / steps
    largest = max(point["norm_max"] for point in points)
    return f"gradient norm {norm:.3g}, at most {largest:.3g}, {clipped:.0%} of {steps:,.0f} steps clipped"


def warnings(points: Points, curve: Points) -> list[str]:
    """Sentences on gradients that exploded or vanished; none where both are all right.

    - Exploded: the largest norm of a window is over 100 times what was usual, which is the median of the mean norms of
      the windows before it, or the mean norm of the first window where that is larger. (Norms shrink by themselves as
      a network has learnt its rows, and one hard row then stands out without harm.)
    - Vanished: the median of the mean norms is below 1e-4, though the train loss of the last epoch is over 0.05 nats
      and over 0.9 of the first epoch's.
    - Vanished on the way down: over all windows, the median of the ratio of the lowest matrix's norm to the head's is
      below 1e-5.

    Args:
        points: as `point` makes them.
        curve: the learning curve, one point an epoch.
    """
    found = []
    means = [point["norm_mean"] for point in points]
    for number, point in enumerate(points[1:], start=1):
        usual = max(means[0], statistics.median(means[:number]))
        if point["norm_max"] > _EXPLODED * usual:
            found.append(
                f"Gradients exploded: their norm rose to {point['norm_max']:.3g} by step {point['step']:,.0f}, from "
                f"{usual:.3g} before. Set clip_norm, or lower learning_rate."
            )
            break
    typical = statistics.median(means) if means else math.inf
    first, last = (curve[0]["train_loss"], curve[-1]["train_loss"]) if curve else (0.0, 0.0)
    if typical < _VANISHED and last > max(_LEARNT, _FALLEN * first):
        found.append(
            f"Gradients vanished: the median of their norm is {typical:.3g}, and the train loss did not fall (first "
            f"epoch {first:.3f}, last {last:.3f}). Try a higher learning_rate, normalisation, or another activation."
        )
    ratios = [point["norm_lowest"] / point["norm_head"] for point in points if point["norm_head"] > 0]
    if ratios and statistics.median(ratios) < _LOST:
        found.append(
            f"Gradients vanish on the way down: those of the lowest weights are {statistics.median(ratios):.3g} of the "
            "head's. Try normalisation, fewer layers, or another activation."
        )
    return found


def _ends(network: nn.Module) -> tuple[float, float]:
    """The gradient norms of the lowest trained matrix and of the head's."""
    lowest = next(tensor for tensor in network.parameters() if tensor.requires_grad and tensor.ndim > 1)
    head: nn.Parameter = network.head.weight  # type: ignore[union-attr, assignment]
    return _norm(lowest), _norm(head)


def _norm(parameter: nn.Parameter) -> float:
    return 0.0 if parameter.grad is None else float(parameter.grad.norm())
