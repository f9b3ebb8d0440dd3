"""Which files batch scoring has to look at now."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.scored import Stamp
from tasks.errors import BadInput, RegraftError
from tasks.ingest.places import Place, find

_NOT_THERE = ("nothing there", "none")
"""What `find` has found where a path or a pattern stands for no file; all else that it complains of is a fault."""


@dataclass(frozen=True)
class Due:
    """What there is to look at.

    Attributes:
        places: files that may hold rows without an answer.
        unchanged: files that are as they were when all their rows had one.
        settling: files that have changed so lately that they may still be being written.
        missing: inputs that stand for no file.
        failed: why an input or a file cannot be looked at, by its name.
    """

    places: tuple[Place, ...]
    unchanged: int
    settling: tuple[str, ...]
    missing: tuple[str, ...]
    failed: Mapping[str, str]


def look(
    inputs: Sequence[str], root: Path, output: Path, settle_seconds: float, is_unchanged: Callable[[str, Stamp], bool]
) -> Due:
    """The files of `inputs` that have to be read, each once; what lies in `output` is no input.

    Args:
        root: the workspace; paths start from it.
        output: folder of the answers.
        settle_seconds: for which a local file must not have changed.
        is_unchanged: whether nothing is left to do for a file of this name and stamp.
    """
    found, missing, failed = _find(inputs, root)
    places, settling, unchanged, now = [], [], 0, time.time_ns()
    for place in _outside(found, output):
        try:
            found_stamp = stamp(place)
        except FileNotFoundError:  # moved away since it was found
            continue
        except OSError as error:
            failed[place.name] = str(error)
            continue
        if found_stamp is not None and now - found_stamp[1] < settle_seconds * 1e9:
            settling.append(place.name)
        elif found_stamp is not None and is_unchanged(place.name, found_stamp):
            unchanged += 1
        else:
            places.append(place)
    return Due(tuple(places), unchanged, tuple(settling), tuple(missing), failed)


def stamp(place: Place) -> Stamp | None:
    """Size and time of a file; None for what is on no disk here, which is read each time.

    Raises:
        FileNotFoundError: if it is there no more.
    """
    if place.url or place.hub:
        return None
    found = Path(place.path).stat()
    return found.st_size, found.st_mtime_ns


def _find(inputs: Sequence[str], root: Path) -> tuple[list[Place], list[str], dict[str, str]]:
    places: dict[str, Place] = {}
    missing, failed = [], {}
    for one in inputs:
        try:
            for place in find(one, root):
                places.setdefault(place.name, place)
        except (RegraftError, OSError) as error:
            if isinstance(error, BadInput) and error.found in _NOT_THERE:  # what a schedule waits for may come yet
                missing.append(one)
            else:  # told at the end, so that other inputs do not wait for a place that does not answer
                failed[one] = str(error)
    return list(places.values()), missing, failed


def _outside(places: Sequence[Place], output: Path) -> Iterator[Place]:
    """The places that are not answers themselves, which would be answered again and again."""
    own = output.resolve()
    for place in places:
        if place.url or place.hub or not Path(place.path).resolve().is_relative_to(own):
            yield place
