"""Keeps the folder `links/`, in which DVC sees what lies outside the project and can change a result.

What is in it, and why, is told in `tasks.links`. Nothing is rewritten that is right already.
"""

import importlib.util
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from flows import sources
from flows.sources import Entry
from tasks.base_encoder import base_of
from tasks.block import PARAMS, load
from tasks.errors import BadInput
from tasks.files import remove, replacing
from tasks.links import (
    CHAMPION,
    CHECKS,
    CORRECTIONS,
    ENCODERS,
    LADDER,
    LIBRARIES,
    MODELS,
    SOURCES,
    TEXTS,
    TRANSLATORS,
    UNLABELLED,
    VECTORS,
    metadata_file,
    tokenizer_libraries,
)

_HUB = re.compile(r"(?P<id>[\w.-]+(/[\w.-]+)?)@(?P<revision>[0-9a-f]{40})")


def refresh(root: Path) -> None:
    """Brings `links/` up to date with `dvc.yaml`, `params.yaml` and what is installed.

    Raises:
        BadInput: if something that they name is missing.
    """
    params = load(root / PARAMS)
    graph = load(root / "dvc.yaml")
    _keep(root / LIBRARIES, {name: metadata_file(_installed(name)) for name in sorted(_libraries(graph))})
    encoders = params.get("encoders") or {}
    _keep(root / ENCODERS, {name: _encoder(root, base_of(name, encoders), encoders) for name in encoders})
    _keep(root / TEXTS, {name: _texts(root, f"encoders.{name}", entry, "texts") for name, entry in encoders.items()})
    features = params.get("features") or {}
    _keep(root / VECTORS, {name: _vectors(root, name, entry) for name, entry in features.items()})
    for part in ("there", "back", "libraries"):
        _keep(
            root / TRANSLATORS / part, {name: _translator(root, name, entry, part) for name, entry in features.items()}
        )
    students = params.get("students") or {}
    unlabelled = {
        name: (f"students.{name}.distillation", _value(entry, "distillation")) for name, entry in students.items()
    }
    _keep(root / UNLABELLED, {name: _texts(root, at, entry, "unlabelled") for name, (at, entry) in unlabelled.items()})
    trained = {
        name: _model(root, f"{kind}.{name}", entry)
        for kind in ("candidates", "students")
        for name, entry in (params.get(kind) or {}).items()
    }
    _keep(root / MODELS, trained)
    _keep(root / CHECKS, _texts(root, "evaluate", params.get("evaluate"), "checks"))
    _keep(root / CORRECTIONS, _texts(root, "clean", params.get("clean"), "corrections"))
    ingest = params.get("ingest") or {}
    declared = [*(ingest.get("sources") or []), *(ingest.get("test_sources") or [])]
    _keep(root / SOURCES, sources.entries(root, declared))
    _keep_one(root / LADDER, _ladder(root))
    refresh_champion(root)


def refresh_champion(root: Path) -> None:
    """Brings the link to the model in service up to date, so that DVC sees that it is another one."""
    champion = root / "models" / "champion"
    _keep_one(root / CHAMPION, champion.resolve() if champion.is_dir() else "none\n")


def refresh_ladder(root: Path) -> None:
    """Brings the link to the ladder up to date, so that DVC sees one that was just made."""
    _keep_one(root / LADDER, _ladder(root))


def _libraries(node: Any) -> set[str]:
    if isinstance(node, str):
        return {node.removeprefix(f"{LIBRARIES}/")} if node.startswith(f"{LIBRARIES}/") else set()
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return {name for child in children for name in _libraries(child)}


def _installed(name: str) -> Any:
    try:
        return distribution(name)
    except PackageNotFoundError:
        raise BadInput(name, "an installed library", "none in this environment", "Run `make setup`.") from None


def _encoder(root: Path, name: str, encoders: Mapping[str, Any]) -> Entry:
    """Where the files of an encoder are that has a place of its own, as `base_of` makes sure."""
    return _place(root, f"encoders.{name}.source", str(encoders[name]["source"]))


def _place(root: Path, at: str, source: str) -> Entry:
    """Where the files of a pretrained model are, as the parameter `at` tells."""
    where = f"{PARAMS}: {at}"
    kind, _, rest = source.partition(":")
    if kind == "package":
        return _packaged(where, rest)
    if kind == "path":
        folder = root / Path(rest).expanduser()
        if not folder.is_dir():
            raise BadInput(
                where, "an existing folder", rest, "Correct the path; it is taken from the project's folder."
            )
        return folder.resolve()
    match = _HUB.fullmatch(rest) if kind == "hub" else None
    if match is None:
        expected = "package:<module>, path:<folder> or hub:<id>@<revision of 40 hexadecimal digits>"
        fix = "Name the commit in full, so that the same model is taken each time."
        raise BadInput(where, expected, source, fix)
    return {"revision.txt": f"{match['id']}@{match['revision']}\n"}


