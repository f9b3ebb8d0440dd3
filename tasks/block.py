"""A block of `params.yaml`: strict, immutable, with every problem reported at once."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tasks.errors import BadInput, ParamsError, Problem

PARAMS = "params.yaml"


class Block(BaseModel):
    """Base of all parameter models: unknown keys and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


B = TypeVar("B", bound=BaseModel)


def load(path: Path) -> dict[str, Any]:
    """Reads a YAML 1.2 mapping, as DVC does (so that `1e-5` is a number in both).

    Raises:
        BadInput: if the file is missing, not YAML, or not a mapping.
    """
    try:
        tree = YAML(typ="safe").load(path)
    except FileNotFoundError:
        raise BadInput(str(path), "a parameter file", "no such file", "Run from the project's folder.") from None
    except (YAMLError, UnicodeDecodeError) as error:
        found = " ".join(str(error).split())
        raise BadInput(str(path), "valid YAML", found, "Correct that line.") from None
    if not isinstance(tree, dict):
        raise BadInput(str(path), "a mapping of blocks", type(tree).__name__, "See the documented params.yaml.")
    return tree


def parse(model: type[B], values: object, at: str = "", file: str = PARAMS) -> B:
    """Checks `values` against `model`.

    Args:
        at: the dotted path of the block, put before the path of each problem.

    Raises:
        ParamsError: with one `Problem` for each thing that is wrong.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ParamsError(file, problems(error, at)) from None


def read(root: Path, at: str, model: type[B]) -> B:
    """Reads one block, given by its dotted path, from the workspace's `params.yaml`.

    Raises:
        BadInput: if the file cannot be read.
        ParamsError: if the block is absent or wrong.
    """
    node: Any = load(root / PARAMS)
    for key in at.split("."):
        if not isinstance(node, dict) or key not in node:
            raise ParamsError(PARAMS, [Problem(at, "a block of parameters", "nothing")])
        node = node[key]
    return parse(model, node, at)


def problems(error: ValidationError, at: str = "") -> list[Problem]:
    """Turns pydantic's errors into ours, in the order of the model's fields."""
    return [_problem(detail, at) for detail in error.errors()]


def _problem(detail: Any, at: str) -> Problem:
    path = _join(at, (part for part in detail["loc"] if not _is_union_tag(part)))
    context = detail.get("ctx", {})
    given = "nothing" if detail["type"] == "missing" else _shown(detail["input"])
    if detail["type"] == "extra_forbidden":
        return Problem(path, "no such key", given)
    if "error" in context:  # raised by one of our own validators: its message says what is allowed
        # Of a whole block only the message can say which of its values do not agree.
        return Problem(path, str(context["error"]), "other values" if isinstance(detail["input"], dict) else given)
    message = detail["msg"]
    for prefix in ("Input should be ", "Value should be "):
        message = message.removeprefix(prefix)
    return Problem(path, "a value" if detail["type"] == "missing" else message, given)


def _join(at: str, parts: Iterable[object]) -> str:
    return ".".join(str(part) for part in (*filter(None, [at]), *parts)) or "(whole file)"


def _is_union_tag(part: object) -> bool:
    # Members of a plain union appear in pydantic's path by type name, which is not part of ours.
    return isinstance(part, str) and (part.endswith("]") or part in {"str", "int", "float", "bool", "none", "dict"})


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
