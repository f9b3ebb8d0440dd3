"""The block `select` of `params.yaml`."""

from typing import Literal, Self

from pydantic import Field, model_validator

from tasks.block import Block

Metric = Literal["macro_f1", "accuracy", "weighted_f1", "balanced_accuracy", "mcc", "log_loss"]
Cost = Literal["size_mb", "latency_ms_p50", "latency_ms_p95", "fit_seconds"]
Rows = Literal["validation", "out_of_fold"]
"""Rows that candidates can be compared on: those of the validation split, or the train rows, each as predicted by a
model that was not shown it."""
Family = Literal[
    "naive_bayes",
    "nb_svm",
    "linear_svm",
    "rbf_svm",
    "logistic_regression",
    "random_forest",
    "gradient_boosting",
    "linear_discriminant",
    "nearest_neighbours",
    "text_cnn",
    "rnn",
    "lstm",
    "gru",
    "average",
    "transformer",
    "ensemble",
]
"""The word in `model` of a candidate or student; `ensemble` for all ensembles. A quantized model has the word of what
it is made of."""


class Limits(Block):
    """What a candidate must keep to be chosen; null for no limit.

    Latency and time to fit are measured, and peak memory is too: a candidate near such a limit may be on its other
    side when it is measured again. Size and family are the same in every run.
    """

    size_mb: float | None = Field(default=None, gt=0)
    """Most megabytes of the model's folder on disk."""
    latency_ms_p50: float | None = Field(default=None, gt=0)
    """Most milliseconds that one row takes, in the median. Noisy: leave room."""
    latency_ms_p95: float | None = Field(default=None, gt=0)
    """Most milliseconds that one row takes, in 95 of 100 cases. Noisier than the median."""
    fit_seconds: float | None = Field(default=None, gt=0)
    """Most seconds of training; of an ensemble, those of its members too. Noisy: leave room."""
    peak_memory_mb: float | None = Field(default=None, gt=0)
    """Most mebibytes of resident memory, at its peak, of the process that trained it, Python and its libraries with it
    (not of one that only predicts); of an ensemble, the largest of its members'."""
    families: list[Family] | None = Field(default=None, min_length=1)
    """The models allowed, by the word in `model`. An ensemble needs `ensemble` here, and the models of all members."""


class AbstainParams(Block):
    """How often the answers that the winner gives are to be right; it abstains from the others."""

    precision: float = Field(ge=0.5, lt=1.0)
    """Share of the answered rows that are right. A higher one makes it abstain more often."""
    by: Literal["all", "class"] = "all"
    """`all`: one threshold for all answers; `class`: one for each predicted class, which is to reach the precision by
    itself. Classes that too few rows are taken for have that of all."""
    confidence: float = Field(default=0.95, ge=0.5, lt=1.0)
    """That the precision is reached, for other texts like these. A higher one makes it abstain more often, and takes
    more rows: at least log(1 - confidence) / log(precision), 59 of them for 0.95 and 0.95."""


class ThresholdParams(Block):
    """What is wanted of one of two classes; the winner answers with it from a probability on that reaches this.

    One of `metric`, `precision` and `recall` must be given.
    """

    label: str
    """The class that is looked for; there must be one other."""
    metric: Literal["f1", "balanced_accuracy", "mcc"] | None = None
    """What is to be as high as it can be: the F1 of the class, the balanced accuracy, or Matthews's coefficient."""
    precision: float | None = Field(default=None, ge=0.5, lt=1.0)
    """Share of the rows answered with the class that are of it, at least; among such thresholds the one that finds most
    of them. A higher one finds fewer rows."""
    recall: float | None = Field(default=None, ge=0.5, lt=1.0)
    """Share of the rows of the class that are found, at least; among such thresholds the one that is wrong least often.
    A higher one takes more other rows for it."""
    confidence: float = Field(default=0.95, ge=0.5, lt=1.0)
    """That the precision or the recall is reached, for other texts like these. A higher one takes more rows."""

    @property
    def aim(self) -> tuple[str, float | None]:
        """The measure that this is about, and the least that it must be; None if it is to be as high as it can be."""
        if self.metric is not None:
            return self.metric, None
        return ("recall", self.recall) if self.precision is None else ("precision", self.precision)

    @model_validator(mode="after")
    def _one_aim(self) -> Self:
        given = [name for name in ("metric", "precision", "recall") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"one of metric, precision and recall, not {' and '.join(given) or 'none'}")
        if self.metric is not None and "confidence" in self.model_fields_set:
            raise ValueError("confidence with precision or recall alone, as a metric is only made as high as it can be")
        return self


