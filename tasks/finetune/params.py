"""Parameters of one candidate, by its model."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from tasks.block import Block
from tasks.encoder import Pooling
from tasks.finetune.transfer import NONE, TRIAL, TransferParams

Weight = Annotated[float, Field(gt=0)]
ClassWeight = Literal["none", "balanced", "sampled"] | dict[str, Weight]
Score = Literal["macro_f1", "accuracy", "log_loss"]

_LEAST_ALPHA, _MOST_ALPHA = 0.01, 100.0
"""Of a Beta distribution: below the one hardly any draw lies between 0 and 1 in float32; above the other nearly all are
one half."""


class Range(Block):
    """Values of a search between two ends; whole numbers alone if both ends are (write 1.0 for others)."""

    low: int | float
    """The smallest value."""
    high: int | float
    """The largest value."""
    log: bool = False
    """Whether to draw from the logarithm, as suits a value that may differ by powers of ten."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError("a low that is less than high")
        if self.log and self.low <= 0:
            raise ValueError("a low above 0 where log is true")
        return self

    @property
    def edges(self) -> list[int | float]:
        """The ends and the value next to the smallest: 0 may stand for none of a thing of which a little cannot be."""
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        return [self.low, self.high, self.low + 1 if whole else math.nextafter(self.low, self.high)]


class Search(Block):
    """A search for better parameters of one candidate, by cross-validation on the train rows."""

    trials: int = Field(default=20, ge=1, le=10_000)
    """Sets of parameters that are tried; the first is the candidate as it is declared."""
    folds: int = Field(default=3, ge=2, le=20)
    """Folds of the train rows; each trial trains as many models."""
    metric: Score = "macro_f1"
    """Of the out-of-fold predictions; what the trials compete by."""
    space: dict[str, Annotated[list[Any], Field(min_length=1)] | Range] = Field(min_length=1)
    """From a key of the candidate to the values to try: a list, or {low, high, log}."""


# A lucky seed is no better candidate, and a bag of anything is better than the one.
_NOT_SEARCHED = ("features", "model", "search", "seed", "bag")


class _Candidate(Block):
    """What all candidates have in common."""

    features: str
    """One of `features`."""
    class_weight: ClassWeight = "none"
    """What is done about classes of unlike size. `balanced`: each row counts by the inverse of its class's share;
    `sampled`: rows of small classes are drawn more often; {label: weight}: as declared, 1 for the others. In a network,
    weights count within a batch, so that with batches of a single row they have no effect."""
    search: Search | None = None
    """A search for better parameters; null for none."""
    seed: int | None = Field(default=None, ge=0, lt=2**32)
    """Of everything random in this candidate's training, the proposals of its search included; null takes the
    workspace's. Folds follow the workspace's seed in any case, so that candidates can be compared row by row."""

    @model_validator(mode="after")
    def _space_fits(self) -> Self:
        for key, values in (self.search.space if self.search else {}).items():
            if key not in type(self).model_fields or key in _NOT_SEARCHED:
                raise ValueError(f"a search over keys of {type(self).__name__.removesuffix('Params')}, not {key}")
            for value in values.edges if isinstance(values, Range) else values:
                self._with(key, value)
        return self

    def _with(self, key: str, value: object) -> None:
        try:
            self.replaced({key: value})
        except ValidationError as error:
            raise ValueError(
                f"a search over values that {key} can have, not {value!r}: {error.errors()[0]['msg']}"
            ) from None

    def replaced(self, values: dict[str, Any]) -> Self:
        """The same candidate with other values, and without its search.

        Raises:
            ValidationError: if a value is not possible.
        """
        return type(self).model_validate({**self.model_dump(), **values, "search": None}, context=TRIAL)


class FeatureSelection(Block):
    """A choice of the features that tell classes apart best, made on the rows that the model is fitted on."""

    by: Literal["chi2", "anova"]
    """The statistic: chi-squared (of terms only), or the F value of an analysis of variance."""
    keep: int = Field(ge=1)
    """Features that are kept."""


