"""Parameters of one encoder."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tasks.block import Block

_FORMS = re.compile(r"package:[A-Za-z_]\w*(/[\w.\-/]+)?|path:.+|hub:[\w.\-]+(/[\w.\-]+)?@[0-9a-f]{40}")


def _check_source(value: str) -> str:
    if not _FORMS.fullmatch(value):
        raise ValueError("`package:<module>`, `path:<folder>` or `hub:<id>@<commit of 40 hex digits>`")
    return value


def _check_digest(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError("a SHA-256 of 64 hex digits")
    return value


Digest = Annotated[str, AfterValidator(_check_digest)]


class EncoderParams(Block):
    """Where an encoder comes from and what is done to it."""

    source: Annotated[str, AfterValidator(_check_source)]
    """`package:<module>` (an installed package that holds an encoder), `path:<folder>`, or
    `hub:<id>@<commit>`; a commit is asked for because a name or branch can change under you."""
    objective: Literal["none"] = "none"
    """`none` pins the encoder's files, so that their bytes are versioned with everything else."""
    sha256: dict[str, Digest] = Field(default_factory=dict)
    """Files and the checksum that each must have, such as `{model.safetensors: 53aa...}`; optional."""
