"""What training minimises, for each row by itself, so that rows can be weighted and a batch computed in parts."""

import torch
from torch import nn
from torch.nn import functional

_FLOOR = 1e-7  # of a teacher's probabilities: 0, as an unknown class has, has no logarithm
_SURE = 1e-6  # a probability this close to 1 counts as this close: below it, float32 holds nothing but rounding


def row_losses(
    logits: torch.Tensor, target: torch.Tensor, *, smoothing: float = 0.0, focal_gamma: float | None = None
) -> torch.Tensor:
    """Cross-entropy or focal loss of each row, in nats, lower being better.

    Label smoothing (Szegedy et al. 2016, section 7) gives each of K classes the share smoothing / K of the target.
    The focal loss (Lin et al. 2017, equation 4, without its alpha, which class weights stand for) multiplies a row's
    cross-entropy, smoothed or not, by (1 - p) ** focal_gamma, p being the probability of the row's class: a row that is
    surely right counts less, smoothing included.

    Args:
        logits: float32 [rows, classes].
        target: class numbers [rows].
        focal_gamma: None for cross-entropy, as is 0.

    Returns:
        float32 [rows].
    """
    losses = functional.cross_entropy(logits, target, reduction="none", label_smoothing=smoothing)
    if not focal_gamma:
        return losses
    plain = functional.cross_entropy(logits, target, reduction="none") if smoothing else losses
    missing = -torch.expm1(-plain)  # 1 - p, without the rounding of that difference
    return missing.clamp_min(_SURE) ** focal_gamma * losses


def divergences(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """How far two predictions of the same rows are apart: half of KL(first, second) + KL(second, first), in nats.

    The second term of R-Drop's loss (Liang et al. 2021, equation 2), for two logits [rows, classes] of passes with
    unlike dropout.

    Returns:
        float32 [rows], 0 where both are equal.
    """
    one, other = functional.log_softmax(first, dim=1), functional.log_softmax(second, dim=1)
    # KL(p, q) + KL(q, p) is the sum of (p - q) (log p - log q).
    return 0.5 * ((one.exp() - other.exp()) * (one - other)).sum(dim=1)


def distances_to_teacher(logits: torch.Tensor, probabilities: torch.Tensor, temperature: float) -> torch.Tensor:
    """How far a student's predictions are from its teacher's: T² KL(teacher, student), both softened by T, in nats.

    Hinton et al. 2015, section 2: the square makes up for gradients that shrink by it, so that the weight beside the
    true label's loss means the same at each temperature. Softened probabilities are taken from the teacher's own: the
    softmax of log(p) / T is that of its logits divided by T, whatever family it is of.

    Args:
        logits: of the student, float32 [rows, classes].
        probabilities: of the teacher, at temperature 1, float32 [rows, classes].
        temperature: T; higher is softer.

    Returns:
        float32 [rows], 0 where both are equal.
    """
    teacher = functional.log_softmax(probabilities.clamp_min(_FLOOR).log() / temperature, dim=1)
    student = functional.log_softmax(logits / temperature, dim=1)
    return temperature**2 * (teacher.exp() * (teacher - student)).sum(dim=1)


def add_l1(head: nn.Linear, strength: float) -> None:
    """Adds to the gradient of the head's weights that of `strength` times the sum of their absolute values."""
    if strength and head.weight.grad is not None:
        head.weight.grad.add_(head.weight.detach().sign(), alpha=strength)