class _Classical(_Candidate):
    select: FeatureSelection | None = None
    """A choice of features before the model; null keeps all."""


class NaiveBayesParams(_Classical):
    """Naive Bayes."""

    model: Literal["naive_bayes"]
    variant: Literal["multinomial", "complement"] = "multinomial"
    """`complement` learns a class from what is not in it (Rennie et al. 2003), which suits classes of unlike size."""
    alpha: float = Field(default=0.1, gt=0)
    """Additive smoothing; higher is smoother."""


class NbSvmParams(_Classical):
    """Linear SVM on terms that are scaled by their naive Bayes log-count ratios (Wang and Manning 2012)."""

    model: Literal["nb_svm"]
    alpha: float = Field(default=1.0, gt=0)
    """Additive smoothing of the counts; higher is smoother."""
    C: float = Field(default=1.0, gt=0)
    """Inverse strength of L2 regularisation; higher fits the train rows closer."""
    beta: float = Field(default=1.0, gt=0, le=1)
    """Share of the SVM's own weights; the rest is their mean size, as naive Bayes would have it."""


class LinearSvmParams(_Classical):
    """Linear support vector machine; its scores become probabilities by temperature scaling."""

    model: Literal["linear_svm"]
    C: float = Field(default=1.0, gt=0)
    """Inverse strength of L2 regularisation; higher fits the train rows closer."""


class RbfSvmParams(_Classical):
    """Support vector machine with a Gaussian kernel; its scores become probabilities by temperature scaling."""

    model: Literal["rbf_svm"]
    C: float = Field(default=10.0, gt=0)
    """Inverse strength of regularisation; higher fits the train rows closer."""
    gamma: Literal["scale"] | Weight = "scale"
    """Inverse width of the kernel; `scale` takes it from the number and the variance of the features."""


class LogisticRegressionParams(_Classical):
    """Multinomial logistic regression."""

    model: Literal["logistic_regression"]
    C: float = Field(default=1.0, gt=0)
    """Inverse strength of regularisation; higher fits the train rows closer."""
    l1_ratio: float = Field(default=0.0, ge=0, le=1)
    """Share of L1 in the regularisation: 0 is L2 alone, 1 is L1 alone (many weights become 0), between is elastic
    net."""
    max_iter: int = Field(default=1000, ge=1)
    """The most iterations of the solver."""


class RandomForestParams(_Classical):
    """Random forest."""

    model: Literal["random_forest"]
    trees: int = Field(default=300, ge=1)
    """More are steadier and larger."""
    max_depth: int | None = Field(default=None, ge=1)
    """Splits from root to leaf, at most; null for no limit."""
    min_leaf_rows: int = Field(default=1, ge=1)
    """Rows that a leaf must have; more is smoother."""


class GradientBoostingParams(_Classical):
    """Gradient boosting of trees over histograms."""

    model: Literal["gradient_boosting"]
    rounds: int = Field(default=100, ge=1)
    """Trees a class; more fit closer."""
    learning_rate: float = Field(default=0.1, gt=0, le=1)
    """Share of each tree that is added; lower wants more rounds."""
    max_leaves: int = Field(default=31, ge=2)
    """Leaves a tree, at most."""
    min_leaf_rows: int = Field(default=20, ge=1)
    """Rows that a leaf must have; more is smoother."""
    l2: float = Field(default=0.0, ge=0)
    """Regularisation of the leaves' values; higher is smoother."""


class LinearDiscriminantParams(_Classical):
    """Linear discriminant analysis."""

    model: Literal["linear_discriminant"]
    shrinkage: Literal["auto"] | Annotated[float, Field(ge=0, le=1)] = "auto"
    """How far the covariance is drawn towards a multiple of the identity: 0 not at all, 1 wholly, `auto` as Ledoit
    and Wolf (2004) have it."""


