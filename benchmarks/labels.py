"""`python -m benchmarks labels [--share 0.05] [--seeds 3]`: do planted label errors come first in the file for review?

Promised of TREC-6: of the rows whose label was made wrong, 70 % lie within the first tenth of
`reports/review/label_errors.csv`.
"""

import argparse
import sys
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.labelled import read
from benchmarks.recipes import TFIDF, VECTORS
from benchmarks.workspace import Workspace, data
from tasks import sheet

SET, FOLDS = "trec6", 5
FIRST, LEAST = 0.1, 0.7
"""The part of the file that is looked at, and the share of the planted rows that must lie there."""
CANDIDATES = {
    "linear_svm": {"features": "tfidf", "model": "linear_svm"},
    "frozen": {"features": "vectors", "model": "logistic_regression"},
}


def main(arguments: list[str]) -> None:
    """Prints the share that is found, one line a seed.

    Raises:
        SystemExit: if it is less than was promised for one of them.
    """
    parser = argparse.ArgumentParser("python -m benchmarks labels")
    parser.add_argument("--share", type=float, default=0.05, help="of the train rows that get a wrong label")
    parser.add_argument("--seeds", type=int, default=3, help="runs, each with other rows planted")
    chosen = parser.parse_args(arguments)
    texts, labels = read(SET, "train")
    short = []
    for seed in range(1, chosen.seeds + 1):
        wrong = plant(labels, chosen.share, seed)
        with tempfile.TemporaryDirectory() as folder:
            ranked, likely = run(Path(folder), texts, wrong, seed)
        planted = {f"r{row}" for row, (old, new) in enumerate(zip(labels, wrong, strict=True)) if old != new}
        share, there, hit = found(ranked, planted), planted & set(ranked), planted & likely
        print(
            f"seed {seed}: {share:.3f} of {len(there)} planted rows within the first {FIRST:.0%} of {len(ranked)}; "
            f"{len(likely)} rows count as likely errors, {len(hit)} of them planted",
            flush=True,
        )
        if share < LEAST:
            short.append(seed)
    if short:
        sys.exit(f"less than {LEAST:.0%} of the planted rows were found, of seed {', '.join(map(str, short))}")


def plant(labels: Sequence[str], share: float, seed: int) -> list[str]:
    """The labels with this share of them (rounded) wrong, each one of the other classes, all equally likely."""
    generator = np.random.default_rng(seed)
    classes = sorted(set(labels))
    wrong = list(labels)
    for row in generator.permutation(len(labels))[: round(share * len(labels))]:
        others = [one for one in classes if one != labels[row]]
        wrong[row] = others[generator.integers(len(others))]
    return wrong


def found(ranked: Sequence[str], planted: Collection[str]) -> float:
    """The share of the planted rows in the file that lie within its first part.

    Args:
        ranked: ids in the order of the file. A row that was merged or set aside before is not in it, so that nobody
            could have found it there.
    """
    there = [number for number, name in enumerate(ranked) if name in planted]
    return sum(number < FIRST * len(ranked) for number in there) / len(there)


def run(folder: Path, texts: Sequence[str], labels: Sequence[str], seed: int) -> tuple[list[str], set[str]]:
    """Runs the pipeline up to selection on these train rows.

    Args:
        folder: to work in.

    Returns:
        The ids in the order of the file for review, and those that count as likely errors.
    """
    ids = [f"r{row}" for row in range(len(texts))]
    pq.write_table(pa.table({"id": ids, "text": texts, "label": labels}), folder / "train.parquet")
    test = pq.read_table(data(SET) / "test.parquet", columns=["text", "label"])
    numbered = pa.array([f"t{number}" for number in range(test.num_rows)])
    pq.write_table(test.append_column("id", numbered), folder / "test.parquet")  # ids are looked for in all files
    workspace = Workspace(folder / "workspace", changes(folder, seed))
    workspace.regraft("run")
    file = workspace.folder / "reports/review/label_errors.csv"
    lines = [cells for _, cells in sheet.read(file, file.name, ("id", "likely_error"))]
    return [cells["id"] for cells in lines], {cells["id"] for cells in lines if cells["likely_error"] == "yes"}


def changes(folder: Path, seed: int) -> dict[str, Any]:
    """What of `params.yaml` is changed, by dotted key.

    Args:
        folder: holds the files of train and test rows, with the columns id, text and label.
    """
    return {
        "seed": seed,
        "ingest.sources": [str(folder / "train.parquet")],
        "ingest.test_sources": [str(folder / "test.parquet")],
        "ingest.columns": {"text": "text", "label": "label", "time": None, "id": "id"},
        "clean.split.validation": 0.02,
        "cross_validation.folds": FOLDS,
        "features": {"tfidf": TFIDF, "vectors": VECTORS},
        "candidates": CANDIDATES,
    }
