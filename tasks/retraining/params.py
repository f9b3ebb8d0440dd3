"""The block `retrain` of `params.yaml`. No stage reads it: to change it makes nothing due."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from tasks import block
from tasks.block import PARAMS, Block
from tasks.retraining.drift_params import DriftParams

Policy = Literal["auto", "approve", "never"]


class RetrainParams(Block):
    """When `regraft retrain` makes models anew, and what it does with one that is better."""

    policy: Policy = "approve"
    """What is done when the verdict is PROMOTE. `auto`: the model is put into service at once; `approve`: a person is
    asked; `never`: it is only recorded."""
    approve_hours: float = Field(default=24.0, gt=0, le=8760)
    """Hours to wait for the person's answer; without one the decision is HOLD. While it waits no other scheduled run
    begins, so that more may put these off."""
    new_rows: int = Field(default=100, ge=1)
    """Labelled rows that the last decision did not know, from which on it retrains. More retrain less often."""
    new_labels: int | None = Field(default=5, ge=1)
    """Such rows of a label that the champion does not know, from which on it retrains, however few rows are new in
    all; null: never for that. More retrain less often."""
    max_age_days: float | None = Field(default=None, gt=0)
    """Days since the champion was first put into service, from which on any new row is enough; null: no limit. More
    retrain less often."""
    recipe: bool = True
    """Whether changed parameters, code or libraries of stages are a reason, and models that `regraft run` made since
    the last decision."""
    drift: DriftParams | None = Field(default_factory=DriftParams)
    """How new rows are compared with those that the champion was made of; null: they are not."""
    pull: bool = True
    """Whether what is missing here is fetched first, where DVC has a remote."""
    commit: bool = False
    """Whether `dvc.lock` is committed after a run that changed it. A promotion commits it anyhow: a version is a
    commit."""
    push: bool = False
    """Whether what was made is sent to DVC's remote afterwards. Git's commits and tags are never pushed."""
    notify: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*$")
    """The Prefect block that is told of each decision but SKIP, such as slack-webhook/team; null: none."""


def read(root: Path) -> RetrainParams:
    """The block of the workspace's `params.yaml`, or its defaults where there is none.

    Raises:
        BadInput: if the file cannot be read.
        ParamsError: if the block is wrong.
    """
    return block.parse(RetrainParams, block.load(root / PARAMS).get("retrain", {}), "retrain")
