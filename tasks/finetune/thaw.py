"""Gradual unfreezing: which layers are trained at which step."""

from torch import nn

from tasks.finetune.layers import layers_above
from tasks.finetune.params import TrainingParams
from tasks.progress import log


class Thaw:
    """Has the head trained alone at first, and then one more layer at a time from the top.

    After Howard and Ruder 2018, "Universal Language Model Fine-tuning", section 3.3. What is trained depends on the
    number of the step alone, so that a resumed training goes on as it would have. What was frozen for good stays so.

    Args:
        network: with its encoder in `encoder`, where `params` asks for it.
        steps_per_epoch: updates an epoch.
    """

    def __init__(self, network: nn.Module, params: TrainingParams, steps_per_epoch: int) -> None:
        self._above: list[tuple[nn.Parameter, int]] = []
        self._steps, self._stage = 1, -1
        self._tuned = getattr(params, "contrastive", None) is not None  # all layers, before any of this
        # Only what has an encoder has these keys.
        if getattr(params, "unfreeze", "none") == "gradual":
            above = layers_above(network)
            trained = [(name, weight) for name, weight in network.named_parameters() if weight.requires_grad]
            self._above = [(weight, above[name]) for name, weight in trained if name in above]
            self._steps = max(1, round(params.unfreeze_epochs * steps_per_epoch))  # type: ignore[attr-defined]
        self._last = 1 + max((above for _, above in self._above), default=-1)

    def apply(self, step: int) -> None:
        """Has those weights trained that are due at step number `step`, from 0."""
        stage = min(step // self._steps, self._last)
        if stage == self._stage:
            return
        self._set(stage)
        if self._above:
            log(f"gradual unfreezing: from step {step + 1:,} on, {self._what(stage)} trained")

    def end(self, steps: int) -> str | None:
        """Marks as trained what was so by the end, wherever a resumed training began.

        Args:
            steps: that were made.

        Returns:
            What is to be known if some weights never came to be trained, a sentence; None if all did, or should not.
        """
        if not self._above:
            return None
        stage = min(max(0, steps - 1) // self._steps, self._last)
        self._set(self._last if self._tuned else stage)
        if stage == self._last:
            return None
        needed = self._last * self._steps + 1
        return (
            f"unfreezing came no further than that {self._what(stage)} trained: it takes {needed:,} steps until all "
            f"layers are, and there were {steps:,}; lower unfreeze_epochs, or give more epochs"
        )

    def _set(self, stage: int) -> None:
        self._stage = stage
        for weight, above in self._above:
            weight.requires_grad_(above < stage)

    def is_over(self, step: int) -> bool:
        """Whether all is trained at step number `step`."""
        return step // self._steps >= self._last

    def _what(self, stage: int) -> str:
        if stage == self._last:
            return "all layers are"
        return f"the top {'layer is' if stage == 1 else f'{stage} layers are'}" if stage else "the head alone is"
