"""The folder `links/`: what lies outside the project and can change a result, where DVC can see it.

DVC notices a change only in files that it is told of. So the engine keeps links to the rest:

- `links/libraries/<distribution>`: to the installed distribution's `METADATA`, which holds its version;
- `links/sources/`: to data files outside `data/source/`, with `index.json` saying which is which;
- `links/encoders/<name>`: to the folder that an encoder is taken from, or a file with its hub revision; of an encoder
  that starts from another one, those of the other;
- `links/texts/<name>/`: to the files of texts that an encoder is adapted to, with `index.json` saying which is which;
- `links/vectors/<name>`: to the file that a feature set's word vectors, or those of its augmentation, are read from, or
  a file that says `none`;
- `links/translators/{there,back}/<name>`: of a feature set that is augmented by translation, to the folders of its two
  models, or a file with their hub revision, and `links/translators/libraries/<name>`, a file with the versions of the
  libraries that their tokenizers may want; of other feature sets, files that say `none`;
- `links/unlabelled/<student>/`: to the files of texts that a student learns from, in the same form;
- `links/checks/`: to the files of checks that every model is put to, in the same form;
- `links/corrections/`: to the files in which a person has corrected labels, in the same form;
- `links/models/<candidate>`: to the folder of the earlier model that its training starts from, or a file that says
  `none`;
- `links/champion`: to the folder of the model in service, or a file that says `none`;
- `links/ladder`: to `reports/ladder.json`, which `regraft ladder` writes, or a file that says `none`.

`regraft` (and `make setup`) refreshes the links; this module is how a stage reads and checks them.
"""

import glob
import os
import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from pathlib import Path

from tasks.errors import BadInput

FOLDER = Path("links")
LIBRARIES, SOURCES, ENCODERS = FOLDER / "libraries", FOLDER / "sources", FOLDER / "encoders"
VECTORS, MODELS, TEXTS, UNLABELLED = FOLDER / "vectors", FOLDER / "models", FOLDER / "texts", FOLDER / "unlabelled"
TRANSLATORS = FOLDER / "translators"
CHAMPION, LADDER, CHECKS = FOLDER / "champion", FOLDER / "ladder", FOLDER / "checks"
CORRECTIONS = FOLDER / "corrections"
INDEX = "index.json"
REFRESH = "Run `regraft explain` (it refreshes the links), then run again."


def metadata_file(dist: Distribution) -> Path:
    """The file of an installed distribution that names its version."""
    return Path(str(dist.locate_file(f"{_folder(dist)}/METADATA")))


def tokenizer_libraries() -> str:
    """A line for each library that some tokenizers of translators want, with its version or `none`.

    Regraft works without them, so that no link to what is installed could stand for them.
    """
    lines = []
    for name in ("sentencepiece", "sacremoses"):
        try:
            lines.append(f"{name} {version(name)}\n")
        except PackageNotFoundError:
            lines.append(f"{name} none\n")
    return "".join(lines)


def matching(root: Path, pattern: str) -> list[Path]:
    """The files that a path or a glob means, which may lie outside the project; none if there are none."""
    path = Path(pattern).expanduser()
    if (root / path).exists():
        return [root / path]
    # Not Path.glob: the pattern may be absolute.
    whole = str(path) if path.is_absolute() else f"{glob.escape(str(root))}/{path}"
    return [Path(one) for one in sorted(glob.glob(whole, recursive=True))]  # noqa: PTH207


def is_behind_link(root: Path, path: Path, folder: Path) -> bool:
    """Whether a path below a folder of the project leads through a linked folder, or is one.

    DVC follows links to files, but does not look into a folder that is a link itself.

    Args:
        root: the project's folder.
        path: not resolved; absolute, or from `root`.
        folder: from `root`; may be a link itself, which DVC does follow where it is a dependency.
    """
    top, path = (Path(os.path.normpath(root / one)) for one in (folder, path))
    if not path.is_relative_to(top):
        return False
    below = [
        top.joinpath(*path.relative_to(top).parts[:count]) for count in range(1, len(path.relative_to(top).parts) + 1)
    ]
    return any(one.is_symlink() and one.is_dir() for one in below)


def check(root: Path) -> None:
    """Checks that the libraries that DVC sees are those that this process imports.

    Raises:
        BadInput: if a link is broken, or leads to another version than that of this environment.
    """
    for link in sorted((root / LIBRARIES).glob("*")):
        try:
            own = metadata_file(distribution(link.name))
        except PackageNotFoundError:
            raise BadInput(link.name, "an installed library", "none in this environment", "Run `make setup`.") from None
        # By content, as DVC sees it: the temporary folders of `dvc exp run --temp` hold copies of the links.
        if not link.is_file() or link.read_bytes() != own.read_bytes():
            raise BadInput(str(link.relative_to(root)), f"a link to {own}", "a link to another version", REFRESH)


def _folder(dist: Distribution) -> str:
    # Not by `dist.files`: making paths of all files of some twenty libraries takes 0.2 s a stage.
    found = re.search(r"^([^/\n]+\.dist-info)/METADATA,", dist.read_text("RECORD") or "", re.MULTILINE)
    if found:
        return found[1]
    raise BadInput(dist.name, "an installed wheel with METADATA", "another form", "Install it with pip.")
