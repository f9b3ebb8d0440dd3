"""From declared sources to the single files that they stand for."""

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import fsspec

from tasks.errors import BadInput, TransientError
from tasks.ingest import network

HUB = "hub:"
Compression = Literal["gzip", "bz2", "zstd", "xz"]
COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".xz": "xz"}
FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".txt": "lines",
}
"""The format that each suffix means where `ingest.format` is auto."""


@dataclass(frozen=True)
class Place:
    """One file to read.

    Attributes:
        name: how it is shown: as declared, and never with the workspace's own path.
        path: where it is: a local path, a URL, or a `hub:` name.
        url: whether `path` is a URL that fsspec opens.
    """

    name: str
    path: str
    url: bool = False

    @property
    def hub(self) -> bool:
        """Whether it is a data set for the `datasets` library."""
        return self.path.startswith(HUB)

    @property
    def compression(self) -> Compression | None:
        """How it is compressed, by its last suffix."""
        return COMPRESSIONS.get(self._suffixes()[1])

    @property
    def suffix(self) -> str:
        """The suffix that tells the format, in lower case (`.csv` of `rows.csv.gz`)."""
        return self._suffixes()[0]

    def _suffixes(self) -> tuple[str, str]:
        path = PurePosixPath(self.path.partition("?")[0] if self.url else Path(self.path).as_posix())
        last = path.suffix.lower()
        return (PurePosixPath(path.stem).suffix.lower(), last) if last in COMPRESSIONS else (last, "")


def find(source: str, root: Path) -> list[Place]:
    """The files that one declared source stands for, in a stable order.

    A folder stands for all files in it, at any depth, with a suffix of a known format other than `.txt`
    (which may be notes), apart from those whose names, or whose folders' names, start with a dot or `_`.

    Args:
        root: the workspace; paths start from it.

    Raises:
        BadInput: if there is no such file, or none that matches.
        TransientError: if a remote place does not answer.
    """
    if source.startswith(HUB):
        return [Place(source, source)]
    source = _without_scheme(source)
    if "://" in source:
        return _remote(source)
    target = root / source
    if target.is_file():
        return [_local(source, root)]
    if target.is_dir():
        names = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
        found = [_local(f"{source.rstrip('/')}/{name}", root) for name in names if _wanted(name)]
    elif glob.has_magic(source):
        matches = sorted(glob.glob(source, root_dir=root, recursive=True))  # noqa: PTH207  (Path.glob takes no absolute pattern)
        found = [_local(match, root) for match in matches if (root / match).is_file()]
    else:
        raise BadInput(source, "a file, folder or glob", "nothing there", "Correct the path in ingest.sources.")
    return _some(source, found)


def inside(source: str, root: Path, folder: Path) -> bool:
    """Whether a declared source lies in a folder of the workspace."""
    source = _without_scheme(source)
    if "://" in source:
        return False
    path = source.removeprefix(HUB).partition(":")[0].partition("@")[0] if source.startswith(HUB) else source
    return Path(os.path.normpath(root / path)).is_relative_to(os.path.normpath(root / folder))


def _without_scheme(source: str) -> str:
    for scheme in ("file://", "local://"):
        source = source.removeprefix(scheme)
    return str(Path(source).expanduser()) if source.startswith("~") else source


def _local(source: str, root: Path) -> Place:
    path = Path(os.path.normpath(root / source))
    own = Path(os.path.normpath(root))
    name = path.relative_to(own).as_posix() if path.is_relative_to(own) else Path(source).as_posix()
    return Place(name, str(path))


def _remote(source: str) -> list[Place]:
    try:
        system, path = fsspec.core.url_to_fs(source)
        if glob.has_magic(path) and not system.exists(path):
            # As on disk: a pattern matches no hidden file (fsspec's own does).
            matches = (match for match in sorted(system.glob(path)) if not PurePosixPath(match).name.startswith("."))
            return _some(source, [_at(system, match) for match in matches])
        # On the web there are no folders, and to ask would be to load the file.
        if not path.startswith("http") and system.isdir(path):
            inner = sorted(system.find(path))
            start = len(path.rstrip("/")) + 1
            return _some(source, [_at(system, name) for name in inner if _wanted(name[start:])])
        if not system.exists(path):
            raise BadInput(source, "a file", "nothing there", "Correct the address in ingest.sources.")
    except (ImportError, ValueError) as error:
        fix = "Correct the address, or install the library that fsspec needs for it."
        raise BadInput(source, "an address that fsspec can open", str(error), fix) from None
    except PermissionError as error:
        raise BadInput(source, "a file that may be read", str(error), "Check the credentials.") from None
    except Exception as error:
        if not network.failed(error):
            raise
        raise TransientError(f"{source}: could not be reached ({error}). Run again when it can.") from error
    return [Place(source, source, url=True)]


def _at(system: Any, path: str) -> Place:
    url = str(system.unstrip_protocol(path))
    return Place(url, url, url=True)


def _wanted(name: str) -> bool:
    hidden = any(part.startswith((".", "_")) for part in PurePosixPath(name).parts)
    return not hidden and FORMATS.get(Place(name, name).suffix, "lines") != "lines"


def _some(source: str, found: list[Place]) -> list[Place]:
    if not found:
        raise BadInput(source, "at least one file of a known format", "none", "Correct the path in ingest.sources.")
    return found


def distinct(sources: list[str], root: Path) -> Iterator[Place]:
    """The files of several sources, each once, at its first mention."""
    seen: set[str] = set()
    for source in sources:
        for place in find(source, root):
            if place.path not in seen:
                seen.add(place.path)
                yield place
