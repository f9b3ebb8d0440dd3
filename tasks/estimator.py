"""scikit-learn estimators on disk: skops files with a trusted list and the same bytes for the same estimator."""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from tasks.errors import BadInput

TRUSTED = (
    "numpy.dtype",
    "scipy.sparse._csr.csr_matrix",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.tree._tree.Tree",
)
"""Types beyond skops's own defaults that our files may hold; none of them runs code when it is loaded.

The two sorts of trees follow the numbers in their nodes without looking, so `load` looks (see `_check_trees`).
"""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold
_LEVEL = 1  # of compression: higher ones take up to twice as long for a tenth less


def save(estimator: Any, path: Path) -> None:
    """Writes a fitted estimator.

    A vectorizer's terms are written as an array, its `vocabulary`, from which scikit-learn makes `vocabulary_` when it
    first needs it: skops writes a dictionary term by term, which takes seconds and a hundred times the space.

    skops stores memory addresses as ids, a random file name for some members and the time of writing, and a
    vectorizer remembers the address of its stop words: all are replaced by counters or constants, so that equal
    estimators give equal bytes.

    Raises:
        ValueError: if the estimator holds types that `load` would refuse.
    """
    from skops import io as skops_io

    parts = _parts(estimator)
    for part in parts:
        if hasattr(part, "_stop_words_id"):  # only saves scikit-learn a repeated check
            part._stop_words_id = 0
    with ExitStack() as stack:
        for part in parts:
            if isinstance(part, CountVectorizer):
                stack.enter_context(_compact(part))
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
        estimator = skops_io.load(path, trusted=list(TRUSTED))
        _check_trees(estimator)
        for part in _parts(estimator):
            if isinstance(part, CountVectorizer) and isinstance(part.vocabulary, np.ndarray):
                # As plain strings, which are found sooner than NumPy's.
                part.vocabulary_ = {term: number for number, term in enumerate(part.vocabulary.tolist())}
        return estimator
    except (UntrustedTypesFoundException, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise BadInput(
            str(path), "a model file that Regraft wrote", str(error), "Run `regraft run` to make it anew."
        ) from None


def _parts(estimator: Any) -> list[Any]:
    return [estimator, *estimator.get_params(deep=True).values()]


@contextmanager
def _compact(vectorizer: CountVectorizer) -> Iterator[None]:
    """Within it, a fitted vectorizer has its terms in an array instead of a dictionary."""
    terms = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)
    if not terms or any(term.endswith("\0") for term in terms):  # which an array would lose
        yield
        return
    whole = dict(vars(vectorizer))
    vectorizer.vocabulary, vectorizer.fixed_vocabulary_ = np.array(terms), True
    del vectorizer.vocabulary_
    try:
        yield
    finally:
        vars(vectorizer).clear()
        vars(vectorizer).update(whole)


def _canonical(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        schema = json.loads(archive.read("schema.json"))
        members = {name: archive.read(name) for name in archive.namelist() if name != "schema.json"}
    ids: dict[int, int] = {}
    names: dict[str, str] = {}
    _renumber(schema, ids, names, set(members))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for old, new in names.items():
            _write_member(archive, new, members[old])
        _write_member(archive, "schema.json", json.dumps(schema, separators=(",", ":")))
    return out.getvalue()


def _write_member(archive: zipfile.ZipFile, name: str, content: bytes | str) -> None:
    # Linear weights shrink to a half, the trees of a forest to a fifteenth, vocabularies to a fifth.
    archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED, _LEVEL)


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


def _check_trees(estimator: Any) -> None:
    """Makes sure that trees, which scikit-learn walks without looking, lead from node to later node within bounds.

    Raises:
        ValueError: if they don't.
    """
    for part in [step for _, step in getattr(estimator, "steps", [("", estimator)])]:
        for tree in getattr(part, "estimators_", []):
            nodes = tree.tree_.__getstate__()["nodes"]
            inner = nodes["left_child"] != -1
            _check_nodes(inner, nodes["left_child"], nodes["right_child"], nodes["feature"], part.n_features_in_)
        for predictor in (tree for trees in getattr(part, "_predictors", []) for tree in trees):
            nodes = predictor.nodes
            inner = nodes["is_leaf"] == 0
            _check_nodes(inner, nodes["left"], nodes["right"], nodes["feature_idx"], part.n_features_in_)
            if nodes["is_categorical"].any():
                raise ValueError("a tree that asks for categories")


def _check_nodes(inner: Any, left: Any, right: Any, feature: Any, features: int) -> None:
    numbers = np.arange(len(inner))
    for side in (left, right):
        if not ((numbers < side) & (side < len(inner)))[inner].all():
            raise ValueError("a tree that leads out of its nodes")
    if not ((feature >= 0) & (feature < features))[inner].all():
        raise ValueError(f"a tree that asks for other features than the {features} that there are")
