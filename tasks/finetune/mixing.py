"""Mixup: training on mixtures of two rows, so that a network behaves evenly between them."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Mix:
    """How the rows of one part of a batch are mixed.

    Attributes:
        share: of each row in its mixture, 0 to 1; its partner has the rest.
        partners: the number of each row's partner, int64 [rows]; each row is the partner of one.
    """

    share: float
    partners: torch.Tensor

    @property
    def sides(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The numbers of the rows themselves and of their partners."""
        return torch.arange(len(self.partners), device=self.partners.device), self.partners

    def logits(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits [rows, classes] of the mixtures, from those of the rows.

        Vectors are mixed before the head (manifold mixup, Verma et al. 2019, section 2, at the last hidden layer). As
        the head is linear, and the shares sum to 1, mixing what it gives is the same, for every network alike.
        """
        return self.of(logits, logits[self.partners])

    def of(self, own: torch.Tensor, partners: torch.Tensor) -> torch.Tensor:
        """The sum of what is each row's own and what is its partner's, by their shares."""
        return self.share * own + (1.0 - self.share) * partners


def draw(alpha: float, rows: int, device: str) -> Mix | None:
    """Draws a mix from PyTorch's generator (Zhang et al. 2018, "mixup", section 2 and figure 1: one share a batch).

    Where a batch is computed in parts, each has a share of its own and its rows are paired among themselves, as the
    vectors of two parts are never there at once.

    Args:
        alpha: of the Beta distribution that the share is drawn from; higher mixes more evenly; 0 for no mix.
        rows: of the part of a batch.

    Returns:
        The mix, None where there is none; nothing is drawn then.
    """
    if not alpha:
        return None
    share = torch.distributions.Beta(alpha, alpha).sample().item()
    return Mix(share, torch.randperm(rows).to(device))
