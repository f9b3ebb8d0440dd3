"""What the parameters of all candidates have in common, and the search for better ones."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from tasks.block import Block
from tasks.finetune.transfer import TRIAL

Weight = Annotated[float, Field(gt=0)]
ClassWeight = Literal["none", "balanced", "sampled"] | dict[str, Weight]
Score = Literal["macro_f1", "accuracy", "log_loss"]


class Range(Block):
    """Values of a search between two ends; whole numbers alone if both ends are (write 1.0 for others)."""

    low: int | float
    """The smallest value."""
    high: int | float
    """The largest value."""
    log: bool = False
    """Whether to draw from the logarithm, as suits a value that may differ by powers of ten."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError("a low that is less than high")
        if self.log and self.low <= 0:
            raise ValueError("a low above 0 where log is true")
        return self

    @property
    def edges(self) -> list[int | float]:
        """The ends and the value next to the smallest: 0 may stand for none of a thing of which a little cannot be."""
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        return [self.low, self.high, self.low + 1 if whole else math.nextafter(self.low, self.high)]


class Search(Block):
    """A search for better parameters of one candidate, by cross-validation on the train rows."""

    trials: int = Field(default=20, ge=1, le=10_000)
    """Sets of parameters that are tried; the first is the candidate as it is declared."""
    folds: int = Field(default=3, ge=2, le=20)
    """Folds of the train rows; each trial trains as many models."""
    metric: Score = "macro_f1"
    """Of the out-of-fold predictions; what the trials compete by."""
    space: dict[str, Annotated[list[Any], Field(min_length=1)] | Range] = Field(min_length=1)
    """From a key of the candidate to the values to try: a list, or {low, high, log}."""


# A lucky seed is no better candidate, a bag of anything is better than the one, calibrated is what was found, a
# learning curve changes no model, and trials go without a warm start.
_NOT_SEARCHED = ("features", "model", "search", "seed", "bag", "calibration", "learning_curve", "warm_start")


class Candidate(Block):
    """What all candidates have in common."""

    features: str
    """One of `features`."""
    class_weight: ClassWeight = "none"
    """What is done about classes of unlike size. `balanced`: each row counts by the inverse of its class's share;
    `sampled`: rows of small classes are drawn more often; {label: weight}: as declared, 1 for the others. In a network,
    weights count within a batch, so that with batches of a single row they have no effect."""
    search: Search | None = None
    """A search for better parameters; null for none."""
    seed: int | None = Field(default=None, ge=0, lt=2**32)
    """Of everything random in this candidate's training, the proposals of its search included; null takes the
    workspace's. Folds follow the workspace's seed in any case, so that candidates can be compared row by row."""

    calibration: Literal["temperature", "none"] = "temperature"
    """`temperature`: one number by which the logits of the trained model are divided, fitted to rows that it was not
    shown, and kept if that helps (Guo et al. 2017, section 4.2); `none`: probabilities as training leaves them. Forests
    and nearest neighbours, which have no logits, stay as they are."""

    @model_validator(mode="after")
    def _space_fits(self) -> Self:
        for key, values in (self.search.space if self.search else {}).items():
            if key not in type(self).model_fields or key in _NOT_SEARCHED:
                raise ValueError(f"a search over keys of {type(self).__name__.removesuffix('Params')}, not {key}")
            for value in values.edges if isinstance(values, Range) else values:
                self._with(key, value)
        return self

    def _with(self, key: str, value: object) -> None:
        try:
            self.replaced({key: value})
        except ValidationError as error:
            raise ValueError(
                f"a search over values that {key} can have, not {value!r}: {error.errors()[0]['msg']}"
            ) from None

    def replaced(self, values: dict[str, Any]) -> Self:
        """The same candidate with other values, and without its search.

        Raises:
            ValidationError: if a value is not possible.
        """
        return type(self).model_validate({**self.model_dump(), **values, "search": None}, context=TRIAL)
