"""`embed`: turns the clean train and validation texts into one feature set."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tasks import block, compute, features, links, rows
from tasks import encoder as encoders
from tasks.embed.params import KINDS, FeatureParams, TfidfParams, TokenParams, VectorParams, WordParams
from tasks.errors import BadInput, ParamsError, Problem
from tasks.files import replacing
from tasks.progress import log
from tasks.records import Record

if TYPE_CHECKING:
    from tasks.embed.copies import Copies

Texts = dict[str, list[str]]


def run(root: Path, item: str | None, record: Record) -> None:
    """Writes `data/features/<item>/` (see tasks/features.py for its form).

    Raises:
        BadInput: if the encoder cannot do what is asked of it, the file of word vectors is missing or broken, a model
            that translates cannot be used, or no term is left to count.
    """
    if item is None:
        raise BadInput("python -m tasks embed", "the name of a feature set", "none", "Give one of `features`.")
    params = _params(root, item)
    resources = compute.read(root)
    resources.apply()
    tables = {split: rows.read(root / f"data/clean/{split}.parquet") for split in features.SPLITS}
    texts = {split: [params.rules.apply(str(text)) for text in table["text"]] for split, table in tables.items()}
    record.rows_in = record.rows_out = sum(len(split) for split in texts.values())
    _log_empty(texts)
    copies = _copies(root, item, tables["train"], params, resources)
    if copies and copies.texts:
        texts[features.COPIES] = copies.texts
    with replacing(root / "data" / "features" / item) as folder:
        folder.mkdir(parents=True)
        for split, table in tables.items():
            features.write_rows(folder, split, table)
        if copies and copies.texts:
            features.write_copies(folder, tables["train"], copies.origins, copies.texts, copies.ways)
        made = _make(root, folder, item, texts, params, resources)
        entries: dict[str, Any] = {
            "kind": params.kind,
            "form": params.form,
            "params": params.model_dump(),
            "rows": {split: len(table) for split, table in tables.items()},
            **made,
        }
        if copies:
            entries["copies"] = record.notes["copies"] = len(copies.texts)
            record.notes["copies_dropped"] = copies.dropped
        features.write_manifest(folder, entries)
    if params.kind == "encoder" or (params.augment and params.augment.translate):
        record.device = resources.device
        record.notes["precision"] = resources.precision
    log(f"{params.kind} of {record.rows_in:,} rows: {made['dimensions']:,} {_UNITS[params.form]}")


_UNITS = {"sparse": "terms", "dense": "dimensions", "words": "dimensions a word", "tokens": "tokens in the longest row"}


def _params(root: Path, item: str) -> FeatureParams:
    at = f"features.{item}"
    node = block.load(root / block.PARAMS).get("features", {}).get(item)
    kind = node.get("kind") if isinstance(node, dict) else None
    if kind not in KINDS:
        raise ParamsError(block.PARAMS, [Problem(f"{at}.kind", f"one of {', '.join(KINDS)}", repr(kind))])
    return block.read(root, at, KINDS[kind])


def _log_empty(texts: Texts) -> None:
    for split, split_texts in texts.items():
        empty = sum(not text for text in split_texts)
        if empty:
            log(f"warning: nothing is left of {empty:,} of {len(split_texts):,} {split} texts after the rules")


def _copies(
    root: Path, item: str, train: pa.Table, params: FeatureParams, resources: compute.Compute
) -> "Copies | None":
    """Altered copies of the train rows, None where none are wanted; of other rows there are none."""
    if params.augment is None:
        return None
    from tasks.embed import copies

    file = _vector_file(root, item, "augment.vectors", params.augment.vectors)
    translations = None
    if params.augment.translate is not None:
        from tasks.embed.translations import prepare

        translations = prepare(root, item, params.augment.translate, resources)
    texts, ids, labels = (rows.strings(train, column) for column in ("text", "id", "label"))
    return copies.make(texts, ids, params.augment, params.rules.apply, file, resources.seed, translations, labels)


def _make(
    root: Path, folder: Path, item: str, texts: Texts, params: FeatureParams, resources: compute.Compute
) -> dict[str, Any]:
    # Each kind loads only the libraries that it needs.
    if isinstance(params, TfidfParams):
        from tasks.embed import tfidf

        return tfidf.make(folder, texts, params, resources.seed)
    if isinstance(params, VectorParams | TokenParams):
        return _of_encoder(root, folder, texts, params, resources)
    file = _vector_file(root, item, "vectors", params.vectors)
    if isinstance(params, WordParams):
        from tasks.embed import words

        return words.make(folder, texts, params, file, resources.seed)
    from tasks.embed import averages

    return averages.make(folder, texts, params, file, resources.seed)


def _of_encoder(
    root: Path, folder: Path, texts: Texts, params: VectorParams | TokenParams, resources: compute.Compute
) -> dict[str, Any]:
    from tasks.embed import encoder_copy, tokens, vectors

    base = root / "models" / "encoders" / params.encoder
    limit = encoders.max_positions(base)
    if params.max_tokens > limit:
        fix = "Lower `max_tokens` of the feature set."
        raise BadInput(f"encoder {params.encoder}", f"positions for {params.max_tokens} tokens", f"only {limit}", fix)
    layers = params.layers if isinstance(params, VectorParams) else None
    encoder_copy.place(base, folder, layers, resources.seed)
    if isinstance(params, VectorParams):
        return vectors.make(folder, texts, params, resources)
    return tokens.make(folder, texts, params)


def _vector_file(root: Path, item: str, key: str, vectors: str) -> Path | None:
    """The file that word vectors are read from, None if they are not; through the link that DVC looks at."""
    form, _, rest = vectors.partition(":")
    if form != "path":
        return None
    link, declared = root / links.VECTORS / item, root / Path(rest).expanduser()
    if not declared.is_file():
        fix = "Correct the path; it is taken from the project's folder."
        raise BadInput(f"features.{item}.{key}", "an existing file", rest, fix)
    if not (link.is_file() and link.samefile(declared)):
        found = "a link to another file" if link.is_file() else "none"
        raise BadInput(str(links.VECTORS / item), f"a link to {rest}", found, links.REFRESH)
    return link
