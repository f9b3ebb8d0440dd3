"""Parameters of one candidate, by its model."""

from typing import Literal

from pydantic import Field

from tasks.block import Block
from tasks.encoder import Pooling

ClassWeight = Literal["none", "balanced"]


class NaiveBayesParams(Block):
    """Multinomial naive Bayes."""

    features: str
    """One of `features`, of kind `tfidf`."""
    model: Literal["naive_bayes"]
    alpha: float = Field(default=0.1, gt=0)
    """Additive smoothing; higher is smoother."""


class LinearSvmParams(Block):
    """Linear support vector machine; its scores become probabilities by temperature scaling."""

    features: str
    """One of `features`, of kind `tfidf`."""
    model: Literal["linear_svm"]
    C: float = Field(default=1.0, gt=0)
    """Inverse strength of L2 regularisation; higher fits the train rows closer."""
    class_weight: ClassWeight = "none"
    """`balanced` weighs each class by the inverse of its frequency."""


class LogisticRegressionParams(Block):
    """Multinomial logistic regression."""

    features: str
    """One of `features`, of kind `tfidf` or `encoder`."""
    model: Literal["logistic_regression"]
    C: float = Field(default=1.0, gt=0)
    """Inverse strength of L2 regularisation; higher fits the train rows closer."""
    class_weight: ClassWeight = "none"
    """`balanced` weighs each class by the inverse of its frequency."""
    max_iter: int = Field(default=1000, ge=1)
    """The most iterations of the solver."""


class TransformerParams(Block):
    """An encoder trained together with a linear head."""

    features: str
    """One of `features`, of kind `tokens`."""
    model: Literal["transformer"]
    tune: Literal["full"]
    """`full` trains all weights of the encoder."""
    pooling: Pooling = "mean"
    """How token vectors become one: their mean, the first (`cls`), or the largest values (`max`)."""
    epochs: int = Field(default=4, ge=1)
    """The most passes over the train rows."""
    batch_rows: int = Field(default=32, ge=1)
    """Rows between two updates of the weights."""
    learning_rate: float = Field(default=1e-4, gt=0, le=1)
    """The encoder's highest rate, reached after the warm-up."""
    head_rate_factor: float = Field(default=5.0, gt=0)
    """The head's rate as a multiple of the encoder's; a head that starts at random wants a larger one."""
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of all steps in which the rates rise from zero; they then fall to zero linearly."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Decoupled decay of weights (Loshchilov and Hutter 2019); biases and norms are spared."""
    clip_norm: float | None = Field(default=1.0, gt=0)
    """Largest norm of all gradients together; null for no limit."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of the pooled vector's values dropped in training."""
    encoder_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of values dropped within the encoder; drawing them takes a fifth of the time on a CPU."""
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    """Share of the target that is spread over all classes (Szegedy et al. 2016, section 7)."""
    head_start: Literal["probe", "random"] = "probe"
    """`probe`: as a logistic regression on the untrained encoder's vectors; `random`: small random weights."""
    best_by: Literal["accuracy", "macro_f1", "loss"] = "macro_f1"
    """The validation score that says which epoch's weights are kept."""
    patience: int = Field(default=2, ge=1)
    """Epochs without a better score after which training stops."""
    checkpoint_steps: int = Field(default=500, ge=1)
    """Steps between checkpoints within an epoch; each epoch's end has one in any case."""


CandidateParams = NaiveBayesParams | LinearSvmParams | LogisticRegressionParams | TransformerParams

MODELS: dict[str, type[CandidateParams]] = {
    "naive_bayes": NaiveBayesParams,
    "linear_svm": LinearSvmParams,
    "logistic_regression": LogisticRegressionParams,
    "transformer": TransformerParams,
}
"""The models, by the word in `model`."""

READS: dict[str, tuple[str, ...]] = {
    "naive_bayes": ("tfidf",),
    "linear_svm": ("tfidf",),
    "logistic_regression": ("tfidf", "encoder"),
    "transformer": ("tokens",),
}
"""The kinds of feature sets that each model reads."""
