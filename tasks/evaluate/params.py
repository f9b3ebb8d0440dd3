"""The block `evaluate` of `params.yaml`."""

from pydantic import Field, field_validator

from tasks.block import Block


class EvaluateParams(Block):
    """How candidates are measured. None of these changes what a candidate predicts beyond the last digits."""

    batch_rows: int = Field(default=1024, ge=1, le=1_000_000)
    """Rows that are predicted in one call, also when throughput is timed. More take more memory."""
    latency_rows: int = Field(default=50, ge=1, le=100_000)
    """Rows that are predicted one by one to time latency. More give steadier figures and take longer."""
    latency_batches: int = Field(default=20, ge=1, le=100_000)
    """Batches that are timed too. More give steadier figures and take longer."""
    latency_batch_rows: int = Field(default=32, ge=1, le=1_000_000)
    """Rows of such a batch: as many as the service that will use the model gets at once."""
    slices: list[str] = Field(default_factory=list)
    """Columns of `ingest.columns.keep` by whose values the rows are divided, besides length, language, source and
    month."""
    slice_rows: int = Field(default=30, ge=1, le=1_000_000)
    """Rows of a slice below which it is marked as one of few rows, and stands behind the others. More are surer."""
    level: float = Field(default=0.95, gt=0, lt=1)
    """Confidence of the intervals of slices and in `plots/calibration/`; higher makes them wider."""
    robustness_rows: int = Field(default=200, ge=0, le=1_000_000)
    """Validation rows, drawn by the seed, whose texts are altered to see whether the answer stays; 0 for none. More
    give steadier figures and take longer: each is predicted once for each way."""
    checks: list[str] = Field(default_factory=list)
    """CSV files, or globs, of checks: texts with the answer that is wanted (see tasks/evaluate/checks.py)."""

    @field_validator("slices")
    @classmethod
    def _each_once(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise ValueError("names of columns, each once")
        return names

    @field_validator("checks")
    @classmethod
    def _local_tables(cls, patterns: list[str]) -> list[str]:
        if any("://" in one or not one.endswith(".csv") for one in patterns):
            raise ValueError("files or globs of files on this machine that end in .csv")
        return patterns