class SelectParams(Block):
    """How the best candidate is chosen."""

    metric: Metric = "macro_f1"
    """What is compared. `log_loss` is better downwards, all others upwards."""
    rows: Literal["auto"] | Rows = "auto"
    """What it is compared on. `validation`: the validation rows; `out_of_fold`: the train rows, each as predicted by a
    model that was not shown it, which every candidate must have (`cross_validation`); `auto`: out of fold where every
    candidate has it, as these are many more rows and make narrower intervals, and none was searched for parameters,
    which uses the labels of all train rows, or reads an adapted encoder, which has read their texts, or has a warm
    start, which folds go without; else validation. Quantized models compete on validation rows alone."""
    limits: Limits = Field(default_factory=Limits)
    """What a candidate must keep to be chosen at all."""
    level: float = Field(default=0.95, ge=0.5, lt=1.0)
    """Confidence level of all intervals and tests. A higher one makes more candidates count as tied with the best."""
    draws: int = Field(default=1000, ge=100, le=100_000)
    """Samples of the bootstrap. More give steadier ends of the intervals and take longer. Where more are needed, so
    that the smallest p-value can pass the correction, more are drawn for the choice."""
    test: Literal["auto", "bootstrap", "mcnemar"] = "auto"
    """The paired test of each candidate against the best. `bootstrap`: by samples of the rows, for any metric;
    `mcnemar`: exact, for accuracy alone; `auto`: `mcnemar` for accuracy, else `bootstrap`."""
    correction: Literal["holm", "none"] = "holm"
    """Of p-values, for how many candidates are compared with the best: Holm's, or none. `none` makes fewer ties, and
    more of those found worse are worse by chance alone."""
    cost: Cost = "size_mb"
    """What decides among candidates that are tied with the best; lower is better. `size_mb` is the same in every run,
    the others are measured: a tie between candidates of like speed may then be decided otherwise next time."""
    cost_tolerance: float = Field(default=1.25, ge=1.0, le=100.0)
    """Costs up to this factor above the lowest count as equal, and among equals the better metric wins.
    Take 2 or more with a measured cost, so that noise does not decide."""
    review_rows: int | None = Field(default=None, ge=1)
    """Most rows of each file in `reports/review/`, the worst of them; null for all. Fewer make smaller files."""

    onnx: bool = True
    """Whether a winner that is a fine-tuned encoder is also written to `models/selected/onnx/`, as ONNX with weights of
    32 bits. That doubles the size of `models/selected/`."""

    abstain: AbstainParams | None = None
    """When the winner abstains from an answer; null for never."""

    threshold: ThresholdParams | None = None
    """From which probability of one of two classes on the winner answers with it; null: the more probable one is the
    answer. Candidates are compared, and the verdict is given, without it."""

    @model_validator(mode="after")
    def _test_fits_the_metric(self) -> Self:
        if self.test == "mcnemar" and self.metric != "accuracy":
            raise ValueError("test mcnemar only with metric accuracy, as it counts rows that are right or wrong")
        return self

    @model_validator(mode="after")
    def _one_sort_of_threshold(self) -> Self:
        if self.abstain is not None and self.threshold is not None:
            raise ValueError("abstain or threshold, as the one is about all answers and the other about one of two")
        return self
