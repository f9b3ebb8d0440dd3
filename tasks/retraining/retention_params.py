"""The block `retention` of `params.yaml`."""

from pydantic import Field

from tasks.block import Block


class RetentionParams(Block):
    """What `regraft gc` keeps beside what is in use. Models that were ever in service are kept for ever."""

    runs: int = Field(default=10, ge=1)
    """The last runs of which all files are kept. More take more space, and go further back without computing."""
    best: int = Field(default=5, ge=0)
    """The best candidates of earlier runs of which the model and its predictions are kept, by the metric of the last
    choice. More take more space."""
