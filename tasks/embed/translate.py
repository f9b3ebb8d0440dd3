"""Parameters of back-translation."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tasks.block import Block
from tasks.pretrained import Place


def _check_pair(value: list[str]) -> list[str]:
    if len(value) != 2:
        raise ValueError("two of them: of the texts' own language, and of the other")
    return value


Pair = Annotated[list[str], AfterValidator(_check_pair)]


class Translate(Block):
    """A text is translated into another language and back, so that it says the same in other words.

    The recipe is that of Yu et al. 2018 ("QANet", section 3). Two sequence-to-sequence models of transformers do it
    (Marian, M2M100, NLLB, mBART, T5 and their like); nothing is sent anywhere. Whether what comes back still means the
    same is not checked: look at `copies.rows.parquet`.
    """

    there: Place
    """The model that translates into the other language: `path:<folder>`, `package:<module>` or `hub:<id>@<commit>`."""
    back: Place
    """The model that translates back, in the same form; one of many languages can do both."""
    languages: Pair | None = None
    """The texts' own language and the other one, as models of many languages call them: `[en, de]` (M2M100),
    `[eng_Latn, deu_Latn]` (NLLB), `[en_XX, de_DE]` (mBART); null for models of one pair."""
    prefixes: Pair | None = None
    """What is written before each text on the way there, and on the way back, for models that want to be told so:
    `["translate English to German: ", ...]` (T5), `[">>fra<< ", ""]` (Marian models of several languages)."""
    decoding: Literal["beam", "sample"] = "beam"
    """`beam` looks for the most probable translation, and knows one a text; `sample` draws each token, so that several
    copies of a row differ. Drawn ones are more varied, and more often wrong (Edunov et al. 2018, "Understanding
    Back-Translation at Scale", section 3)."""
    beams: int = Field(default=4, ge=1, le=64)
    """Of beam: translations that are followed at once; more find better ones, and take more time and memory."""
    temperature: float = Field(default=1.0, gt=0, le=10)
    """Of sample: what the logits are divided by; lower draws probable tokens more often, and gives safer copies."""
    max_tokens: int = Field(default=256, ge=4)
    """Longer texts lose their end, and translations stop there; more takes more time and memory."""
    batch_tokens: int = Field(default=1024, ge=16)
    """Tokens that are translated at once, padding included and counted once for all beams: higher is faster until
    memory runs out."""

    @model_validator(mode="after")
    def _heeded(self) -> Self:
        if self.decoding == "sample" and self.beams != 4:
            raise ValueError("decoding: beam with beams, which sampling has none of")
        if self.decoding == "beam" and self.temperature != 1.0:
            raise ValueError("decoding: sample with temperature, which beam search has no use for")
        return self
