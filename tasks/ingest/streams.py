"""The bytes of a file: opened, decompressed, and with errors that say what to do."""

import errno
import lzma
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

import fsspec
import pyarrow as pa

from tasks.errors import BadInput, TransientError
from tasks.ingest import network
from tasks.ingest.places import Place

_BLOCK = 1 << 20
_MAY_PASS = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EBUSY, errno.EAGAIN, errno.ECONNRESET, errno.EINTR}


def open_bytes(place: Place) -> BinaryIO:
    """Opens a local file for reading, decompressed. Use it inside `reading`."""
    if place.compression is None:
        return Path(place.path).open("rb")
    if place.compression == "xz":
        return cast(BinaryIO, lzma.open(place.path))
    return cast(BinaryIO, pa.input_stream(place.path, compression=place.compression))


def blocks(place: Place) -> Iterator[bytes]:
    """The decompressed content in blocks of at most 1 MiB."""
    with open_bytes(place) as file:
        while block := file.read(_BLOCK):
            yield block


@contextmanager
def reading(place: Place) -> Iterator[None]:
    """Turns what goes wrong while a file is read into our errors.

    Raises:
        BadInput: if the file is gone, may not be read, is cut short or damaged.
        TransientError: if the device or the network failed in a way that may pass.
    """
    try:
        yield
    except FileNotFoundError:
        raise BadInput(place.name, "a file", "nothing there", "Correct the path in ingest.sources.") from None
    except PermissionError:
        raise BadInput(place.name, "a file that may be read", "no permission", "Give this user access.") from None
    except (EOFError, zlib.error, lzma.LZMAError, pa.ArrowInvalid) as error:
        raise _damaged(place, error) from None
    except OSError as error:
        if error.errno is None:  # raised by pyarrow about the content
            raise _damaged(place, error) from None
        if error.errno in _MAY_PASS:
            raise TransientError(f"{place.name}: reading failed ({error.strerror}). Run again.") from error
        raise


def _damaged(place: Place, error: Exception) -> BadInput:
    what = f"a whole {place.compression or place.suffix.lstrip('.')} file"
    fix = "Fetch or write the file again, or correct its suffix."
    return BadInput(place.name, what, f"a damaged or truncated one ({str(error).splitlines()[0]})", fix)


@contextmanager
def at_hand(place: Place, scratch: Path, seekable: bool) -> Iterator[Place]:
    """Yields the same file where it can be read several times: a remote one is copied for as long.

    Args:
        scratch: the folder for the copy.
        seekable: whether the reader jumps about in the file, so that it must be decompressed on disk.
    """
    if not place.url and not (seekable and place.compression):
        yield place
        return
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="copy-") as folder:
        if place.url:
            copy = Path(folder) / f"remote{place.suffix}{_suffix(place)}"
            _download(place, copy)
            place = replace(place, path=str(copy), url=False)
        if seekable and place.compression:
            plain = Path(folder) / f"plain{place.suffix}"
            with plain.open("wb") as file, open_bytes(place) as packed:
                shutil.copyfileobj(packed, file, _BLOCK)
            place = replace(place, path=str(plain))
        yield place


def _suffix(place: Place) -> str:
    # The copy keeps the suffix, because it tells how the file is compressed.
    last = Path(place.path.partition("?")[0]).suffix
    return last if place.compression else ""


def _download(place: Place, copy: Path) -> None:
    with copy.open("wb") as file:
        for block in _remote_blocks(place):
            file.write(block)  # outside the try below: a full disk here is no fault of the network


def _remote_blocks(place: Place) -> Iterator[bytes]:
    try:
        with fsspec.open(place.path, "rb") as remote:
            while block := remote.read(_BLOCK):
                yield block
    except FileNotFoundError:
        raise BadInput(place.name, "a file", "nothing there", "Correct the address in ingest.sources.") from None
    except PermissionError as error:
        raise BadInput(place.name, "a file that may be read", str(error), "Check the credentials.") from None
    except Exception as error:
        if not network.failed(error):
            raise
        raise TransientError(f"{place.name}: the transfer broke off ({error}). Run again.") from error
