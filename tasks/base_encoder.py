"""Which encoder another one starts from: `source` may name one of `encoders` in place of a place outside."""

from collections.abc import Mapping
from typing import Any

from tasks.errors import BadInput

_PLACES = ("package:", "path:", "hub:")


def base_of(name: str, encoders: Mapping[str, Any]) -> str:
    """The name of the encoder whose files an encoder starts from: its own, unless its source names another.

    Args:
        encoders: the block `encoders` of the parameters, as it was read.

    Raises:
        BadInput: if the source is neither a place nor another encoder, or if that one is itself adapted or made of
            another.
    """
    source = _value(encoders[name], "source")
    if source.startswith(_PLACES):
        return name
    where = f"params.yaml: encoders.{name}.source"
    others = [other for other, entry in encoders.items() if other != name and _is_plain(entry)]
    fix = (
        f"Write {', '.join([f'{place}...' for place in _PLACES])}{' or one of ' + ', '.join(others) if others else ''}."
    )
    if source == name:
        raise BadInput(where, "another encoder than itself", source, fix)
    if source not in encoders:
        raise BadInput(
            where, "package:<module>, path:<folder>, hub:<id>@<commit> or the name of an encoder", source, fix
        )
    if not _is_plain(encoders[source]):
        raise BadInput(where, "an encoder of objective none with a source of its own", f"{source}, which has not", fix)
    return source


def _is_plain(entry: Any) -> bool:
    return _value(entry, "objective", "none") == "none" and _value(entry, "source").startswith(_PLACES)


def _value(entry: Any, key: str, default: str = "") -> str:
    return str(entry.get(key, default)) if isinstance(entry, Mapping) else default
