"""Checks that DVC sees every source that is read."""

from pathlib import Path

from tasks.errors import BadInput
from tasks.files import read_json
from tasks.ingest.places import inside
from tasks.links import INDEX, REFRESH, SOURCES

_DATA = Path("data/source")


def check(sources: list[str], root: Path) -> None:
    """Checks that `links/sources/index.json` has as its keys the declared sources that lie outside `data/source/`.

    Where all of them lie inside, the index is not needed.

    Args:
        sources: all declared sources, as they stand in the parameters.

    Raises:
        BadInput: if the index is missing, or lists others.
    """
    outside = {source for source in sources if not inside(source, root, _DATA)}
    index = root / SOURCES / INDEX
    listed = set(read_json(index)) if index.exists() else set()
    linked = {source for source in listed if not inside(source, root, _DATA)}
    if linked != outside:
        expected = "links to " + (", ".join(sorted(outside)) or "no source")
        found = ", ".join(sorted(linked)) or "none"
        raise BadInput((SOURCES / INDEX).as_posix(), expected, found, REFRESH)
