"""`--set key=value`: other parameters for one run, after which `params.yaml` holds what it held before.

DVC reads parameters from the file, so the file is changed for the time of the run. The original lies
beside it in the engine's folder meanwhile, so that it comes back even if the run is killed.
"""

import difflib
import hashlib
import io
import json
import shutil
import typing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import UnionType
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from flows.workspace import STATE
from tasks.block import PARAMS, load
from tasks.errors import BadInput
from tasks.files import replacing, sha256

_ORIGINAL, _NOTE = STATE / "params.yaml.original", STATE / "overrides.json"
_HEAD = "# Written by `regraft run --set` for the time of its run. The original comes back after it.\n"
_FIX = "Write it as key=value, such as `--set candidates.finetune.epochs=2`."


@contextmanager
def applied(root: Path, settings: Sequence[str], model: Any, say: Callable[[str], None] = print) -> Iterator[None]:
    """Holds `params.yaml` changed by `settings`; first of all undoes what a killed run left changed.

    Args:
        settings: `key=value` each, the value being YAML.
        model: the type that the whole of `params.yaml` is checked against; it tells which keys there can be.
        say: is told of what has been put back, or could not be.

    Raises:
        BadInput: if a setting is malformed or names a key that cannot be.
    """
    put_back(root, say)
    if not settings:
        yield
        return
    path = root / PARAMS
    changed = _changed(path, settings, model)
    note = {"original": sha256(path), "written": hashlib.sha256(changed).hexdigest(), "settings": list(settings)}
    with replacing(root / _ORIGINAL) as partial:
        shutil.copyfile(path, partial)
    with replacing(root / _NOTE) as partial:
        partial.write_text(json.dumps(note), encoding="utf-8")
    try:
        _write(path, changed)
        yield
    finally:
        put_back(root, say, expected=True)


def put_back(root: Path, say: Callable[[str], None], expected: bool = False) -> None:
    """Gives `params.yaml` its original content back, if it still holds what we wrote.

    Args:
        expected: whether this is the normal end of a run, which needs no word.
    """
    if not (root / _NOTE).exists():
        return
    note = json.loads((root / _NOTE).read_text(encoding="utf-8"))
    path, original = root / PARAMS, root / _ORIGINAL
    now = sha256(path) if path.exists() else ""
    if now == note["written"]:
        _write(path, original.read_bytes())
        if not expected:
            say(f"{PARAMS}: put back as it was before a killed run with --set {' '.join(note['settings'])}.")
    elif now != note["original"]:
        say(
            f"{PARAMS} was edited during a run with --set, so it is left as it is. It still holds "
            f"{' '.join(note['settings'])}; what it held before is in {_ORIGINAL}."
        )
        (root / _NOTE).unlink()
        return
    (root / _NOTE).unlink()
    original.unlink()


def _write(path: Path, content: bytes) -> None:
    target = path.resolve()
    with replacing(target) as partial:
        partial.write_bytes(content)
        shutil.copymode(target, partial)


def _changed(path: Path, settings: Sequence[str], model: Any) -> bytes:
    tree = load(path)
    for setting in settings:
        key, found, text = setting.partition("=")
        if not found or not key.strip() or not text.strip():
            raise BadInput("--set", "key=value", repr(setting), _FIX)
        try:
            value = YAML(typ="safe").load(text)
        except YAMLError as error:
            raise BadInput(f"--set {key}", "a YAML value", " ".join(str(error).split()), _FIX) from None
        _put(tree, key.strip().split("."), value, model)
    yaml = YAML(typ="safe")  # keeps no comments, but what it writes is read back by any reader, unlike its other mode
    yaml.default_flow_style = False
    # The order says which strategy of a ladder comes first.
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    content = io.BytesIO()
    content.write(_HEAD.encode())
    yaml.dump(tree, content)
    return content.getvalue()


def _put(tree: Any, parts: list[str], value: Any, model: Any) -> None:
    node = tree
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        if not isinstance(node, dict):
            found = f"{'.'.join(parts[:depth])}, which is {node!r}"
            raise BadInput("--set " + ".".join(parts), "a path of keys", found, "Set that value as a whole.")
        known = keys(model, parts[:depth])
        if part not in node and part not in (known or ()) and not (last and known is None):
            raise BadInput(
                f"--set {'.'.join(parts)}",
                "a known key",
                _unknown(parts[: depth + 1]),
                _near(".".join(parts[:depth]), part, {*map(str, node), *(known or ())}, tree, ".".join(parts)),
            )
        if last:
            node[part] = value
        else:
            if part not in node or node[part] is None:
                node[part] = {}
            node = node[part]


def _unknown(parts: list[str]) -> str:
    return f"no {parts[-1]!r} in {'.'.join(parts[:-1]) or PARAMS}"


def _near(at: str, part: str, names: set[str], tree: Any, whole: str) -> str:
    close = [f"{at}.{name}" if at else name for name in difflib.get_close_matches(part, sorted(names), n=3)]
    close = close or [path for path in _paths(tree) if path.rpartition(".")[2] == whole.rpartition(".")[2]]
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return f"There {'are' if len(names) != 1 else 'is'} {', '.join(sorted(names)) or 'nothing'}."


def _paths(node: Any, at: str = "") -> Iterator[str]:
    for name, child in node.items():
        path = f"{at}.{name}" if at else str(name)
        yield path
        if isinstance(child, dict):
            yield from _paths(child, path)


def keys(annotation: Any, parts: Sequence[str]) -> set[str] | None:
    """The keys that a mapping at the path `parts` below a type can have; None if any will do.

    Args:
        annotation: a pydantic model, `dict[str, ...]`, or a union of such, as in a field's annotation.
    """
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return keys(typing.get_args(annotation)[0], parts)
    if origin in (typing.Union, UnionType):
        found = [keys(member, parts) for member in typing.get_args(annotation) if member is not type(None)]
        return None if any(names is None for names in found) else {name for names in found for name in names or ()}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not parts:
            return set(annotation.model_fields)
        field = annotation.model_fields.get(parts[0])
        return set() if field is None else keys(field.annotation, parts[1:])
    if origin is dict and parts:
        return keys(typing.get_args(annotation)[1], parts[1:])
    return None if origin is dict or annotation in (Any, dict, None) else set()