def _vectors(root: Path, name: str, entry: Any) -> Entry:
    # Both keys may name a file, and then the same one.
    declared = {"vectors": entry, "augment.vectors": entry.get("augment") if isinstance(entry, dict) else None}
    named = {key: str(block.get("vectors")) for key, block in declared.items() if isinstance(block, dict)}
    key = next((key for key, vectors in named.items() if vectors.startswith("path:")), None)
    if key is None:
        return "none\n"
    rest = named[key].removeprefix("path:")
    file = root / Path(rest).expanduser()
    if not file.is_file():
        where = f"{PARAMS}: features.{name}.{key}"
        raise BadInput(where, "an existing file", rest, "Correct the path; it is taken from the project's folder.")
    return file.resolve()


def _translator(root: Path, name: str, entry: Any, part: str) -> Entry:
    # A link for each of the two, and not a folder of both: in a folder, DVC does not follow links to folders.
    translate = _value(_value(entry, "augment"), "translate")
    if translate is None:
        return "none\n"
    if part == "libraries":
        return tokenizer_libraries()
    return _place(root, f"features.{name}.augment.translate.{part}", str(_value(translate, part)))


def _texts(root: Path, at: str, entry: Any, key: str) -> dict[str, Entry]:
    return sources.texts(root, f"{at}.{key}", _value(entry, key) or [])


def _value(entry: Any, key: str) -> Any:
    return entry.get(key) if isinstance(entry, dict) else None


def _model(root: Path, at: str, entry: Any) -> Entry:
    kind, _, rest = str(_value(entry, "warm_start")).partition(":")
    if kind != "path":
        return "none\n"
    where = f"{PARAMS}: {at}.warm_start"
    folder = (root / Path(rest).expanduser()).resolve()
    if not folder.is_dir():
        raise BadInput(where, "an existing folder", rest, "Correct the path; it is taken from the project's folder.")
    if folder.is_relative_to((root / "models").resolve()):
        # Each run would make another model, and so never be done.
        raise BadInput(where, "a folder that no run writes", rest, "Copy the model out of models/, and name the copy.")
    return folder


def _ladder(root: Path) -> Entry:
    file = root / "reports" / "ladder.json"
    return file.resolve() if file.is_file() else "none\n"


def _packaged(where: str, module: str) -> Path:
    top, *inner = re.split(r"[./]", module)
    spec = importlib.util.find_spec(top) if top.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise BadInput(where, "an installed package", module, "Install it, or correct its name.")
    folder = Path(spec.submodule_search_locations[0]).joinpath(*inner)
    places = [place.parent for place in sorted(folder.rglob("config.json")) if any(place.parent.glob("*.safetensors"))]
    if not places:
        fix = "Name a package that holds a model in the form of transformers."
        raise BadInput(where, "a folder with config.json and *.safetensors", f"none in {module}", fix)
    if len(places) > 1:
        found = ", ".join(f"{top}/{place.relative_to(spec.submodule_search_locations[0])}" for place in places)
        raise BadInput(where, "one model", f"several: {found}", "Name the subfolder too.")
    return places[0]


def _keep(folder: Path, wanted: Mapping[str, Entry]) -> None:
    """Makes a folder hold exactly the entries that are wanted."""
    folder.mkdir(parents=True, exist_ok=True)
    for found in folder.iterdir():
        if found.name not in wanted:
            remove(found)
    for name, entry in wanted.items():
        _keep_one(folder / name, entry)


def _keep_one(path: Path, entry: Entry) -> None:
    if isinstance(entry, Path):
        _link(path, entry)
    elif isinstance(entry, str):
        _text(path, entry)
    else:
        if path.is_symlink() or path.is_file():
            remove(path)
        _keep(path, entry)


def _link(path: Path, target: Path) -> None:
    if path.is_symlink() and path.readlink() == target:
        return
    if not path.is_symlink():
        remove(path)
    with replacing(path) as partial:
        partial.symlink_to(target)


def _text(path: Path, text: str) -> None:
    if path.is_file() and not path.is_symlink() and path.read_text(encoding="utf-8") == text:
        return
    remove(path)
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
