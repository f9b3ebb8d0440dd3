"""Copies an encoder's files into the workspace, checked."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from tasks import pretrained
from tasks.errors import BadInput
from tasks.files import sha256

_SUFFIXES = (".safetensors", ".json", ".txt", ".model")  # weights, configuration, vocabularies


def pin(source: Path, target: Path, checksums: Mapping[str, str]) -> dict[str, str]:
    """Copies the files of an encoder that loading it needs, and nothing that could run code.

    Args:
        source: a folder in the layout of transformers.
        target: an empty folder.
        checksums: file name to the SHA-256 that it must have.

    Returns:
        SHA-256 of every file copied, by name.

    Raises:
        BadInput: if there are no safetensors, the encoder asks for code of its own, or a checksum differs.
    """
    pretrained.check(source, "an encoder", "Correct the encoder's `source`.")
    digests = {}
    for file in sorted(source.iterdir()):
        if file.is_file() and file.suffix in _SUFFIXES:
            shutil.copyfile(file, target / file.name)
            digests[file.name] = sha256(target / file.name)
    check_sums(source, digests, checksums)
    return digests


def check_sums(source: Path, digests: Mapping[str, str], checksums: Mapping[str, str]) -> None:
    """Compares checksums of files.

    Args:
        source: the folder that they came from, for the error.
        digests: SHA-256 of each file, by name.
        checksums: those that files must have.

    Raises:
        BadInput: if a file is missing or has another one.
    """
    for name, expected in checksums.items():
        found = digests.get(name, "no such file")
        if found != expected:
            fix = "If the new file is the one that you want, put its checksum into params.yaml; else get the old one."
            raise BadInput(str(source / name), f"SHA-256 {expected}", found, fix)