class NearestNeighboursParams(_Classical):
    """k nearest neighbours."""

    model: Literal["nearest_neighbours"]
    neighbours: int = Field(default=10, ge=1)
    """Train rows that vote; at most as many as there are. More are smoother."""
    votes: Literal["uniform", "distance"] = "distance"
    """Whether near rows count more."""
    metric: Literal["cosine", "euclidean"] = "cosine"
    """What is near."""


class BagParams(Block):
    """Several trainings of one recipe that become one model."""

    members: int = Field(default=3, ge=2, le=100)
    """Trainings; more are steadier and take more time."""
    by: Literal["seeds", "folds"] = "seeds"
    """What they differ in: `seeds` trains each on all rows with another seed, `folds` each on all but one of as many
    folds of the rows."""
    combine: Literal["mean", "soup"] = "mean"
    """`mean` keeps all networks, whose probabilities are averaged (Breiman 1996), so that the model is as many times as
    large and slow; `soup` averages their weights to one network (Wortsman et al. 2022), for encoders whose training
    starts from the same weights."""


class TrainingParams(_Candidate):
    """How a network is trained, whichever it is."""

    bag: Annotated[BagParams | None, BeforeValidator(lambda value: None if value == "none" else value)] = None
    """Several trainings that become one model; `none` for a single one."""
    epochs: int = Field(default=4, ge=1)
    """The most passes over the train rows."""
    batch_rows: int = Field(default=32, ge=1)
    """Rows between two updates of the weights."""
    accumulate: int = Field(default=1, ge=1)
    """Parts that each batch is computed in, one after the other; more take less memory and more time. With `mixup`,
    rows are mixed within a part."""
    learning_rate: float = Field(default=1e-4, gt=0, le=1)
    """The highest rate (of the encoder, where there is one), reached after the warm-up."""
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    """How the rates go on after the warm-up: to zero in a line or as a cosine, or not at all."""
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of all steps in which the rates rise from zero."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Decoupled decay of weights (Loshchilov and Hutter 2019); biases and norms are spared."""
    l1: float = Field(default=0.0, ge=0)
    """Weight of the sum of the head's absolute weights in the loss; higher makes more of them vanish."""
    clip_norm: float | None = Field(default=1.0, gt=0)
    """Largest norm of all gradients together; null for no limit."""
    clip_value: float | None = Field(default=None, gt=0)
    """Largest size of each gradient; null for no limit."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of the pooled vector's values dropped in training."""
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    """`focal` counts rows less that are surely right already (Lin et al. 2017)."""
    focal_gamma: float = Field(default=2.0, ge=0)
    """With `loss: focal`: how much less; 0 is cross-entropy."""
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    """Share of the target that is spread over all classes (Szegedy et al. 2016, section 7)."""
    consistency: float = Field(default=0.0, ge=0)
    """Weight of the divergence between two passes with unlike dropout (R-Drop, Liang et al. 2021); 0 makes one pass."""
    mixup: float = Field(default=0.0, ge=0, le=_MOST_ALPHA)
    """Trains on mixtures of two rows of a batch (of one part of it, with `accumulate`): of their vectors before the
    head and of their classes (Zhang et al. 2018; Verma et al. 2019), with any loss. Each batch, or part, draws its
    share from a Beta distribution with this alpha: higher mixes more evenly, 0 not at all; from 0.01 on, as below that
    a row is its own mixture."""
    average_epochs: int = Field(default=1, ge=1)
    """Epochs, the last ones, whose weights are averaged before they are scored and kept; 1 averages none."""
    best_by: Literal["accuracy", "macro_f1", "loss", "last"] = "macro_f1"
    """The validation score that says which epoch's weights are kept; `last` keeps the last epoch's, as is better where
    validation rows are too few to tell epochs apart."""
    patience: int = Field(default=2, ge=1)
    """Epochs without a better score after which training stops; without effect with `best_by: last`."""
    checkpoint_steps: int = Field(default=500, ge=1)
    """Steps between checkpoints within an epoch; each epoch's end has one in any case."""

    @field_validator("mixup")
    @classmethod
    def _mixes(cls, mixup: float) -> float:
        if 0 < mixup < _LEAST_ALPHA:
            raise ValueError(f"0 or at least {_LEAST_ALPHA}, below which nothing is mixed")
        return mixup

    @model_validator(mode="after")
    def _parts_have_rows(self) -> Self:
        if self.accumulate > self.batch_rows:
            raise ValueError(f"accumulate of at most batch_rows, {self.batch_rows}, as each part has a row")
        return self


