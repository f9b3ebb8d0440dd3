"""Files of Regraft's own that travel in a model's folder, and that the folder of an older one may lack."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tasks.errors import BadInput

T = TypeVar("T")


def read(path: Path, expected: str, parse: Callable[[Path], T]) -> T | None:
    """Reads such a file; None if there is none.

    Args:
        expected: what it should be, for the error.
        parse: reads a file that is there; raises TypeError or ValueError, saying what was found, if it is spoilt.

    Raises:
        BadInput: if it is spoilt.
    """
    if not path.is_file():
        return None
    try:
        return parse(path)
    except (TypeError, ValueError) as error:
        fix = "Put the model back from where it was made, or make it anew with `regraft run`."
        raise BadInput(str(path), expected, " ".join(str(error).split()), fix) from None
