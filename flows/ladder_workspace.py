"""The ladder's own workspace, `.regraft/ladder/`: the project's code and data under other parameters.

What the project's graph reads is there by symbolic links, so that every path that is taken from the project's folder
means the same; what it makes is made anew. DVC's cache, and so its run cache, is the project's.
"""

import fnmatch
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tasks.block import PARAMS, load
from tasks.errors import BadInput
from tasks.files import remove, replacing

FOLDER = Path(".regraft/ladder")
_GRAPH, _IGNORE, _CONFIG = "dvc.yaml", ".dvcignore", ".dvc/config"
# Each workspace's own, besides what the graph makes.
_OWN = frozenset({PARAMS, _GRAPH, "dvc.lock", "links", "scratch", "costs", "reports"})
_READ = ("models/encoders/none",)  # stands where the graph makes its like
_PLACE = re.compile(r"(?P<kind>path:|file://|local://|hub:)?(?P<path>.*)", re.DOTALL)
_LINKS = "reflink,hardlink,copy"
"""How files of the cache come into the workspace, the first way that the disk knows: its models are many, and nobody
edits them, so that a second copy of each would only take room."""
_WITH_PATHS = ("ingest", "encoders", "features", "candidates", "evaluate", "clean.corrections")


def prepare(root: Path, params: Mapping[str, Any]) -> Path:
    """Brings the ladder's workspace up to date and returns its folder; what was made there stays.

    Args:
        root: the project, which must be held.
        params: what its `params.yaml` is to hold.

    Raises:
        BadInput: if a link in it leads out of it to where something is to be written.
    """
    folder = root / FOLDER
    graph = load(root / _GRAPH)
    linked = [path.relative_to(folder).as_posix() for path in _mirror(root, folder, "", _made(graph))]
    for name in _READ:
        if (root / name).exists() and (folder / name).resolve() != (root / name).resolve():
            _link(folder, name, root / name)
    _write(folder, _GRAPH, (root / _GRAPH).read_text(encoding="utf-8"))
    _write(folder, _IGNORE, _ignored(root, linked, graph))
    _write(folder, _CONFIG, _config(root))
    anchored = _anchored_params(params, root)
    _write(folder, PARAMS, json.dumps(anchored, indent=1, ensure_ascii=False) + "\n")  # JSON is YAML
    return folder


def _mirror(root: Path, folder: Path, below: str, made: set[str]) -> Iterator[Path]:
    """Links to all that lies in the project and is not made by it; yields each link."""
    place = folder / below
    if below and place.is_symlink():  # linked whole, as long as nothing in it was made
        place.unlink()
    place.mkdir(parents=True, exist_ok=True)
    for path in place.iterdir():
        if path.is_symlink() and not path.exists():
            path.unlink()  # its file is gone from the project
    for path in sorted((root / below).iterdir()):
        name = f"{below}/{path.name}" if below else path.name
        if path.name.startswith(".") or name in _OWN or any(_matches(name, pattern) for pattern in made):
            if name not in _READ and _leads_to(folder / name, path):
                (folder / name).unlink()  # it is made from now on
            continue
        if path.is_dir() and any(_matches(name, parent) for pattern in made for parent in _parents(pattern)):
            yield from _mirror(root, folder, name, made)
        else:
            _link(folder, name, path)
            yield folder / name


def _made(graph: Mapping[str, Any]) -> set[str]:
    """Patterns of everything that the graph makes, of all members of its fans."""
    return {path for stage in _stages(graph) for key in ("outs", "metrics", "plots") for path in _paths(stage, key)}


def _stages(graph: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [stage.get("do", stage) for stage in graph["stages"].values()]


def _paths(stage: Mapping[str, Any], key: str) -> list[str]:
    """A stage's paths; an entry is a path, or a mapping from one to how DVC is to treat it."""
    names = [name for entry in stage.get(key) or [] for name in (entry if isinstance(entry, dict) else [entry])]
    return [re.sub(r"\$\{[^}]*\}", "*", str(name)) for name in names]


def _parents(pattern: str) -> list[str]:
    return [parent.as_posix() for parent in Path(pattern).parents][:-1]


def _matches(name: str, pattern: str) -> bool:
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))


def _ignored(root: Path, linked: list[str], graph: Mapping[str, Any]) -> str:
    """The project's own patterns, and the links that no stage reads: DVC would walk through them."""
    own = root / _IGNORE
    deps = [path for stage in _stages(graph) for path in _paths(stage, "deps")]
    spare = [name for name in linked if not any(dep == name or dep.startswith(f"{name}/") for dep in deps)]
    text = own.read_text(encoding="utf-8") if own.exists() else ""
    return text + "".join(f"/{name}\n" for name in spare)


def _config(root: Path) -> str:
    """DVC's settings: the project's cache, and the way in which files are linked from there."""
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        cache, kinds = str(repo.cache.legacy.path), repo.config["cache"].get("type")
    kinds = kinds if isinstance(kinds, str) else ",".join(kinds or []) or _LINKS
    lines = ["[core]", "    analytics = false", "    no_scm = true", "[cache]", f'    dir = "{cache}"']
    return "\n".join([*lines, f'    type = "{kinds}"']) + "\n"


def _anchored_params(params: Mapping[str, Any], root: Path, above: str = "") -> dict[str, Any]:
    """The same parameters, with paths under the keys that hold any from where the project is."""
    made = {}
    for name, value in params.items():
        at = f"{above}{name}"
        if at in _WITH_PATHS:
            made[name] = _anchored(value, root)
        elif isinstance(value, Mapping) and any(path.startswith(f"{at}.") for path in _WITH_PATHS):
            made[name] = _anchored_params(value, root, f"{at}.")
        else:
            made[name] = value
    return made


def _anchored(value: Any, root: Path) -> Any:
    """The same value with paths that lead out of the project, from where the project is."""
    if isinstance(value, Mapping):
        return {name: _anchored(child, root) for name, child in value.items()}
    if isinstance(value, list):
        return [_anchored(child, root) for child in value]
    match = _PLACE.fullmatch(value) if isinstance(value, str) else None
    if match is None or not os.path.normpath(match["path"]).startswith("../"):
        return value
    return f"{match['kind'] or ''}{os.path.normpath(root / match['path'])}"


def _link(folder: Path, name: str, target: Path) -> None:
    path = _inside(folder, name)
    if _leads_to(path, target):
        return
    remove(path)
    with replacing(path) as partial:
        partial.symlink_to(target)


def _leads_to(path: Path, target: Path) -> bool:
    return path.is_symlink() and path.readlink() == target


def _write(folder: Path, name: str, text: str) -> None:
    path = _inside(folder, name)
    if path.is_symlink() or not path.is_file() or path.read_text(encoding="utf-8") != text:
        with replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")


def _inside(folder: Path, name: str) -> Path:
    """A path of the workspace; refused where a link on the way would have the project's own files replaced."""
    path = folder / name
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        where = f"{FOLDER}/{name}"
        raise BadInput(where, "a path within the ladder's own folder", "a link that leads out", f"Remove {FOLDER}.")
    return path
