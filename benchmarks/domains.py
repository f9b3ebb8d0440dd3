"""`python -m benchmarks domains [--seeds N] [--target N] [--source N]`: from one domain to another.

The task is the same, positive or negative; the source domain is film reviews (SST-2), of which there are many rows,
and the target domain comments of an internet forum (GoEmotions), of which there are few; each seed draws other train
rows of both. Four ways to a classifier of comments are measured on the target's published test rows: docs/domains.md
has the commands of the third.

`--write` writes the files that docs/domains.md reads, and measures nothing.
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.recipes import FINETUNE, TOKENS
from benchmarks.workspace import Workspace, data

if TYPE_CHECKING:
    from benchmarks.answers import Answers

MOVIES, COMMENTS, TEST = "movies.csv", "comments.csv", "comments-test.csv"
EARLIER = "earlier"
"""The folder that the model of the source domain is copied to."""

_SOURCE, _TARGET = [MOVIES], [COMMENTS]
WAYS = {
    "source only": (_SOURCE, False),
    "target only": (_TARGET, False),
    "both together": ([MOVIES, COMMENTS], False),
    "source, then target": (_TARGET, True),
}
"""The files that each way learns from, and whether it starts from the model of the first."""

SOURCE_ROWS, TARGET_ROWS = 6000, 300
_FEWEST_WORDS = 4  # SST-2 has phrases of a single word among its train rows

# Emotions by whether they are positive or negative (Demszky et al. 2020, section 3.4, figure 2); comments with any
# other, with both sorts, or with none, belong to neither class.
EMOTIONS = {
    "positive": "admiration amusement approval caring desire excitement gratitude joy love optimism pride relief",
    "negative": "anger annoyance disappointment disapproval disgust embarrassment fear grief nervousness remorse "
    "sadness",
}


def main(arguments: list[str]) -> None:
    """Prints the accuracy of each way, with its gain over the target's rows alone."""
    parser = argparse.ArgumentParser("python -m benchmarks domains")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each way, each with another seed")
    parser.add_argument("--target", type=int, default=TARGET_ROWS, help="labelled rows of the target domain")
    parser.add_argument("--source", type=int, default=SOURCE_ROWS, help="labelled rows of the source domain")
    parser.add_argument("--rows", type=int, help="test rows, at most, to see whether it works")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write the rows there, and do nothing else")
    given = parser.parse_args(arguments)
    if given.write:
        given.write.mkdir(parents=True, exist_ok=True)
        write(given.write, given.source, given.target, given.rows)
        return
    found: dict[str, list[Answers]] = {name: [] for name in WAYS}
    for seed in range(1, given.seeds + 1):
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), given.source, given.target, given.rows, seed)
            for name, answers in run(Path(folder), seed).items():
                found[name].append(answers)
                print(f"seed {seed}: {name:20} {answers.score('accuracy'):.4f}", flush=True)
    _print(found)


def write(folder: Path, source: int, target: int, count: int | None = None, seed: int = 1) -> None:
    """Writes train rows of both domains, drawn at random, and the target's test rows, as CSV.

    Args:
        count: test rows, at most.
        seed: of the draw of train rows, which is a part of what is left to chance.
    """
    from benchmarks.labelled import read, write_csv

    texts, labels = read("sst2", "train")
    long = [(text, label) for text, label in zip(texts, labels, strict=True) if len(text.split()) >= _FEWEST_WORDS]
    write_csv(folder / MOVIES, _some(long, source, seed))
    write_csv(folder / COMMENTS, _some(comments("train"), target, seed))
    write_csv(folder / TEST, comments("test")[:count])


def comments(split: str) -> list[tuple[str, str]]:
    """The comments of a split that are positive or negative, each with which it is."""
    import pyarrow.parquet as pq

    table = pq.read_table(data("goemotions") / f"{split}.parquet")
    classes = {emotion: name for name, emotions in EMOTIONS.items() for emotion in emotions.split()}
    found = []
    for text, emotions in zip(table["text"].to_pylist(), table["label"].to_pylist(), strict=True):
        kinds = {classes.get(emotion) for emotion in emotions}
        if len(kinds) == 1 and None not in kinds:
            found.append((str(text), str(kinds.pop())))
    return found


def _some(rows: list[tuple[str, str]], count: int, seed: int) -> list[tuple[str, str]]:
    return [rows[number] for number in np.random.default_rng(seed).permutation(len(rows))[:count]]


def run(folder: Path, seed: int) -> "dict[str, Answers]":
    """Goes all ways in workspaces beside the rows, and lets each model answer the target's test rows."""
    from benchmarks.answers import on_test

    found = {}
    for number, name in enumerate(WAYS):
        workspace = Workspace(folder / f"way{number}", changes(name, folder) | {"seed": seed})
        workspace.regraft("run", "finetune")
        found[name] = on_test(workspace.folder, "candidates/finetune")
        if number == 0:
            shutil.copytree(workspace.folder / "models/candidates/finetune", folder / EARLIER)
    return found


def changes(name: str, folder: Path) -> dict[str, Any]:
    """What of `params.yaml` a way changes, by dotted key.

    Args:
        folder: holds the rows, and the model of the source domain.
    """
    files, warm = WAYS[name]
    start = {"warm_start": f"path:{folder / EARLIER}"} if warm else {}
    return {
        "ingest.sources": [str(folder / file) for file in files],
        "ingest.test_sources": [str(folder / TEST)],
        "ingest.columns": {"text": "text", "label": "label", "time": None, "id": None},
        "clean.split.validation": 0.05,
        "cross_validation.folds": 0,
        "features": {"tokens": TOKENS},
        "candidates": {"finetune": FINETUNE | start},
    }


def _print(found: "dict[str, list[Answers]]") -> None:
    from benchmarks.answers import gain

    print(f"{'way':20} {'accuracy':>8} {'macro F1':>8}  gain over the target alone, 95 % interval; each seed")
    for name, answers in found.items():
        means = [statistics.fmean(some.score(metric) for some in answers) for metric in ("accuracy", "macro_f1")]
        over = gain(answers, found["target only"], "accuracy")
        seeds = " ".join(f"{some.score('accuracy'):.4f}" for some in answers)
        gained = f"{over.mean:+.4f}, {over.low:+.4f} to {over.high:+.4f}"
        print(f"{name:20} {means[0]:8.4f} {means[1]:8.4f}  {gained}; {seeds}", flush=True)
