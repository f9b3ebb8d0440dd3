"""Parameters of small networks over word vectors, by their model."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tasks.finetune.training_params import TrainingParams


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
