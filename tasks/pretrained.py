"""The files of a pretrained model: where they come from, and what keeps loading them safe."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from tasks import links
from tasks.errors import BadInput, TransientError
from tasks.files import read_json

FORMS = r"package:[A-Za-z_]\w*(/[\w.\-/]+)?|path:.+|hub:[\w.\-]+(/[\w.\-]+)?@[0-9a-f]{40}"
ALLOWED = "`package:<module>`, `path:<folder>` or `hub:<id>@<commit of 40 hex digits>`"

_NEEDED_ONE_OF = ("model.safetensors", "model.safetensors.index.json")
_UNSAFE = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
# Never weights in pickle form, never code.
_FILES = ["*.safetensors", "*.json", "*.txt", "*.model", "*.spm"]


def _check_place(value: str) -> str:
    if not re.fullmatch(FORMS, value):
        raise ValueError(ALLOWED)
    return value


Place = Annotated[str, AfterValidator(_check_place)]
"""Where a model's files come from."""


def folder(root: Path, link: Path, source: str) -> Path:
    """The folder of the files, through the link that DVC looks at, or from the cache of the hub.

    Args:
        root: the workspace.
        link: in the folder `links/`, from the workspace's folder.
        source: a `Place`.

    Raises:
        BadInput: if the link leads somewhere else.
        TransientError: if the hub cannot be reached.
    """
    where, link = str(link), root / link
    form, _, rest = source.partition(":")
    if form == "hub":
        noted = link / "revision.txt"
        if noted.is_file() and noted.read_text(encoding="utf-8").strip() != rest:
            raise BadInput(where, f"a note of {rest}", "one of another revision", links.REFRESH)
        name, _, revision = rest.partition("@")
        return download(name, revision)
    if not link.is_dir():
        raise BadInput(where, f"a link to {source}", "none", links.REFRESH)
    there = root / Path(rest).expanduser()
    if form == "path" and not (there.exists() and link.samefile(there)):
        raise BadInput(where, f"a link to {rest}", "a link to another folder", links.REFRESH)
    if form == "package" and rest.split("/")[0] not in link.resolve().parts:
        raise BadInput(where, f"a link into {rest}", "a link to another folder", links.REFRESH)
    return link


def download(name: str, revision: str) -> Path:
    """The folder of a hub repository's files, from the local hub cache or the hub.

    Args:
        revision: a commit's 40 hex digits.

    Raises:
        BadInput: if the hub has no such repository or commit.
        TransientError: if the hub cannot be reached and the cache lacks the files.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=_FILES))
    except (RepositoryNotFoundError, RevisionNotFoundError):
        fix = "Correct it in params.yaml, or log in to the hub if the repository is private."
        raise BadInput(f"hub:{name}@{revision}", "a repository and commit on the hub", "none", fix) from None
    except (LocalEntryNotFoundError, HfHubHTTPError, ConnectionError, TimeoutError) as error:
        reason = " ".join(str(error).split())[:300]
        raise TransientError(f"hub:{name}@{revision}: the hub could not be reached ({reason})") from None


def check(place: Path, what: str, fix: str) -> None:
    """Checks that a folder holds a model that can be loaded without running code of its own.

    Args:
        what: the sort of model, with its article, for errors.
        fix: what to do where there is none.

    Raises:
        BadInput: if there is no configuration, no safetensors, or the model asks for code of its own.
    """
    if not place.is_dir():
        raise BadInput(str(place), f"a folder with {what}", "no such folder", fix)
    names = {file.name for file in place.iterdir()}
    if "config.json" not in names:
        raise BadInput(str(place), f"config.json in the folder of {what}", "none", fix)
    if not names.intersection(_NEEDED_ONE_OF):
        unsafe = sorted(name for name in names if name.endswith(_UNSAFE))
        found = f"only {', '.join(unsafe)}, which can run code when loaded" if unsafe else "none"
        raise BadInput(str(place), "weights in model.safetensors", found, "Convert the weights to safetensors.")
    if "auto_map" in read_json(place / "config.json"):
        other = f"Use {what} whose architecture transformers holds."
        raise BadInput(str(place / "config.json"), "no code of the model's own", "`auto_map`", other)
