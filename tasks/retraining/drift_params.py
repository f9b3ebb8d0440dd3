"""A placeholder: the block `retrain.drift` of `params.yaml`."""

from pydantic import Field

from tasks.block import Block


class DriftParams(Block):
    """When new rows count as drifted."""

    alpha: float = Field(default=0.01, gt=0, lt=1)
    """P-value (corrected by Holm) below which a test counts. A lower one finds drift less often."""
