"""The block `evaluate` of `params.yaml`."""

from pydantic import Field

from tasks.block import Block


class EvaluateParams(Block):
    """How candidates are measured. None of these changes what a candidate predicts beyond the last digits."""

    batch_rows: int = Field(default=1024, ge=1, le=1_000_000)
    """Rows that are predicted in one call, also when throughput is timed. More take more memory."""
    latency_rows: int = Field(default=50, ge=1, le=100_000)
    """Rows that are predicted one by one to time latency. More give steadier figures and take longer."""
