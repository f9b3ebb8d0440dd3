"""`embed`: turns the clean train and validation texts into one feature set."""

import shutil
from pathlib import Path
from typing import Any

from tasks import block, compute, features, rows
from tasks import encoder as encoders
from tasks.embed import tfidf, tokens, vectors
from tasks.embed.params import KINDS, FeatureParams, TfidfParams, TokenParams, VectorParams
from tasks.errors import BadInput, ParamsError, Problem
from tasks.files import replacing
from tasks.progress import log
from tasks.records import Record


def run(root: Path, item: str | None, record: Record) -> None:
    """Writes `data/features/<item>/` (see tasks/features.py for its form).

    Raises:
        BadInput: if the encoder has fewer positions than `max_tokens`, or no term is left to count.
    """
    if item is None:
        raise BadInput("python -m tasks embed", "the name of a feature set", "none", "Give one of `features`.")
    params = _params(root, item)
    resources = compute.read(root)
    resources.apply()
    tables = {split: rows.read(root / f"data/clean/{split}.parquet") for split in features.SPLITS}
    texts = {split: [params.rules.apply(str(text)) for text in table["text"]] for split, table in tables.items()}
    record.rows_in = record.rows_out = sum(len(split) for split in texts.values())
    with replacing(root / "data" / "features" / item) as folder:
        folder.mkdir(parents=True)
        for split, table in tables.items():
            features.write_rows(folder, split, table)
        dimensions = _make(root, folder, texts, params, resources)
        entries: dict[str, Any] = {
            "kind": params.kind,
            "params": params.model_dump(),
            "rows": {split: len(table) for split, table in tables.items()},
            "dimensions": dimensions,
        }
        features.write_manifest(folder, entries)
    if params.kind == "encoder":
        record.device = resources.device
        record.notes["precision"] = resources.precision
    log(f"{params.kind} of {record.rows_in:,} rows: {dimensions:,} {_UNITS[params.kind]}")


_UNITS = {"tfidf": "terms", "encoder": "dimensions", "tokens": "tokens in the longest row"}


def _params(root: Path, item: str) -> FeatureParams:
    at = f"features.{item}"
    node = block.load(root / block.PARAMS).get("features", {}).get(item)
    kind = node.get("kind") if isinstance(node, dict) else None
    if kind not in KINDS:
        raise ParamsError(block.PARAMS, [Problem(f"{at}.kind", f"one of {', '.join(KINDS)}", repr(kind))])
    return block.read(root, at, KINDS[kind])


def _make(
    root: Path, folder: Path, texts: dict[str, list[str]], params: FeatureParams, resources: compute.Compute
) -> int:
    if isinstance(params, TfidfParams):
        return tfidf.make(folder, texts, params)
    base = root / "models" / "encoders" / params.encoder
    _check_positions(base, params)
    # The network goes along, so that what reads the feature set needs nothing else.
    shutil.copytree(base, folder / "encoder")
    if isinstance(params, VectorParams):
        return vectors.make(folder, base, texts, params, resources)
    return tokens.make(folder, base, texts, params)


def _check_positions(base: Path, params: VectorParams | TokenParams) -> None:
    limit = encoders.max_positions(base)
    if params.max_tokens > limit:
        fix = "Lower `max_tokens` of the feature set."
        raise BadInput(f"encoder {params.encoder}", f"positions for {params.max_tokens} tokens", f"only {limit}", fix)
