"""The folder or hub repository that an encoder's files are taken from."""

from pathlib import Path
from typing import Any

from tasks import block, links, pretrained
from tasks.adapt.params import PinnedParams
from tasks.base_encoder import base_of
from tasks.errors import ParamsError, Problem


def declared(root: Path) -> dict[str, Any]:
    """The block `encoders` as it was written.

    Raises:
        ParamsError: if there is none.
    """
    found = block.load(root / block.PARAMS).get("encoders")
    if not isinstance(found, dict):
        raise ParamsError(block.PARAMS, [Problem("encoders", "a mapping of encoders", repr(found))])
    return found


def place(root: Path, item: str, source: str) -> str:
    """Where an encoder's files come from, in the form of `package:`, `path:` or `hub:`.

    Args:
        source: as the encoder declares it: such a place, or the name of another encoder.

    Raises:
        BadInput: if it names an encoder that this one cannot start from.
        ParamsError: if that encoder is wrong in itself.
    """
    base = _base(root, item)
    return source if base is None else base.source


def base_checksums(root: Path, item: str) -> dict[str, str]:
    """What the encoder that this one names demands of its files: name to SHA-256; empty where it names none.

    Raises:
        ParamsError: if that encoder is wrong in itself.
    """
    base = _base(root, item)
    return {} if base is None else base.sha256


def _base(root: Path, item: str) -> PinnedParams | None:
    """The encoder that this one names as its source.

    It is read only to check the link and the files: what they are, DVC sees through the link.
    """
    base = base_of(item, declared(root))
    return None if base == item else block.read(root, f"encoders.{base}", PinnedParams)


def folder(root: Path, item: str, source: str) -> Path:
    """The folder of the files, through the link that DVC looks at, or from the cache of the hub.

    Args:
        source: in the form of `package:`, `path:` or `hub:`.

    Raises:
        BadInput: if the link leads somewhere else.
        TransientError: if the hub cannot be reached.
    """
    return pretrained.folder(root, links.ENCODERS / item, source)
