"""Files that appear whole or not at all."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yields a path beside `target` to write a file or folder at; puts it in place on success.

    The temporary name is fixed, so that what a killed process left is overwritten by the next.
    Nothing appears at `target` if the body raises.
    """
    partial = target.with_name(f".{target.name}.partial")
    remove(partial)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        if target.is_dir():  # rename replaces a file, but not a folder that holds something
            remove(target)
        partial.replace(target)
    except BaseException:
        remove(partial)
        raise


def remove(path: Path) -> None:
    """Removes a file, link or folder; does nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Writes JSON that a person can read, with the same bytes for the same value.

    Raises:
        ValueError: if `value` holds NaN or infinity, which JSON has no form for.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def read_json(path: Path) -> Any:
    """Reads a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))
