"""The block `verdict` of `params.yaml`."""

from pydantic import Field

from tasks.block import Block


class VerdictParams(Block):
    """When a new model takes the place of the champion, on the test rows, by `select.metric`."""

    useful_gain: float = Field(default=0.005, ge=0, lt=1)
    """The least that the new model must be better by for a change to be worth the while. A higher one keeps the
    champion longer."""
    confidence: float = Field(default=0.95, ge=0.5, lt=1)
    """That the gain is no less than that, and that a class's loss of recall is none of chance. A higher one keeps the
    champion longer, and lets a class lose more before that counts."""
    class_rows: int = Field(default=20, ge=1)
    """Test rows that a class must have for its recall to be looked at. Fewer guard smaller classes, of which less can
    be known."""
    negative_flips: float = Field(default=0.05, ge=0, le=1)
    """The largest share of the test rows that the champion has right and the new model wrong. Lower spares people more
    surprises, and keeps the champion longer; 1 for no limit."""
    unseen_rows: int = Field(default=50, ge=1)
    """Test rows that neither model has learned from, at least, where others had to be left out because one of them has
    (after another split, say). With fewer the verdict is HOLD. More make that comparison surer, and rarer."""
