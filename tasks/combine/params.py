"""The parameters of one ensemble, by its method."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from tasks.block import Block


class _Ensemble(Block):
    """Candidates that answer as one."""

    members: Annotated[list[str], Field(min_length=2)]
    """Names of candidates, at least two. More are slower and larger, each as much as it is by itself."""
    calibration: Literal["temperature", "none"] = "temperature"
    """`temperature`: one number by which the logarithms of the combined probabilities are divided, fitted to the
    ensemble's own out-of-fold predictions and kept if it helps; shares of votes stay as they are. `none`: nothing."""

    @field_validator("members")
    @classmethod
    def _different(cls, members: list[str]) -> list[str]:
        if len(set(members)) < len(members):
            raise ValueError("candidates that differ")
        return members


class MixtureParams(_Ensemble):
    """Candidates whose votes or probabilities are averaged."""

    method: Literal["vote", "mean", "weighted"]
    """How their answers are combined. `vote`: each has one vote, and the mean probability decides a tie; `mean`: of
    their probabilities; `weighted`: the same with a weight for each, found on their out-of-fold predictions."""


class StackParams(_Ensemble):
    """Candidates with a logistic regression on the logarithms of their out-of-fold probabilities."""

    method: Literal["stack"]
    """That the regression combines their answers."""
    C: float = Field(default=0.1, gt=0)
    """Inverse strength of the regression's L2 regularisation; more fits the out-of-fold predictions closer."""


EnsembleParams = MixtureParams | StackParams

METHODS: dict[str, type[EnsembleParams]] = {
    "vote": MixtureParams,
    "mean": MixtureParams,
    "weighted": MixtureParams,
    "stack": StackParams,
}
"""The models of parameters, by the word in `method`."""

FITTED = ("weighted", "stack")
"""The methods that are fitted to out-of-fold predictions, which all members must have then."""
