"""scikit-learn estimators on disk: skops files with a trusted list and the same bytes for the same estimator."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from tasks.errors import BadInput

TRUSTED = (
    "numpy.dtype",
    "scipy.sparse._csr.csr_matrix",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._TemperatureScaling",
)
"""Types beyond skops's own defaults that our files may hold; none of them runs code when it is loaded."""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold


def save(estimator: Any, path: Path) -> None:
    """Writes a fitted estimator.

    skops stores memory addresses as ids, a random file name for some members and the time of writing, and a
    vectorizer remembers the address of its stop words: all are replaced by counters or constants, so that equal
    estimators give equal bytes.

    Raises:
        ValueError: if the estimator holds types that `load` would refuse.
    """
    from skops import io as skops_io

    for part in estimator.get_params(deep=True).values():
        if hasattr(part, "_stop_words_id"):  # only saves scikit-learn a repeated check
            part._stop_words_id = 0
    content = skops_io.dumps(estimator)
    unknown = sorted(set(skops_io.get_untrusted_types(data=content)) - set(TRUSTED))
    if unknown:
        raise ValueError(f"types that are not on the trusted list: {', '.join(unknown)}")
    path.write_bytes(_canonical(content))


def load(path: Path) -> Any:
    """Loads an estimator written by `save`.

    Raises:
        BadInput: if the file holds types that are not trusted, or is no skops file.
    """
    from skops import io as skops_io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return skops_io.load(path, trusted=list(TRUSTED))
    except (UntrustedTypesFoundException, zipfile.BadZipFile, KeyError) as error:
        raise BadInput(
            str(path), "a model file that Regraft wrote", str(error), "Run `regraft run` to make it anew."
        ) from None


def _canonical(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        schema = json.loads(archive.read("schema.json"))
        members = {name: archive.read(name) for name in archive.namelist() if name != "schema.json"}
    ids: dict[int, int] = {}
    names: dict[str, str] = {}
    _renumber(schema, ids, names, set(members))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for old, new in names.items():
            archive.writestr(zipfile.ZipInfo(new, _EPOCH), members[old])
        archive.writestr(zipfile.ZipInfo("schema.json", _EPOCH), json.dumps(schema, separators=(",", ":")))
    return out.getvalue()


def _renumber(node: Any, ids: dict[int, int], names: dict[str, str], members: set[str]) -> None:
    """Replaces ids and member names by their order of appearance, in place."""
    if isinstance(node, list):
        for child in node:
            _renumber(child, ids, names, members)
        return
    if not isinstance(node, dict):
        return
    if isinstance(node.get("__loader__"), str):  # else it maps names, such as a vocabulary's words, to nodes
        if "__id__" in node:
            node["__id__"] = ids.setdefault(node["__id__"], len(ids))
        if node.get("file") in members:
            suffix = Path(node["file"]).suffix
            node["file"] = names.setdefault(node["file"], f"{len(names)}{suffix}")
    for child in node.values():
        _renumber(child, ids, names, members)
