"""The block `select` of `params.yaml`."""

from typing import Literal

from pydantic import Field

from tasks.block import Block

Metric = Literal["macro_f1", "accuracy", "weighted_f1", "balanced_accuracy", "mcc", "log_loss"]
Cost = Literal["size_mb", "latency_ms_p50", "latency_ms_p95", "fit_seconds"]
Rows = Literal["validation", "out_of_fold"]
"""Rows that candidates can be compared on: those of the validation split, or the train rows, each as predicted by a
model that was not shown it."""


class SelectParams(Block):
    """How the best candidate is chosen."""

    metric: Metric = "macro_f1"
    """What is compared. `log_loss` is better downwards, all others upwards."""
    rows: Literal["auto"] | Rows = "auto"
    """What it is compared on. `validation`: the validation rows; `out_of_fold`: the train rows, each as predicted by a
    model that was not shown it, which every candidate must have (`cross_validation`); `auto`: out of fold where every
    candidate has it, as these are many more rows and make narrower intervals, and none was searched for parameters,
    which uses the labels of all train rows, or reads an adapted encoder, which has read their texts; else
    validation."""
    level: float = Field(default=0.95, ge=0.5, lt=1.0)
    """Confidence level of all intervals. A higher one makes more candidates count as tied with the best."""
    draws: int = Field(default=1000, ge=100, le=100_000)
    """Samples of the bootstrap. More give steadier ends of the intervals and take longer."""
    cost: Cost = "size_mb"
    """What decides among candidates that are tied with the best; lower is better. `size_mb` is the same in every run,
    the others are measured: a tie between candidates of like speed may then be decided otherwise next time."""
    cost_tolerance: float = Field(default=1.25, ge=1.0, le=100.0)
    """Costs up to this factor above the lowest count as equal, and among equals the better metric wins.
    Take 2 or more with a measured cost, so that noise does not decide."""
