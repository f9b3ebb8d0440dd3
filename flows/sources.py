"""What `ingest.sources` and the `texts` of encoders name, as entries of `links/`, so that DVC notices when any of it
changes."""

import glob
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from tasks.errors import BadInput
from tasks.links import INDEX, is_behind_link, matching

Entry: TypeAlias = "Path | str | Mapping[str, Entry]"
"""A link to a file; a file's text; or a folder of entries by name."""

INSIDE = Path("data/source")
"""Which DVC sees anyway, apart from what is behind a linked folder in it."""

_VERSIONS = (
    "size", "ETag", "etag", "Last-Modified", "LastModified", "last_modified", "mtime", "generation", "md5",
    "Content-MD5", "content_md5", "Digest",
)  # fmt: skip
_COMMIT = re.compile(r"[0-9a-f]{40}")


def entries(root: Path, declared: Sequence[str]) -> dict[str, Entry]:
    """The entries for all declared sources, with an index of which source has which.

    Raises:
        BadInput: if a file is missing, a pattern matches nothing, or a remote file cannot be looked at.
    """
    return _indexed({source: _found(root, source) for source in declared})


def texts(root: Path, key: str, declared: Sequence[str]) -> dict[str, Entry]:
    """The entries for the texts that a parameter declares, with an index of which file or pattern has which.

    Args:
        key: of the parameter, as errors name it.

    Raises:
        BadInput: if a file is missing or a pattern matches nothing.
    """
    found = {str(one): _matches(root, str(one), str(one), key) for one in declared}
    return _indexed({one: [(match.name, _entry(match)) for match in matches] for one, matches in found.items()})


def _entry(path: Path, above: tuple[Path, ...] = ()) -> Entry:
    """A link to a file; of a folder, its files one by one: DVC does not look into a folder that is a link itself.

    What is hidden is left out, as it is where sources are read.
    """
    path = path.resolve()
    if not path.is_dir():
        return path
    inner = (one for one in sorted(path.iterdir()) if not one.name.startswith("."))
    # A link to a folder above would have no end.
    return {one.name: _entry(one, (*above, path)) for one in inner if one.resolve() not in (*above, path)}


def _indexed(found: Mapping[str, list[tuple[str, Entry]]]) -> dict[str, Entry]:
    made: dict[str, Entry] = {}
    index: dict[str, list[str]] = {}
    for source, entries_of in found.items():
        names = []
        for base, entry in entries_of:
            name = f"{len(made) + 1:03d}-{base}"
            made[name] = entry
            names.append(name)
        index[source] = names
    made[INDEX] = json.dumps(index, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return made


def _found(root: Path, source: str) -> list[tuple[str, Entry]]:
    if source.startswith("hub:"):
        return _hub(root, source)
    scheme, separator, rest = source.partition("://")
    if separator and scheme not in ("file", "local"):
        return _remote(source)
    return _local(root, source, rest if separator else source)


def _hub(root: Path, source: str) -> list[tuple[str, Entry]]:
    name, _, revision = source.removeprefix("hub:").split(":")[0].partition("@")
    folder = root / Path(name).expanduser()
    if folder.is_dir():
        return [(f"{folder.name}.txt", f"{source}\n"), (folder.name, _entry(folder))]
    commit = revision if _COMMIT.fullmatch(revision) else _commit(source, name, revision or None)
    return [(f"{Path(name).name}.txt", f"{source}\n{commit}\n")]


def _commit(source: str, name: str, revision: str | None) -> str:
    """The commit that a data set's name or branch stands for now: it can change under the same name."""
    from huggingface_hub import HfApi

    try:
        return str(HfApi().dataset_info(name, revision=revision).sha)
    except Exception as error:  # its errors are those of whichever HTTP client the library was built on
        found = " ".join(str(error).split())[:200] or type(error).__name__
        fix = f"Correct ingest.sources, or pin a commit, which needs no look at the hub: hub:{name}@<40 hex digits>."
        raise BadInput(f"params.yaml: {source}", "a data set that the hub knows", found, fix) from None


def _local(root: Path, source: str, pattern: str) -> list[tuple[str, Entry]]:
    inside = _normal(root / INSIDE)
    matches = _matches(root, source, pattern, "ingest.sources")
    unseen = (one for one in matches if not _normal(one).is_relative_to(inside) or is_behind_link(root, one, INSIDE))
    return [(match.name, _entry(match)) for match in unseen]


def _matches(root: Path, source: str, pattern: str, key: str) -> list[Path]:
    matches = matching(root, pattern)
    if not matches:
        what = "a file that exists" if not glob.has_magic(pattern) else "a pattern that matches a file"
        fix = f"Correct {key}, or put the file there; paths are taken from the project's folder."
        raise BadInput(f"params.yaml: {source}", what, "none", fix)
    return matches


def _normal(path: Path) -> Path:
    # Without following links: DVC sees what a link to a file in data/source leads to.
    return Path(os.path.abspath(path))  # noqa: PTH100


def _remote(source: str) -> list[tuple[str, Entry]]:
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(source)
        paths = _remote_files(system, path)
        notes = [(one, _version(system, one)) for one in paths]
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        found = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(
            f"params.yaml: {source}", "a file that can be reached", found, "Check address and access."
        ) from error
    if not notes:
        raise BadInput(f"params.yaml: {source}", "a pattern that matches a file", "none", "Correct ingest.sources.")
    return [
        (f"{Path(path).name or 'remote'}.txt", json.dumps({"url": source, "path": str(path), **note}, indent=2) + "\n")
        for path, note in notes
    ]


def _remote_files(system: Any, path: str) -> list[str]:
    """The files that an address stands for: those of a pattern, of a folder, or itself."""
    if glob.has_magic(path):
        return sorted(system.glob(path))
    # On the web there are none, and to ask would be to load the file.
    return sorted(system.find(path)) if not path.startswith("http") and system.isdir(path) else [path]


def _version(system: Any, path: str) -> dict[str, str]:
    info = system.info(path)
    note = {name: str(info[name]) for name in _VERSIONS if info.get(name) is not None}
    if set(note) <= {"size"}:
        note["sha256"] = _digest(system, path)
    return {**note, "ukey": str(system.ukey(path))}


def _digest(system: Any, path: str) -> str:
    # A web server need not say anything that changes with the file, and a length may stay as it is.
    with system.open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
