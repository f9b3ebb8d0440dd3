"""Checks that DVC sees every source that is read."""

from pathlib import Path

from tasks.errors import BadInput
from tasks.files import read_json
from tasks.ingest.places import HUB, inside
from tasks.links import INDEX, REFRESH, SOURCES, is_behind_link, matching

_DATA = Path("data/source")


def check(sources: list[str], root: Path) -> None:
    """Checks that `links/sources/index.json` has as its keys the declared sources that DVC does not see by itself.

    Those are all that lie outside `data/source/`, or in it behind a linked folder; where there are none, the index is
    not needed.

    Args:
        sources: all declared sources, as they stand in the parameters.

    Raises:
        BadInput: if the index is missing, or lists others.
    """
    outside = {source for source in sources if not _seen(source, root)}
    index = root / SOURCES / INDEX
    listed = set(read_json(index)) if index.exists() else set()
    linked = {source for source in listed if not _seen(source, root)}
    if linked != outside:
        expected = "links to " + (", ".join(sorted(outside)) or "no source")
        found = ", ".join(sorted(linked)) or "none"
        raise BadInput((SOURCES / INDEX).as_posix(), expected, found, REFRESH)


def _seen(source: str, root: Path) -> bool:
    if not inside(source, root, _DATA):
        return False
    path = source.removeprefix("file://").removeprefix("local://")
    return source.startswith(HUB) or not any(is_behind_link(root, match, _DATA) for match in matching(root, path))