class TransformerParams(TrainingParams, TransferParams):
    """An encoder trained together with a linear head."""

    model: Literal["transformer"]
    epochs: int = Field(default=4, ge=0)
    """The most passes over the train rows; 0 leaves the head as it starts, as may do after `contrastive`; not a random
    one, unless a warm start fills it."""
    pooling: Pooling = "mean"
    """How token vectors become one: their mean, the first (`cls`), or the largest values (`max`)."""
    head_rate_factor: float = Field(default=5.0, gt=0)
    """The head's rate as a multiple of the encoder's; a head that starts at random wants a larger one."""
    encoder_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of values dropped within the encoder where any of it is trained; drawing them takes a fifth of the time on
    a CPU."""
    head_start: Literal["probe", "random"] = "probe"
    """`probe`: as a logistic regression on the vectors of the encoder before its training (after `contrastive`, where
    there is that); `random`: small random weights."""

    @model_validator(mode="after")
    def _head_means_something(self) -> Self:
        filled = self.warm_start != NONE and self.contrastive is None
        if self.epochs == 0 and self.head_start == "random" and not filled:
            raise ValueError("head_start: probe with epochs: 0, as a random head without training knows nothing")
        return self

    @model_validator(mode="after")
    def _starts_alike(self) -> Self:
        if self.bag is not None and self.bag.combine == "soup":
            random = {"head_start: random": self.head_start == "random", "reinit_layers": self.reinit_layers > 0,
                      "tune: adapter": self.tune == "adapter"}  # fmt: skip
            for key, there in random.items():
                if there:
                    raise ValueError(f"combine: mean with {key}, as a soup wants weights that start alike")
        if self.bag is not None and self.bag.by == "folds" and self.warm_start != NONE:
            # A fit of some rows starts without the earlier model, as it may have learnt from the others.
            raise ValueError("bag by seeds with warm_start, as what is shown a part of the rows starts without it")
        if self.bag is not None and self.bag.by == "seeds" and self.epochs == 0 and self.contrastive is None:
            raise ValueError("at least one epoch with a bag by seeds, as its members would else be the same")
        return self


class _SmallNetwork(TrainingParams):
    """A small network over word vectors."""

    word_vectors: Literal["tuned", "static"] = "tuned"
    """Whether the word vectors are trained too."""
    normalisation: Literal["none", "batch", "layer"] = "none"
    """Of the values before the activation: over the rows of a batch, or over the values of a row."""
    activation: Literal["relu", "gelu"] = "relu"
    """Of the hidden values."""
    word_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of words that are dropped whole in training."""
    epochs: int = Field(default=20, ge=1)
    """The most passes over the train rows."""
    learning_rate: float = Field(default=3e-3, gt=0, le=1)
    """The highest rate, reached after the warm-up."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of the values before the head dropped in training."""
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    """Share of the target that is spread over all classes (Szegedy et al. 2016, section 7)."""
    average_epochs: int = Field(default=3, ge=1)
    """Epochs, the last ones, whose weights are averaged before they are scored and kept; 1 averages none."""
    patience: int = Field(default=4, ge=1)
    """Epochs without a better score after which training stops."""

    @model_validator(mode="after")
    def _starts_at_random(self) -> Self:
        if self.bag is not None and self.bag.combine == "soup":
            raise ValueError("combine: mean for a small network, as a soup wants weights that start alike")
        return self


class TextCnnParams(_SmallNetwork):
    """Convolutions over words, each with its largest value (Kim 2014)."""

    model: Literal["text_cnn"]
    widths: list[Annotated[int, Field(ge=1, le=50)]] = Field(default_factory=lambda: [3, 4, 5], min_length=1)
    """Words that each sort of filter sees."""
    filters: int = Field(default=100, ge=1)
    """Filters of each width."""


