"""Parameters of one encoder, by its objective."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tasks.block import Block
from tasks.encoder import Pooling
from tasks.pretrained import ALLOWED, FORMS, Place
from tasks.texts import Patterns

_NAME = r"[A-Za-z0-9][A-Za-z0-9_\-]*"


def _check_source(value: str) -> str:
    if not re.fullmatch(f"{FORMS}|{_NAME}", value):
        raise ValueError(f"{ALLOWED}, or the name of an encoder")
    return value


def _check_digest(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError("a SHA-256 of 64 hex digits")
    return value


Digest = Annotated[str, AfterValidator(_check_digest)]


class _Encoder(Block):
    sha256: dict[str, Digest] = Field(default_factory=dict)
    """Files and the checksum that each must have, such as `{model.safetensors: 53aa...}`; optional. Of an adapted
    encoder, the files that it starts from; those of an encoder that it names hold too."""


class PinnedParams(_Encoder):
    """An encoder that stays as it is."""

    source: Place
    """`package:<module>` (an installed package that holds an encoder), `path:<folder>`, or
    `hub:<id>@<commit>`; a commit is asked for because a name or branch can change under you."""
    objective: Literal["none"] = "none"
    """`none` pins the encoder's files, so that their bytes are versioned with everything else."""


class AdaptedParams(_Encoder):
    """An encoder whose training goes on with texts of the domain: the train rows, and files without labels."""

    source: Annotated[str, AfterValidator(_check_source)]
    """What it starts from: the name of an encoder of objective none, or a place as such an encoder has."""
    texts: Patterns = Field(default_factory=list)
    """Files, or globs, of more texts of the domain: .txt with a text a line, or .csv, .jsonl or .parquet with a column
    `text`. The cleaning rules of `clean` act on them. Texts of the validation and test rows are left out, and what is
    nearly one of them."""
    max_tokens: int = Field(default=128, ge=3)
    """Longer texts lose their end; more takes more time and memory."""
    epochs: int = Field(default=3, ge=1, le=1000)
    """Passes over the texts; the weights after the last are kept."""
    batch_rows: int = Field(default=32, ge=2)
    """Texts between two updates; more take more memory."""
    learning_rate: float = Field(default=5e-5, gt=0, le=1)
    """The highest rate, after the warm-up; higher moves the encoder further from where it was."""
    warmup: float = Field(default=0.1, ge=0, le=1)
    """Share of the steps in which the rate rises; then it falls to zero in a line."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Decoupled; higher pulls weights closer to zero. Biases and norms are spared."""
    clip_norm: float = Field(default=1.0, gt=0)
    """Largest norm of all gradients together; lower makes single batches count less."""
    held_out: float = Field(default=0.05, gt=0, lt=0.5)
    """Share of the texts that are not trained on and tell the loss before and after; at least two texts."""
    checkpoint_steps: int = Field(default=500, ge=1)
    """Steps between checkpoints within an epoch; fewer lose less when a run is stopped."""


class MlmParams(AdaptedParams):
    """Continued pretraining: guessing words that are hidden (Devlin et al. 2019, section 3.1; Gururangan et al. 2020).

    Whole words are hidden (Cui et al. 2019, section 2.2), Chinese ones as jieba cuts them.
    """

    objective: Literal["mlm"]
    mask_share: float = Field(default=0.15, gt=0, le=0.6)
    """Share of a text's tokens that have to be guessed; more is harder, and more is learned from each text."""
    head_rate_factor: float = Field(default=5.0, gt=0)
    """The rate of a new head as a multiple of the encoder's; without effect where the encoder brings its head."""
    encoder_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of values dropped within the encoder; takes a fifth of the time on a CPU."""


class SimcseParams(AdaptedParams):
    """Contrastive learning: a text's two vectors, made with unlike dropout, against those of the others in its batch.

    Unsupervised SimCSE (Gao, Yao and Chen 2021, section 3).
    """

    objective: Literal["simcse"]
    epochs: int = Field(default=1, ge=1, le=1000)
    """Passes over the texts; the weights after the last are kept."""
    batch_rows: int = Field(default=64, ge=2)
    """Texts between two updates, among which each has to be told from the others; more take more memory."""
    learning_rate: float = Field(default=3e-5, gt=0, le=1)
    """The highest rate, after the warm-up; higher moves the encoder further from where it was."""
    pooling: Pooling = "mean"
    """How token vectors become one: their mean, the first (`cls`), or the largest values (`max`); take what the feature
    sets of this encoder have."""
    temperature: float = Field(default=0.05, gt=0)
    """What similarities are divided by; lower makes the nearest other texts count more."""
    encoder_dropout: float = Field(default=0.1, gt=0, lt=1)
    """Share of values dropped within the encoder: what makes the two vectors unlike."""


class TsdaeParams(AdaptedParams):
    """Denoising: the vector of a text whose words are mostly deleted has to be enough to rebuild the whole text.

    TSDAE (Wang, Reimers and Gurevych 2021, sections 3 and 4), with a small decoder of its own.
    """

    objective: Literal["tsdae"]
    learning_rate: float = Field(default=3e-5, gt=0, le=1)
    """The highest rate, after the warm-up; higher moves the encoder further from where it was."""
    delete_share: float = Field(default=0.6, gt=0, lt=1)
    """Share of a text's words that the encoder does not get to see; more is harder."""
    pooling: Pooling = "mean"
    """How token vectors become one: their mean, the first (`cls`), or the largest values (`max`); take what the feature
    sets of this encoder have. The paper takes the first token, of an encoder that had no vectors of texts before;
    the packaged encoder was trained for their mean, which feature sets read too: so that is what should hold the
    text."""
    head_rate_factor: float = Field(default=10.0, gt=0)
    """The rate of the decoder, which is new, as a multiple of the encoder's."""
    encoder_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of values dropped within the encoder; takes a fifth of the time on a CPU."""


EncoderParams = PinnedParams | MlmParams | SimcseParams | TsdaeParams

OBJECTIVES: dict[str, type[EncoderParams]] = {
    "none": PinnedParams,
    "mlm": MlmParams,
    "simcse": SimcseParams,
    "tsdae": TsdaeParams,
}
"""What can be done to an encoder, by the word in `objective`."""