class RecurrentParams(_SmallNetwork):
    """A recurrent network over words."""

    model: Literal["rnn", "lstm", "gru"]
    hidden: int = Field(default=128, ge=1)
    """Values that the network carries from word to word, in each direction."""
    layers: int = Field(default=1, ge=1, le=8)
    """Recurrent layers, one above the other."""
    bidirectional: bool = True
    """Whether the words are read backwards too."""
    pooling: Literal["mean", "max", "attention"] = "max"
    """How the values at each word become one vector."""


class AverageParams(_SmallNetwork):
    """The mean of the word vectors, and hidden layers on it (Iyyer et al. 2015)."""

    model: Literal["average"]
    hidden: int = Field(default=128, ge=1)
    """Values of each hidden layer."""
    layers: int = Field(default=1, ge=0, le=8)
    """Hidden layers; 0 puts the head on the mean itself."""


SmallNetworkParams = TextCnnParams | RecurrentParams | AverageParams
ClassicalParams = (
    NaiveBayesParams
    | NbSvmParams
    | LinearSvmParams
    | RbfSvmParams
    | LogisticRegressionParams
    | RandomForestParams
    | GradientBoostingParams
    | LinearDiscriminantParams
    | NearestNeighboursParams
)
CandidateParams = ClassicalParams | SmallNetworkParams | TransformerParams

MODELS: dict[str, type[CandidateParams]] = {
    "naive_bayes": NaiveBayesParams,
    "nb_svm": NbSvmParams,
    "linear_svm": LinearSvmParams,
    "rbf_svm": RbfSvmParams,
    "logistic_regression": LogisticRegressionParams,
    "random_forest": RandomForestParams,
    "gradient_boosting": GradientBoostingParams,
    "linear_discriminant": LinearDiscriminantParams,
    "nearest_neighbours": NearestNeighboursParams,
    "text_cnn": TextCnnParams,
    "rnn": RecurrentParams,
    "lstm": RecurrentParams,
    "gru": RecurrentParams,
    "average": AverageParams,
    "transformer": TransformerParams,
}
"""The models, by the word in `model`."""

READS: dict[str, tuple[str, ...]] = {
    "naive_bayes": ("sparse",),
    "nb_svm": ("sparse",),
    "linear_svm": ("sparse", "dense"),
    "rbf_svm": ("sparse", "dense"),
    "logistic_regression": ("sparse", "dense"),
    "random_forest": ("sparse", "dense"),
    "gradient_boosting": ("dense",),
    "linear_discriminant": ("dense",),
    "nearest_neighbours": ("sparse", "dense"),
    "text_cnn": ("words",),
    "rnn": ("words",),
    "lstm": ("words",),
    "gru": ("words",),
    "average": ("words",),
    "transformer": ("tokens",),
}
"""The forms of feature sets that each model reads."""


class CrossValidationParams(Block):
    """Out-of-fold predictions of the train rows, by models that were not shown them."""

    folds: Literal["auto"] | int = Field(default="auto")
    """Folds; each trains one more model a candidate. 0 for none; `auto` takes 5 where there are few train rows."""
    small_rows: int = Field(default=1000, ge=0)
    """With `folds: auto`: up to so many train rows are few."""

    @field_validator("folds")
    @classmethod
    def _possible(cls, folds: Literal["auto"] | int) -> Literal["auto"] | int:
        if isinstance(folds, int) and folds != 0 and not 2 <= folds <= 100:
            raise ValueError("auto, 0 for none, or 2 to 100")
        return folds

    def number(self, train_rows: int, largest_class: int) -> int:
        """How many folds there are; 0 for none.

        Args:
            largest_class: rows of the largest class; from one row nobody can learn what another of its class is like.
        """
        if self.folds == "auto":
            return 5 if train_rows <= self.small_rows and largest_class > 1 else 0
        return self.folds
